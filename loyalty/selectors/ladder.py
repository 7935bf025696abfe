"""How many members each tier holds, and would hold today with other thresholds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count

from loyalty.models import MemberStats
from loyalty.selectors.inputs import TRAILING


@dataclass(frozen=True, slots=True)
class Step:
    """A tier's way in: by spend alone, or by less spend together with check-ins. Fen."""

    threshold_fen: int
    dual_threshold_fen: int | None = None
    dual_checkins: int | None = None


PROGRESS = {
    "lifetime": """
        SELECT s.checkins_count AS checkins, s.basis_fen AS progress
        FROM loyalty_memberstats s JOIN members_member m ON m.id = s.member_id
        WHERE m.status <> 'closed' AND NOT m.is_test
    """,
    "trailing": """
        SELECT s.checkins_count AS checkins, COALESCE(o.progress, 0) AS progress
        FROM loyalty_memberstats s JOIN members_member m ON m.id = s.member_id
        LEFT JOIN (
            SELECT member_id, sum(basis_fen - refunded_basis_fen) AS progress
            FROM loyalty_order WHERE member_id IS NOT NULL AND at > %s GROUP BY member_id
        ) o ON o.member_id = s.member_id
        WHERE m.status <> 'closed' AND NOT m.is_test
    """,
}
REACHED = "(progress >= %s OR (%s::bigint IS NOT NULL AND progress >= %s AND checkins >= %s))"


def would_hold(*, steps: Sequence[Step], progress: str, at: dt.datetime) -> list[int]:
    """How many members have reached each step, and no higher one, by what they spent so far.

    ``steps`` rise; ``progress`` is the policy's word. Members kept in a tier by their time count
    where their spend puts them. One statement over all members.
    """
    if not steps:
        return []
    cases = []
    params: list[Any] = []
    for number, step in reversed(list(enumerate(steps))):
        cases.append(f"WHEN {REACHED} THEN {number}")
        params += [
            step.threshold_fen,
            step.dual_threshold_fen,
            step.dual_threshold_fen,
            step.dual_checkins,
        ]
    if progress == "trailing":
        params.append(at - TRAILING)
    query = (
        f"SELECT CASE {' '.join(cases)} END AS step, count(*) FROM ({PROGRESS[progress]}) p"
        " GROUP BY step"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        counts = dict(cursor.fetchall())
    return [counts.get(number, 0) for number in range(len(steps))]


@dataclass(frozen=True, slots=True)
class Price:
    """What a tier costs in points, and the tiers (their ids) from which it is a step up."""

    points: int
    below: tuple[int, ...]


# As a member sees their points: what is left in lots that have not ended, less what they owe.
SPENDABLE = """
SELECT s.tier_id, a.balance - COALESCE((
    SELECT sum(l.points_left) FROM loyalty_lot l
    WHERE l.member_id = a.member_id AND l.asset = 'points' AND l.points_left > 0
        AND l.expires_at <= %s
), 0) AS points
FROM loyalty_account a JOIN loyalty_memberstats s ON s.member_id = a.member_id
JOIN members_member m ON m.id = a.member_id
WHERE a.kind = 'points' AND a.balance >= %s AND m.status = 'active' AND NOT m.is_test
"""


def could_buy(*, prices: Sequence[Price], at: dt.datetime) -> list[int]:
    """How many members hold a tier's price and stand below it. One statement over all members."""
    if not prices:
        return []
    counts = ", ".join(
        "count(*) FILTER (WHERE points >= %s AND (tier_id IS NULL OR tier_id = ANY(%s)))"
        for _price in prices
    )
    params: list[Any] = []
    for price in prices:
        params += [price.points, list(price.below)]
    params += [at, min(price.points for price in prices)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts} FROM ({SPENDABLE}) p", params)
        return list(cursor.fetchone())


def holds_now() -> dict[int, int]:
    """Members in each tier."""
    rows = (
        MemberStats.objects.filter(tier__isnull=False, member__is_test=False)
        .exclude(member__status="closed")
        .values_list("tier")
        .annotate(count=Count("pk"))
        .order_by()
    )
    return {int(tier or 0): count for tier, count in rows}
