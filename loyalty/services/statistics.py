"""The member's one row of figures, written with every sale and every refund."""

from __future__ import annotations

import datetime as dt
import json

from loyalty.selectors.inputs import Standing
from loyalty.services.working import Worked
from members import clock, statements

WEEKS_KEPT = 12

COUNT = """
UPDATE loyalty_memberstats SET
    first_order_at = CASE WHEN %(counts)s = 1 THEN LEAST(first_order_at, %(at)s)
        ELSE first_order_at END,
    last_order_at = CASE WHEN %(counts)s = 1 THEN GREATEST(last_order_at, %(at)s)
        ELSE last_order_at END,
    orders_count = orders_count + %(counts)s, net_fen = net_fen + %(net)s,
    basis_fen = basis_fen + %(basis)s, category_weeks = %(weeks)s::jsonb,
    tier_id = COALESCE(%(tier)s::bigint, tier_id),
    tier_since = COALESCE(%(since)s::date, tier_since),
    tier_until = COALESCE(%(until)s::date, tier_until)
WHERE member_id = %(member)s
"""


def category_weeks(standing: Standing, worked: Worked, day: dt.date) -> dict[str, list[str]]:
    """The member's category weeks with this sale's added: Mondays, newest last."""
    monday = (day - dt.timedelta(days=day.weekday())).isoformat()
    weeks = {key: list(value) for key, value in standing.category_weeks.items()}
    for line in worked.inputs.lines:
        for category in line.category_ids:
            held = weeks.setdefault(str(category), [])
            if monday not in held:
                weeks[str(category)] = sorted([*held, monday])[-WEEKS_KEPT:]
    return weeks


def count_order(
    *,
    standing: Standing,
    worked: Worked,
    promotion: tuple[int, dt.date, dt.date] | None,
    at: dt.datetime,
) -> None:
    """Add a settled sale to the member's figures, and the tier it promotes to, if any.

    A sale of nothing (an amount of zero) is kept but does not count.
    """
    result = worked.settlement
    tier, since, until = promotion or (None, None, None)
    statements.run(
        COUNT,
        {
            "member": standing.id,
            "at": at,
            "counts": int(result.gross_fen > 0 or bool(result.coupon_uses)),
            "net": result.other_fen + result.principal_fen,
            "basis": result.basis_fen,
            "weeks": json.dumps(category_weeks(standing, worked, clock.local_date(at))),
            "tier": tier,
            "since": since,
            "until": until,
        },
    )


REFUND = """
UPDATE loyalty_memberstats SET
    orders_count = orders_count - %(undone)s, net_fen = net_fen - %(net)s,
    basis_fen = basis_fen - %(basis)s,
    first_order_at = CASE WHEN %(undone)s = 0 THEN first_order_at ELSE
        (SELECT min(at) FROM loyalty_order WHERE member_id = %(member)s AND is_valid) END,
    last_order_at = CASE WHEN %(undone)s = 0 THEN last_order_at ELSE
        (SELECT max(at) FROM loyalty_order WHERE member_id = %(member)s AND is_valid) END
WHERE member_id = %(member)s
"""


def take_back(*, member_id: int, net_fen: int, basis_fen: int, undone: bool) -> None:
    """Take a refund off the member's figures; ``undone`` when the order no longer counts.

    Called after the order's own row says so. The tier is lowered by the nightly run only.
    """
    statements.run(
        REFUND,
        {"member": member_id, "net": net_fen, "basis": basis_fen, "undone": int(undone)},
    )
