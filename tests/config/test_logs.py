"""What a log line may hold."""

import io
import json
import logging
import logging.config

from config.logs import logging_settings


def test_an_exception_is_logged_without_what_the_variables_held() -> None:
    settings = logging_settings(level="INFO", json_lines=True)
    line = io.StringIO()
    handler = logging.StreamHandler(line)
    factory = settings["formatters"]["lines"]
    handler.setFormatter(factory["()"](**{k: v for k, v in factory.items() if k != "()"}))
    logger = logging.Logger("probe")
    logger.addHandler(handler)
    password = "open-sesame-88"
    try:
        raise ValueError(f"{len(password)} letters")
    except ValueError:
        logger.exception("it failed")
    told = json.loads(line.getvalue())
    assert told["exception"][0]["exc_value"] == "14 letters"
    assert told["exception"][0]["frames"][0]["name"] == (
        "test_an_exception_is_logged_without_what_the_variables_held"
    )
    assert password not in line.getvalue()
