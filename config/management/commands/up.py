import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded import CannotStart
from config.launch import Launch, Options


class Command(BaseCommand):
    help = "Start the shop: database, queues, web server, worker and beat. Ctrl-C stops them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--empty", action="store_true", help="a shop without the demo's data")

    def handle(self, *_args: Any, empty: bool, **_options: Any) -> None:
        if empty and settings.HUITOU_ENV != "demo":
            raise CommandError(
                "--empty is for trials; this is production (HUITOU_ENV), which starts empty. "
                "createsuperuser makes its first login."
            )
        try:
            Launch(self._options(empty=empty), self._say).run()
        except CannotStart as error:
            raise CommandError(str(error)) from error

    def _options(self, *, empty: bool) -> Options:
        https = os.environ.get("HTTPS", "").lower() in ("1", "true", "yes", "on")
        port = os.environ.get("PORT") or ("8443" if https else "8000")
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise CommandError(f"PORT={port} is no port: choose a number from 1024 to 65535.")
        # Other devices may come in where the way is encrypted; else only this machine.
        host = os.environ.get("HOST") or ("0.0.0.0" if https else "127.0.0.1")  # noqa: S104
        return Options(
            base=settings.BASE_DIR,
            data=settings.DATA_DIR,
            host=host,
            port=int(port),
            https=https and not settings.PRODUCTION,
            demo=settings.HUITOU_ENV == "demo",
            empty=empty,
            site=next(iter(settings.CSRF_TRUSTED_ORIGINS), "") if settings.PRODUCTION else "",
        )

    def _say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
