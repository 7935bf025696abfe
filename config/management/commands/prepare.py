import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from config.datafolder import DataFolder
from config.health import forget_reports
from members import clock
from members.services import staff_changes


def _in_both(steps: Iterable[object]) -> list[str]:
    """The steps in every language of the house: a terminal does not say who sits before it."""
    told = []
    for language in reversed([code for code, _name in settings.LANGUAGES]):
        with translation.override(language):
            told += [str(step) for step in steps]
    return told


class Command(BaseCommand):
    help = "Bring database and static files up to date; in the demo, open the demo shop."
    # Looked at below: what is wrong is told in sentences.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--result", type=Path, help="file for logins and first steps (JSON)")
        parser.add_argument("--empty", action="store_true", help="no demo shop: one login, no data")

    def handle(self, *_args: Any, result: Path | None, empty: bool, **_options: Any) -> None:
        wrong = [found for found in run_checks() if found.is_serious()]
        if wrong:
            raise CommandError(" ".join(f"{found.msg} {found.hint or ''}" for found in wrong))
        call_command("migrate", verbosity=1, interactive=False)
        self._collect_static()
        forget_reports()
        found: dict[str, Any] = {}
        if settings.HUITOU_ENV == "demo":
            found = self._empty_shop() if empty else self._demo_shop()
        if result:
            result.touch(mode=0o600)
            result.write_text(json.dumps(found), "utf-8")

    def _demo_shop(self) -> dict[str, Any]:
        """Hook: `ensure_demo(passwords={login: password}, at=…)` returns what to try first."""
        if not find_spec("loyalty.demo"):
            return {}
        passwords = DataFolder(settings.DATA_DIR).demo_passwords()
        demo = import_module("loyalty.demo.shop")
        steps = demo.ensure_demo(passwords=passwords, at=clock.now())
        current_app.send_task("loyalty.fill_demo")
        return {"logins": passwords, "try_first": _in_both(steps or [])}

    def _empty_shop(self) -> dict[str, Any]:
        """One owner, and what to do first. A password that was changed is not told any more."""
        logins = DataFolder(settings.DATA_DIR).first_password()
        for login, password in logins.items():
            staff_changes.first_owner(login=login, password=password, at=clock.now())
        steps = (
            _("Sign in to the back office; its first page says what a new shop needs, in order."),
            _("Then open the counter and type a phone number: that is your first member."),
        )
        return {
            "logins": {
                login: password
                for login, password in logins.items()
                if staff_changes.opens(login=login, password=password)
            },
            "try_first": _in_both(steps),
        }

    def _collect_static(self) -> None:
        """Only when a file changed: hashing and compressing all of them takes seconds."""
        stamp = settings.STATIC_ROOT / ".stamp"
        mark = hashlib.sha256("\n".join(sorted(_static_files())).encode()).hexdigest()
        if stamp.exists() and stamp.read_text("ascii") == mark:
            return
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        stamp.write_text(mark, "ascii")


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            path = Path(storage.path(name))
            found = path.stat()
            yield f"{path} {found.st_size} {found.st_mtime_ns}"
