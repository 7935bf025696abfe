"""Run every check over one moment of the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction

from loyalty.selectors.reconciliation import ledger, sales, seals, standing
from loyalty.selectors.reconciliation.checks import Check, Difference

CHECKS = (*ledger.CHECKS, *sales.CHECKS, *standing.CHECKS, *seals.CHECKS)

LIMIT = 20  # differences kept of each check; the total is counted whole

# What has been looked at, for the person who reads "clean".
COUNTED = (
    ("members", "members_member"),
    ("accounts", "loyalty_account"),
    ("lots", "loyalty_lot"),
    ("entries", "loyalty_entry"),
    ("orders", "loyalty_order"),
    ("refunds", "loyalty_refund"),
    ("coupons", "loyalty_coupon"),
)


@dataclass(slots=True)
class Report:
    """``totals`` counts the differences of each check that found any; ``differences`` holds the
    first of each; ``counted`` says how many rows were looked at."""

    counted: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.totals

    def as_dict(self) -> dict[str, Any]:
        """Plain data, to be kept with the nightly run."""
        return {
            "counted": self.counted,
            "totals": self.totals,
            "differences": [asdict(difference) for difference in self.differences],
        }


def run(
    *, limit: int = LIMIT, progress: Callable[[Check, int, list[Difference]], None] | None = None
) -> Report:
    """Recompute everything; reads only. ``progress`` is told each check's total and first rows.

    ``limit`` (≥ 1) differences of each check are kept; all are counted.

    All checks see the same moment, unless the caller has a transaction open already.
    """
    report = Report()
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # Sorting and hashing whole tables: in memory where it fits.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        for name, table in COUNTED:
            cursor.execute(f"SELECT count(*) FROM {table}")
            report.counted[name] = cursor.fetchone()[0]
        for check in CHECKS:
            total, first = _look(cursor, check, limit)
            if total:
                report.totals[check.name] = total
                report.differences += first
            if progress is not None:
                progress(check, total, first)
    return report


def _look(cursor: Any, check: Check, limit: int) -> tuple[int, list[Difference]]:
    cursor.execute(
        "SELECT count(*) OVER (), f.* FROM (" + check.sql + ") AS"
        " f(member_id, subject_id, what, stored, recomputed)"
        " ORDER BY member_id NULLS FIRST, subject_id, what LIMIT %s",
        [limit],
    )
    rows = cursor.fetchall()
    first = [
        Difference(check.name, member_id, check.subject, subject_id, what, stored, recomputed)
        for _total, member_id, subject_id, what, stored, recomputed in rows
    ]
    return (rows[0][0] if rows else 0), first
