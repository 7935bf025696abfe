from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.datafolder import MARK, DataFolder
from config.embedded import CannotStart
from config.management.asking import is_sure


class Command(BaseCommand):
    help = "Delete the data folder with everything in it, for a fresh start. Asks first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_args: Any, yes: bool, **_options: Any) -> None:
        path = settings.DATA_DIR
        if settings.PRODUCTION:
            raise CommandError("reset is for trials; this is production (HUITOU_ENV).")
        if not (path / MARK).exists():
            raise CommandError(f"There is no data of Huitou in {path}.")
        if not yes and not is_sure(f"Delete {path} with all members, money and orders?"):
            raise CommandError("Nothing was deleted.")
        folder = DataFolder(path)
        try:
            folder.open()
        except CannotStart as error:
            raise CommandError(str(error)) from error
        folder.erase()
        self.stdout.write(f"Deleted {path}.")
