from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.datafolder import MARK, DataFolder
from config.embedded import CannotStart
from config.env import is_given
from config.management.asking import is_sure

# Kept: the printed logins, the key, and the certificate that phones trust already.
PARTS = ("postgres", "valkey", "media")


class Command(BaseCommand):
    help = "Empty the demo shop, so that the next start makes it as it was at first. Asks first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_args: Any, yes: bool, **_options: Any) -> None:
        folder = DataFolder(settings.DATA_DIR)
        self._check(folder)
        try:
            folder.open()
        except CannotStart as error:
            raise CommandError(str(error)) from error
        try:
            if not yes and not is_sure(
                f"Make the demo shop in {folder.path} as it was at first? Everything done in it "
                "since then is deleted."
            ):
                raise CommandError("Nothing was deleted.")
            folder.erase(*PARTS)
        finally:
            folder.close()
        self.stdout.write("The demo shop is as it was at first; its logins are the same.")

    def _check(self, folder: DataFolder) -> None:
        if settings.PRODUCTION:
            raise CommandError("demo_reset is for trials; this is production (HUITOU_ENV).")
        if not (folder.path / MARK).exists():
            raise CommandError(f"There is no demo shop in {folder.path} yet: make run opens one.")
        if not folder.holds_demo:
            raise CommandError(
                f"{folder.path} does not hold the demo shop, so nothing was deleted. "
                "Name the demo's folder with HUITOU_DATA=, or start over with make reset."
            )
        for name in ("DATABASE_URL", "REDIS_URL"):
            if is_given(name):
                raise CommandError(
                    f"{name} names a server of your own, and only the embedded ones are emptied: "
                    "empty it there, or take the setting away."
                )
