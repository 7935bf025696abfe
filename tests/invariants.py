"""What must hold of the rows at any moment, each as a query for the rows that break it.

Written apart from the product (and from its reconciliation) on purpose: one is to find what the
other overlooks. ``LEDGER`` is what a reader beside the sales checks in one snapshot; ``ALL`` adds
what orders, refunds, coupons and figures must agree on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

LEDGER: dict[str, str] = {
    "a balance is the sum of its entries": """
        SELECT a.id::text FROM loyalty_account a
        LEFT JOIN (SELECT account_id, sum(delta) AS sum FROM loyalty_entry GROUP BY 1) e
            ON e.account_id = a.id
        WHERE a.balance <> COALESCE(e.sum, 0)""",
    "a lot's rest is the sum of its entries": """
        SELECT l.id::text FROM loyalty_lot l
        LEFT JOIN (
            SELECT e.lot_id, sum(e.delta) FILTER (WHERE a.kind = 'points') AS points,
                sum(e.delta) FILTER (WHERE a.kind = 'principal') AS principal,
                sum(e.delta) FILTER (WHERE a.kind = 'bonus') AS bonus
            FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id GROUP BY 1
        ) e ON e.lot_id = l.id
        WHERE (l.points_left, l.principal_left, l.bonus_left)
            <> (COALESCE(e.points, 0), COALESCE(e.principal, 0), COALESCE(e.bonus, 0))""",
    "points balance = rests of the lots - debt; money balance = rests of the lots": """
        SELECT a.id::text FROM loyalty_account a
        LEFT JOIN (
            SELECT member_id, sum(points_left) AS points, sum(principal_left) AS principal,
                sum(bonus_left) AS bonus
            FROM loyalty_lot GROUP BY 1
        ) l ON l.member_id = a.member_id
        WHERE a.balance + a.debt <> COALESCE(
            CASE a.kind WHEN 'points' THEN l.points WHEN 'principal' THEN l.principal
                ELSE l.bonus END, 0)""",
    "debt is what was taken without a lot": """
        SELECT a.id::text FROM loyalty_account a
        LEFT JOIN (SELECT account_id, -sum(delta) AS sum FROM loyalty_entry
                   WHERE lot_id IS NULL GROUP BY 1) e ON e.account_id = a.id
        WHERE a.debt <> COALESCE(e.sum, 0)""",
    "nothing is negative": """
        SELECT 'account ' || id FROM loyalty_account
        WHERE debt < 0 OR (kind <> 'points' AND balance < 0) OR balance < -debt
        UNION ALL SELECT 'lot ' || id FROM loyalty_lot
        WHERE LEAST(points_left, principal_left, bonus_left) < 0""",
    "each entry's balance follows from the one before": """
        SELECT e.id::text FROM (
            SELECT id, balance_after, delta,
                lag(balance_after, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY id) AS was
            FROM loyalty_entry
        ) e WHERE e.balance_after <> e.was + e.delta""",
}

PARTS = (
    "base_fen",
    "points_used",
    "points_fen",
    "stored_cover_fen",
    "principal_fen",
    "rounding_fen",
    "other_fen",
    "points_earned",
    "basis_fen",
)
BACK = {"points_used": "points_returned", "points_earned": "points_clawed_back"}


def _unequal(left: str, right: str, parts: Sequence[str], names: Mapping[str, str]) -> str:
    return " OR ".join(f"{left}.{p} <> COALESCE({right}.{names.get(p, p)}, 0)" for p in parts)


def _sums(parts: Sequence[str]) -> str:
    return ", ".join(f"sum({part}) AS {part}" for part in parts)


RETURNED = tuple(BACK.get(part, part) for part in PARTS)

ORDERS: dict[str, str] = {
    "an order's parts add up": """
        SELECT id::text FROM loyalty_order
        WHERE base_fen <> points_fen + stored_cover_fen + rounding_fen + other_fen
            OR base_fen > gross_fen OR stored_cover_fen < principal_fen + bonus_fen
            OR LEAST(base_fen, points_used, points_fen, stored_cover_fen, principal_fen,
                bonus_fen, rounding_fen, other_fen, points_earned, basis_fen) < 0""",
    "lines add up to the order": f"""
        SELECT o.id::text FROM loyalty_order o LEFT JOIN (
            SELECT order_id, sum(list_fen) AS list_fen, sum(stored_paid_fen) AS paid,
                {_sums(PARTS)} FROM loyalty_orderline GROUP BY 1
        ) l ON l.order_id = o.id
        WHERE o.gross_fen <> COALESCE(l.list_fen, 0)
            OR o.principal_fen + o.bonus_fen <> COALESCE(l.paid, 0)
            OR {_unequal("o", "l", PARTS, {})}""",
    "steps explain what came off, and their shares add up": """
        SELECT o.id::text FROM loyalty_order o
        WHERE NOT o.is_imported AND o.gross_fen - o.base_fen <> (
            SELECT COALESCE(sum(s.amount_fen), 0) FROM loyalty_orderstep s
            WHERE s.order_id = o.id AND s.kind IN ('price', 'amount_off', 'coupon'))
        UNION ALL
        SELECT 'step ' || s.id FROM loyalty_orderstep s
        WHERE jsonb_array_length(s.shares_fen) > 0 AND s.amount_fen <> (
            SELECT sum(x::bigint) FROM jsonb_array_elements_text(s.shares_fen) AS x)""",
    "tenders are what was paid": """
        SELECT o.id::text FROM loyalty_order o LEFT JOIN (
            SELECT order_id, COALESCE(sum(amount_fen) FILTER (WHERE kind = 'stored'), 0) AS stored,
                COALESCE(sum(amount_fen) FILTER (WHERE kind <> 'stored'), 0) AS outside
            FROM loyalty_tender GROUP BY 1
        ) t ON t.order_id = o.id
        WHERE o.principal_fen + o.bonus_fen <> COALESCE(t.stored, 0)
            OR o.other_fen <> COALESCE(t.outside, 0)""",
    "no part is refunded beyond what was paid, and a full refund returns all of it": f"""
        SELECT o.id::text FROM loyalty_order o JOIN (
            SELECT order_id, sum(bonus_fen) AS bonus_fen, {_sums(RETURNED)}
            FROM loyalty_refund GROUP BY 1
        ) r ON r.order_id = o.id
        WHERE {" OR ".join(f"r.{BACK.get(p, p)} > o.{p}" for p in PARTS)}
            OR r.bonus_fen > o.bonus_fen
            OR o.refunded_base_fen <> r.base_fen OR o.refunded_basis_fen <> r.basis_fen
            OR o.refunded_net_fen <> r.other_fen + r.principal_fen
            OR (o.status IN ('refunded', 'voided') AND (
                r.bonus_fen <> o.bonus_fen OR {_unequal("o", "r", PARTS, BACK)}))""",
    "refund lines add up to the refund, and no line returns more than it was": f"""
        SELECT 'refund ' || r.id FROM loyalty_refund r LEFT JOIN (
            SELECT refund_id, {_sums(RETURNED)} FROM loyalty_refundline GROUP BY 1
        ) l ON l.refund_id = r.id
        WHERE {_unequal("r", "l", RETURNED, {})}
        UNION ALL
        SELECT 'line ' || l.id FROM loyalty_orderline l JOIN (
            SELECT line_id, sum(quantity) AS quantity, {_sums(RETURNED)}
            FROM loyalty_refundline GROUP BY 1
        ) r ON r.line_id = l.id
        WHERE r.quantity > GREATEST(l.quantity, 1)
            OR {" OR ".join(f"r.{BACK.get(p, p)} > l.{p}" for p in PARTS)}""",
    "an order moved exactly what it says": """
        SELECT o.id::text FROM loyalty_order o LEFT JOIN (
            SELECT e.order_id,
                sum(delta) FILTER (WHERE a.kind = 'points' AND side = 'redeemed') AS used,
                sum(delta) FILTER (WHERE a.kind = 'principal' AND side = 'revenue') AS principal,
                sum(delta) FILTER (WHERE a.kind = 'bonus' AND side = 'revenue') AS bonus,
                sum(delta) FILTER (WHERE a.kind = 'points' AND side = 'issued') AS earned
            FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
            WHERE e.order_id IS NOT NULL GROUP BY 1
        ) e ON e.order_id = o.id
        WHERE NOT o.is_imported AND o.member_id IS NOT NULL
            AND (-o.points_used, -o.principal_fen, -o.bonus_fen, o.points_earned) <> (
                COALESCE(e.used, 0), COALESCE(e.principal, 0), COALESCE(e.bonus, 0),
                COALESCE(e.earned, 0))""",
    "a refund moved exactly what it says": """
        SELECT r.id::text FROM loyalty_refund r JOIN loyalty_order o ON o.id = r.order_id
        LEFT JOIN (
            SELECT e.refund_id,
                sum(delta) FILTER (WHERE a.kind = 'points' AND side = 'returned') AS returned,
                sum(delta) FILTER (WHERE a.kind = 'principal' AND side = 'returned') AS principal,
                sum(delta) FILTER (WHERE a.kind = 'bonus' AND side = 'returned') AS bonus,
                -sum(delta) FILTER (WHERE a.kind = 'points' AND side = 'clawback') AS clawed
            FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
            WHERE e.refund_id IS NOT NULL GROUP BY 1
        ) e ON e.refund_id = r.id
        WHERE o.member_id IS NOT NULL AND (
            (r.points_returned, r.principal_fen, r.bonus_fen) <> (
                COALESCE(e.returned, 0), COALESCE(e.principal, 0), COALESCE(e.bonus, 0))
            OR (r.points_clawed_back <> COALESCE(e.clawed, 0) + r.points_expired
                    + r.points_forgiven
                AND NOT EXISTS (SELECT 1 FROM loyalty_entry g
                    WHERE g.order_id = o.id AND g.side = 'given')))""",
    "a top-up moved exactly what was paid": """
        SELECT t.id::text FROM loyalty_topup t LEFT JOIN (
            SELECT e.top_up_id, sum(delta) FILTER (WHERE side = 'cash') AS paid,
                sum(delta) FILTER (WHERE side = 'given') AS bonus
            FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
            WHERE e.top_up_id IS NOT NULL AND a.kind <> 'points' GROUP BY 1
        ) e ON e.top_up_id = t.id
        WHERE (t.paid_fen, t.bonus_fen) <> (COALESCE(e.paid, 0), COALESCE(e.bonus, 0))""",
    "a member's figures are those of their orders": """
        SELECT s.member_id::text FROM loyalty_memberstats s LEFT JOIN (
            SELECT member_id, count(*) FILTER (WHERE is_valid) AS count,
                sum(other_fen + principal_fen - refunded_net_fen) AS net,
                sum(basis_fen - refunded_basis_fen) AS basis,
                min(at) FILTER (WHERE is_valid) AS first, max(at) FILTER (WHERE is_valid) AS last
            FROM loyalty_order GROUP BY 1
        ) o ON o.member_id = s.member_id
        WHERE (s.orders_count, s.net_fen, s.basis_fen)
                <> (COALESCE(o.count, 0), COALESCE(o.net, 0), COALESCE(o.basis, 0))
            OR s.first_order_at IS DISTINCT FROM o.first
            OR s.last_order_at IS DISTINCT FROM o.last
            OR s.checkins_count <> (SELECT count(*) FROM loyalty_checkin c
                WHERE c.member_id = s.member_id)""",
    "a coupon's rest is its uses less those that stand": """
        SELECT c.id::text FROM loyalty_coupon c
        JOIN loyalty_coupontemplate t ON t.id = c.template_id
        LEFT JOIN (SELECT coupon_id, sum(uses) AS uses FROM loyalty_couponuse
                   WHERE NOT returned GROUP BY 1) u ON u.coupon_id = c.id
        WHERE c.uses_left <> t.uses - COALESCE(u.uses, 0)
            OR (c.status = 'used') <> (c.uses_left = 0)""",
    "no benefit is used more often than its quota": """
        SELECT q.benefit_id || ' ' || q.member_id FROM loyalty_quotause q
        JOIN loyalty_benefit b ON b.id = q.benefit_id
        GROUP BY q.benefit_id, q.member_id, q.period, b.quota
        HAVING count(*) > b.quota OR max(q.number) > b.quota""",
    "uses of an undone order are free again": """
        SELECT o.id::text FROM loyalty_order o WHERE o.status IN ('refunded', 'voided') AND (
            EXISTS (SELECT 1 FROM loyalty_quotause q WHERE q.order_id = o.id)
            OR EXISTS (SELECT 1 FROM loyalty_couponuse u WHERE u.order_id = o.id
                AND NOT u.returned)
            OR EXISTS (SELECT 1 FROM loyalty_coupon c WHERE c.given_by_order_id = o.id
                AND c.status = 'active'))""",
    "each effect has its key and its answer": """
        SELECT k.key::text FROM loyalty_clientkey k WHERE k.response IS NULL
        UNION ALL SELECT 'order ' || o.id FROM loyalty_order o
        LEFT JOIN loyalty_clientkey k ON k.key = o.key
        WHERE NOT o.is_imported AND (k.response->>'order')::bigint IS DISTINCT FROM o.id
        UNION ALL SELECT 'top-up ' || t.id FROM loyalty_topup t
        LEFT JOIN loyalty_clientkey k ON k.key = t.key
        WHERE (k.response->>'top_up')::bigint IS DISTINCT FROM t.id
        UNION ALL SELECT 'refund ' || r.id FROM loyalty_refund r WHERE 1 <> (
            SELECT count(*) FROM loyalty_clientkey k
            WHERE k.kind IN ('refund', 'void') AND (k.response->>'refund')::bigint = r.id)""",
    "each effect has left one event": """
        SELECT 'order ' || o.id FROM loyalty_order o LEFT JOIN (
            SELECT (data->>'order')::bigint AS id, count(*) AS count FROM members_event
            WHERE kind = 'settled' GROUP BY 1) e ON e.id = o.id
        WHERE NOT o.is_imported AND e.count IS DISTINCT FROM 1
        UNION ALL SELECT 'refund ' || r.id FROM loyalty_refund r LEFT JOIN (
            SELECT (data->>'refund')::bigint AS id, count(*) AS count FROM members_event
            WHERE kind IN ('refunded', 'voided') GROUP BY 1) e ON e.id = r.id
        WHERE e.count IS DISTINCT FROM 1
        UNION ALL SELECT 'top-up ' || t.id FROM loyalty_topup t LEFT JOIN (
            SELECT (data->>'top_up')::bigint AS id, count(*) AS count FROM members_event
            WHERE kind = 'topped_up' GROUP BY 1) e ON e.id = t.id
        WHERE e.count IS DISTINCT FROM 1""",
}

ALL: dict[str, str] = {**LEDGER, **ORDERS}


class Cursor(Protocol):
    def execute(self, query: Any, params: Any = None) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


def broken(cursor: Cursor, checks: Mapping[str, str] = ALL) -> list[str]:
    """Every invariant that does not hold, with the rows that break it; in one statement."""
    names = list(checks)
    cursor.execute(
        " UNION ALL ".join(
            f"SELECT {number}, found.id FROM ({checks[name]}) AS found(id)"
            for number, name in enumerate(names)
        )
    )
    return [f"{names[number]}: {row}" for number, row in cursor.fetchall()]
