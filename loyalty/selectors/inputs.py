"""What a settlement needs to know of a member, in one statement."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from loyalty.settlement.rulebook import WalletCoupon
from loyalty.settlement.types import ValueLot
from members import statements

TRAILING = dt.timedelta(days=365)
# A quota's longest period but "once and for all" is a calendar year, which may have 366 days.
QUOTA_PERIOD = dt.timedelta(days=366)

LOAD = """
SELECT m.id, m.public_id, m.name, m.phone, m.status, m.birth_month, m.birth_day,
    s.tier_id, s.tier_since, s.tier_until, s.first_order_at, s.last_order_at, s.orders_count,
    s.net_fen, s.basis_fen, s.checkins_count, s.category_weeks, p.ruleset_id, r.content_hash,
    ARRAY(SELECT tag_id FROM members_member_tags t WHERE t.member_id = m.id),
    (SELECT json_agg(json_build_array(c.id, c.template_id, c.uses_left,
            floor(extract(epoch FROM c.valid_from))::bigint,
            ceil(extract(epoch FROM c.expires_at))::bigint) ORDER BY c.expires_at, c.id)
        FROM loyalty_coupon c
        WHERE c.member_id = m.id AND c.status = 'active' AND c.expires_at > %(at)s),
    (SELECT json_agg(json_build_array(l.id, l.points_left, extract(epoch FROM l.expires_at))
            ORDER BY l.expires_at, l.id)
        FROM loyalty_lot l
        WHERE l.member_id = m.id AND l.asset = 'points' AND l.points_left > 0
            AND l.expires_at > %(at)s),
    (SELECT json_agg(json_build_array(l.id, l.principal_left, l.bonus_left)
            ORDER BY l.issued_at, l.id)
        FROM loyalty_lot l
        WHERE l.member_id = m.id AND l.asset = 'value'
            AND (l.principal_left > 0 OR l.bonus_left > 0)),
    (SELECT COALESCE(sum(o.basis_fen - o.refunded_basis_fen), 0)::bigint
        FROM loyalty_order o WHERE o.member_id = m.id AND o.at > %(since)s),
    (SELECT json_agg(json_build_array(q.benefit_id, q.period, q.number))
        FROM loyalty_quotause q WHERE q.member_id = m.id
            AND (q.at > %(quota_since)s OR q.period = 'ever')),
    a.debt, a.balance,
    (SELECT c.number FROM members_card c
        WHERE c.member_id = m.id AND c.status IN ('active', 'frozen')),
    m.phone_proved_at IS NOT NULL
FROM members_member m
JOIN loyalty_memberstats s ON s.member_id = m.id
LEFT JOIN loyalty_account a ON a.member_id = m.id AND a.kind = 'points'
LEFT JOIN loyalty_policy p ON p.id = 1
LEFT JOIN loyalty_ruleset r ON r.id = p.ruleset_id
WHERE m.id = %(member)s
"""


@dataclass(frozen=True, slots=True)
class OpenPointsLot:
    id: int
    left: int
    expires_epoch: float


@dataclass(frozen=True, slots=True)
class Standing:
    """A member as the settlement sees them at one moment. Read under the accounts' lock in
    settle, without it in quote."""

    id: int
    public_id: str
    name: str
    phone: str | None
    status: str
    birth_month: int | None
    birth_day: int | None
    tier_id: int | None
    tier_since: dt.date | None
    tier_until: dt.date | None
    first_order_at: dt.datetime | None
    last_order_at: dt.datetime | None
    orders_count: int
    net_fen: int
    basis_fen: int
    checkins: int
    category_weeks: dict[str, list[str]]
    ruleset_id: int | None
    content_hash: str | None
    tags: frozenset[int]
    coupons: tuple[WalletCoupon, ...]
    points_lots: tuple[OpenPointsLot, ...]
    value_lots: tuple[ValueLot, ...]
    trailing_basis_fen: int
    quota_uses: tuple[tuple[int, str, int], ...]  # benefit id, period, number
    points_debt: int
    points_balance: int
    card_number: str | None
    is_phone_proved: bool

    @property
    def spendable_points(self) -> int:
        """What may be spent now: unexpired lots, less what is owed."""
        return max(sum(lot.left for lot in self.points_lots) - self.points_debt, 0)

    @property
    def value_fen(self) -> int:
        return sum(lot.principal_fen + lot.bonus_fen for lot in self.value_lots)


def _rows(text: Any) -> list[list[Any]]:
    if text is None:
        return []
    return json.loads(text) if isinstance(text, str) else list(text)


def load(*, member_id: int, at: dt.datetime) -> Standing | None:
    """One member's standing, or None when there is no such member."""
    rows = statements.run(
        LOAD,
        {
            "member": member_id,
            "at": at,
            "since": at - TRAILING,
            "quota_since": at - QUOTA_PERIOD,
        },
    )
    if not rows:
        return None
    row = rows[0]
    weeks = row[16]
    values: list[Any] = [
        row[0],
        str(row[1]),
        *row[2:16],
        json.loads(weeks) if isinstance(weeks, str) else weeks,
        row[17],
        row[18],
        frozenset(row[19]),
        tuple(WalletCoupon(*item) for item in _rows(row[20])),
        tuple(OpenPointsLot(*item) for item in _rows(row[21])),
        tuple(ValueLot(*item) for item in _rows(row[22])),
        row[23],
        tuple((benefit, period, number) for benefit, period, number in _rows(row[24])),
        row[25] or 0,
        row[26] or 0,
        row[27],
        row[28],
    ]
    return Standing(*values)


def current_rules() -> tuple[int, str] | None:
    """(id, content hash) of the rule set in force, or None before the first publication."""
    rows = statements.run(
        "SELECT r.id, r.content_hash FROM loyalty_policy p"
        " JOIN loyalty_ruleset r ON r.id = p.ruleset_id WHERE p.id = 1"
    )
    return (rows[0][0], rows[0][1]) if rows else None


def products(ids: list[int]) -> dict[int, tuple[str, int | None, int | None]]:
    """Articles by id: (name, price in fen, category id)."""
    if not ids:
        return {}
    rows = statements.run(
        "SELECT id, name, price_fen, category_id FROM loyalty_product WHERE id = ANY(%s)",
        [sorted(set(ids))],
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def product_ids(skus: Collection[str]) -> dict[str, int]:
    """Articles' ids by SKU; what is not known is not in it."""
    if not skus:
        return {}
    rows = statements.run("SELECT sku, id FROM loyalty_product WHERE sku = ANY(%s)", [sorted(skus)])
    return {row[0]: row[1] for row in rows}
