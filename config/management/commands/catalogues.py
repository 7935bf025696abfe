from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import catalogues


class Command(BaseCommand):
    help = "Add new sentences to the Chinese catalogue and compile it; --check only looks."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        found = (catalogues.check if check else catalogues.update)(settings.BASE_DIR)
        for fault in found:
            self.stderr.write(fault)
        if found and check:
            raise CommandError(f"{len(found)} faults in the Chinese catalogue.")
        self.stdout.write(f"Chinese catalogue: {len(found)} faults.")
