from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from loyalty.imports.receipts import Summary, import_receipts
from loyalty.money import format_yuan
from members import clock
from members.errors import Refusal

ROWS_LEFT_OUT = 3  # exit status: done, but some rows were left out


class Command(BaseCommand):
    help = (
        "Takes over members, articles, receipts and campaigns from a folder of CSV files as "
        "facts. Repeating it adds only what is new. Exit status 1: nothing was changed; "
        f"{ROWS_LEFT_OUT}: done, but some rows were left out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder that holds the CSV files")
        parser.add_argument(
            "--before", required=True, metavar="DATE", help="take receipts of days before this one"
        )
        parser.add_argument(
            "--tz", required=True, metavar="ZONE", help="what the local times mean: Asia/Shanghai"
        )
        parser.add_argument(
            "--points",
            action="store_true",
            help="give points for the receipts added, by the present rules, as if earned then",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            summary = import_receipts(
                folder=options["folder"].expanduser().absolute(),
                before=options["before"],
                zone=options["tz"],
                with_points=options["points"],
                actor=None,
                at=clock.now(),
                progress=self._say,
            )
        except Refusal as error:
            raise CommandError(f"{error.message} [{error.code}]") from error
        self._tell(summary, with_points=options["points"])
        problems = summary.problems
        if problems.found:
            path = problems.write(folder=options["folder"].expanduser().absolute())
            raise CommandError(
                _("%(count)s rows were left out; see %(path)s. Mend them and import again.")
                % {"count": len(problems.found), "path": path},
                returncode=ROWS_LEFT_OUT,
            )

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()

    def _tell(self, summary: Summary, *, with_points: bool) -> None:
        labels = {
            "members": _("members"),
            "shops": _("shops"),
            "categories": _("categories"),
            "articles": _("articles"),
            "placeholders": _("placeholders for unknown articles"),
            "placeholders_named": _("placeholders named"),
            "orders": _("orders"),
            "order_lines": _("order lines"),
            "campaigns": _("campaigns"),
            "targets": _("campaign targets"),
            "redemptions": _("redemptions"),
        }
        found = summary.found
        self.stdout.write(
            _("Read: %(receipts)s receipts with %(lines)s lines; %(later)s later receipts wait.")
            % {
                "receipts": f"{found.receipts:,}",
                "lines": f"{found.lines:,}",
                "later": f"{found.later:,}",
            }
        )
        if not summary.is_new:
            self.stdout.write(_("Everything was there already: 0 new rows."))
            return
        self.stdout.write(_("Added:"))
        for name, label in labels.items():
            self.stdout.write(f"  {summary.added[name]:>9,}  {label}")
        self.stdout.write(_("Paid: %(amount)s") % {"amount": format_yuan(summary.paid_fen)})
        if with_points:
            self.stdout.write(_("Points given: %(points)s") % {"points": f"{summary.points:,}"})
