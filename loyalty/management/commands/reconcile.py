from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.selectors import reconciliation
from loyalty.selectors.reconciliation import Check, Difference


class Command(BaseCommand):
    help = (
        "Recomputes balances, lots, orders, refunds, coupons and members' figures from what they "
        "are made of, and names each difference. Exit status 1: something differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--limit",
            type=int,
            default=reconciliation.LIMIT,
            help="differences shown of each check (all are counted)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = reconciliation.run(limit=max(options["limit"], 1), progress=self._tell)
        labels = {
            "members": _("members"),
            "accounts": _("accounts"),
            "lots": _("lots"),
            "entries": _("entries"),
            "orders": _("orders"),
            "refunds": _("refunds"),
            "coupons": _("coupons"),
        }
        counted = ", ".join(f"{count:,} {labels[name]}" for name, count in report.counted.items())
        checks = len(reconciliation.CHECKS)
        if report.is_clean:
            self.stdout.write(
                _("clean: %(checks)s checks, %(counted)s") % {"checks": checks, "counted": counted}
            )
            return
        total = sum(report.totals.values())
        self.stdout.write(
            ngettext(
                "%(total)s difference in %(kinds)s of %(checks)s checks (%(counted)s)",
                "%(total)s differences in %(kinds)s of %(checks)s checks (%(counted)s)",
                total,
            )
            % {
                "total": f"{total:,}",
                "kinds": len(report.totals),
                "checks": checks,
                "counted": counted,
            }
        )
        sys.exit(1)

    def _tell(self, check: Check, total: int, first: list[Difference]) -> None:
        if not total:
            return
        self.stdout.write(f"{check.name}: {total:,}  {check.label}")
        for row in first:
            member = "-" if row.member_id is None else row.member_id
            text = _(
                "member %(member)s, %(subject)s %(id)s, %(what)s: %(stored)s, not %(right)s"
            ) % {
                "member": member,
                "subject": row.subject,
                "id": "-" if row.subject_id is None else row.subject_id,
                "what": row.what,
                "stored": row.stored,
                "right": row.recomputed,
            }
            self.stdout.write(f"  {text}")
        if total > len(first):
            more = _("and %(more)s more") % {"more": f"{total - len(first):,}"}
            self.stdout.write(f"  … {more}")
