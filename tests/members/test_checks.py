import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from members.checks import card_prefix, wechat

BASE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("prefix", ["9012", "90", "654321", "31", "16", "24", "61"])
def test_prefixes_that_are_ours(prefix: str) -> None:
    with override_settings(CARD_PREFIX=prefix):
        assert card_prefix(None) == []


@pytest.mark.parametrize(
    "prefix", ["", "9", "1012", "1599", "2512", "2900", "30", "6212", "9012345", "90a1", "９０１２"]
)
def test_prefixes_that_are_not(prefix: str) -> None:
    with override_settings(CARD_PREFIX=prefix):
        assert [message.id for message in card_prefix(None)] == ["members.E001"]


APP_ID = "wx0123456789abcdef"
HALVES = [
    ({}, []),
    ({"WECHAT_APPID": APP_ID, "WECHAT_SECRET": "s"}, []),
    ({"WECHAT_MINI_APPID": APP_ID, "WECHAT_MINI_SECRET": "s"}, []),
    ({"WECHAT_APPID": APP_ID}, ["members.E002"]),
    ({"WECHAT_SECRET": "s"}, ["members.E002"]),
    ({"WECHAT_MINI_SECRET": "s"}, ["members.E002"]),
    ({"WECHAT_MINI_APPID": "1234", "WECHAT_MINI_SECRET": "s"}, ["members.E003"]),
    ({"WECHAT_API_URL": "http://proxy"}, []),
    ({"WECHAT_API_URL": "http://proxy", "PRODUCTION": True}, ["members.E004"]),
]


@pytest.mark.parametrize(("given", "faults"), HALVES)
def test_wechat_half_set_up_is_named_with_a_hint(
    given: dict[str, object], faults: list[str]
) -> None:
    with override_settings(**given):
        found = wechat(None)
    assert [message.id for message in found] == faults
    assert all(message.hint for message in found)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 32)
    env = {
        **os.environ,
        "HUITOU_ENV": "demo",
        "WECHAT_APPID": APP_ID,
        "WECHAT_SECRET_FILE": str(tmp_path / "secret"),
    }
    code = "from django.conf import settings; print(settings.WECHAT_SECRET)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE, env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == "s" * 32, done.stderr
