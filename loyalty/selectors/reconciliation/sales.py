"""Orders and refunds against their lines, tenders and entries."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty.selectors.reconciliation.checks import Check, differing

# (column of the order, column of the line); the bonus is what was paid by stored value beyond
# the principal.
SHARES = (
    ("gross_fen", "list_fen"),
    ("base_fen", "base_fen"),
    ("points_used", "points_used"),
    ("points_fen", "points_fen"),
    ("stored_cover_fen", "stored_cover_fen"),
    ("principal_fen", "principal_fen"),
    ("rounding_fen", "rounding_fen"),
    ("other_fen", "other_fen"),
    ("points_earned", "points_earned"),
    ("basis_fen", "basis_fen"),
)
# (column of the order, column of the refund)
REFUNDED = (
    ("base_fen", "base_fen"),
    ("points_used", "points_returned"),
    ("points_fen", "points_fen"),
    ("stored_cover_fen", "stored_cover_fen"),
    ("principal_fen", "principal_fen"),
    ("bonus_fen", "bonus_fen"),
    ("rounding_fen", "rounding_fen"),
    ("other_fen", "other_fen"),
    ("points_earned", "points_clawed_back"),
    ("basis_fen", "basis_fen"),
)
# Columns that a refund and its lines share by name.
REFUND_SHARES = (
    "base_fen",
    "points_returned",
    "points_fen",
    "stored_cover_fen",
    "principal_fen",
    "rounding_fen",
    "other_fen",
    "points_clawed_back",
    "basis_fen",
)
LINE_REFUNDED = (
    *((line, back) for line, back in REFUNDED if line != "bonus_fen"),
    ("stored_paid_fen", "stored_paid_fen"),
)


def _sums(columns: tuple[str, ...]) -> str:
    return ", ".join(f"sum({column}) AS {column}" for column in columns)


ORDER_PARTS = differing(
    "FROM ROWS loyalty_order o",
    [
        (
            "base_fen",
            "o.base_fen",
            "o.points_fen + o.stored_cover_fen + o.rounding_fen + o.other_fen",
        ),
        ("gross_fen", "GREATEST(o.gross_fen, o.base_fen)", "o.gross_fen"),
    ],
    member="o.member_id",
    subject="o.id",
)

ORDER_LINES = differing(
    f"""WITH sums AS (
        SELECT order_id, {_sums(tuple(line for _order, line in SHARES))},
            sum(stored_paid_fen - principal_fen) AS bonus_fen
        FROM loyalty_orderline GROUP BY 1
    ) FROM ROWS loyalty_order o LEFT JOIN sums s ON s.order_id = o.id""",
    [
        *((order, f"o.{order}", f"COALESCE(s.{line}, 0)") for order, line in SHARES),
        ("bonus_fen", "o.bonus_fen", "COALESCE(s.bonus_fen, 0)"),
    ],
    member="o.member_id",
    subject="o.id",
)

ORDER_TENDERS = differing(
    """WITH sums AS (
        SELECT order_id, sum(amount_fen) FILTER (WHERE kind = 'stored') AS stored,
            sum(amount_fen) FILTER (WHERE kind <> 'stored') AS outside
        FROM loyalty_tender GROUP BY 1
    ) FROM ROWS loyalty_order o LEFT JOIN sums t ON t.order_id = o.id""",
    [
        ("other_fen", "o.other_fen", "COALESCE(t.outside, 0)"),
        ("stored value", "o.principal_fen + o.bonus_fen", "COALESCE(t.stored, 0)"),
    ],
    member="o.member_id",
    subject="o.id",
)

ORDER_ENTRIES = differing(
    """WITH sums AS (
        SELECT e.order_id,
            -sum(e.delta) FILTER (WHERE a.kind = 'points' AND e.side = 'redeemed') AS used,
            sum(e.delta) FILTER (WHERE a.kind = 'points' AND e.side IN ('issued', 'import'))
                AS earned,
            -sum(e.delta) FILTER (WHERE a.kind = 'principal' AND e.side = 'revenue') AS principal,
            -sum(e.delta) FILTER (WHERE a.kind = 'bonus' AND e.side = 'revenue') AS bonus
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE e.order_id IS NOT NULL AND e.refund_id IS NULL GROUP BY 1
    ) FROM ROWS loyalty_order o LEFT JOIN sums e ON e.order_id = o.id""",
    [
        ("points_used", "o.points_used", "COALESCE(e.used, 0)"),
        ("points_earned", "o.points_earned", "COALESCE(e.earned, 0)"),
        ("principal_fen", "o.principal_fen", "COALESCE(e.principal, 0)"),
        ("bonus_fen", "o.bonus_fen", "COALESCE(e.bonus, 0)"),
    ],
    member="o.member_id",
    subject="o.id",
)

ORDER_REFUNDS = differing(
    """WITH sums AS (
        SELECT order_id, sum(base_fen) AS base, sum(basis_fen) AS basis,
            sum(other_fen + principal_fen) AS net
        FROM loyalty_refund GROUP BY 1
    ) FROM ROWS loyalty_order o LEFT JOIN sums r ON r.order_id = o.id""",
    [
        ("refunded_base_fen", "o.refunded_base_fen", "COALESCE(r.base, 0)"),
        ("refunded_basis_fen", "o.refunded_basis_fen", "COALESCE(r.basis, 0)"),
        ("refunded_net_fen", "o.refunded_net_fen", "COALESCE(r.net, 0)"),
    ],
    member="o.member_id",
    subject="o.id",
)

# Of an order of nothing the refunds do not say whether everything went back. A receipt taken
# over from another system counts by what was paid, a sale of our own by its list price, or
# because a pass was used.
ORDER_STATUS = differing(
    """WITH sums AS (
        SELECT order_id, sum(base_fen) AS base, bool_or(is_void) AS is_void
        FROM loyalty_refund GROUP BY 1
    ), uses AS (SELECT DISTINCT order_id FROM loyalty_couponuse)
    FROM ROWS loyalty_order o LEFT JOIN sums r ON r.order_id = o.id
    LEFT JOIN uses u ON u.order_id = o.id""",
    [
        (
            "status",
            "o.status",
            "CASE WHEN r.order_id IS NULL THEN 'settled' WHEN o.base_fen = 0 THEN o.status"
            " WHEN r.base < o.base_fen THEN 'part' WHEN r.is_void THEN 'voided'"
            " ELSE 'refunded' END",
        ),
        (
            "is_valid",
            "o.is_valid",
            "(o.status IN ('settled', 'part')"
            " AND (CASE WHEN o.is_imported THEN o.base_fen ELSE o.gross_fen END > 0"
            " OR u.order_id IS NOT NULL))",
        ),
    ],
    member="o.member_id",
    subject="o.id",
)

REFUND_ABOVE_ORDER = differing(
    f"""WITH sums AS (
        SELECT order_id, {_sums(tuple(back for _order, back in REFUNDED))}
        FROM loyalty_refund GROUP BY 1
    ) FROM ROWS sums r JOIN loyalty_order o ON o.id = r.order_id""",
    [(order, f"r.{back}", f"o.{order}") for order, back in REFUNDED],
    member="o.member_id",
    subject="o.id",
    relation=">",
)

REFUND_ABOVE_LINE = differing(
    f"""WITH sums AS (
        SELECT line_id, sum(quantity) AS quantity,
            {_sums(tuple(back for _line, back in LINE_REFUNDED))}
        FROM loyalty_refundline GROUP BY 1
    ) FROM ROWS sums r JOIN loyalty_orderline l ON l.id = r.line_id
    JOIN loyalty_order o ON o.id = l.order_id""",
    [
        ("quantity", "r.quantity", "GREATEST(l.quantity, 1)"),
        *((line, f"r.{back}", f"l.{line}") for line, back in LINE_REFUNDED),
    ],
    member="o.member_id",
    subject="l.id",
    relation=">",
)

REFUND_LINES = differing(
    f"""WITH sums AS (
        SELECT refund_id, {_sums(REFUND_SHARES)},
            sum(stored_paid_fen - principal_fen) AS bonus_fen
        FROM loyalty_refundline GROUP BY 1
    ) FROM ROWS loyalty_refund r JOIN loyalty_order o ON o.id = r.order_id
    LEFT JOIN sums s ON s.refund_id = r.id""",
    [(name, f"r.{name}", f"COALESCE(s.{name}, 0)") for name in (*REFUND_SHARES, "bonus_fen")],
    member="o.member_id",
    subject="r.id",
)

# With a gift taken back, its points are among those clawed back: such a refund is not compared.
REFUND_ENTRIES = differing(
    """WITH sums AS (
        SELECT e.refund_id,
            sum(e.delta) FILTER (WHERE a.kind = 'points' AND e.side = 'returned') AS returned,
            -sum(e.delta) FILTER (WHERE a.kind = 'points' AND e.side = 'clawback') AS taken,
            sum(e.delta) FILTER (WHERE a.kind = 'principal' AND e.side = 'returned') AS principal,
            sum(e.delta) FILTER (WHERE a.kind = 'bonus' AND e.side = 'returned') AS bonus
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE e.refund_id IS NOT NULL GROUP BY 1
    ), gifts AS (
        SELECT DISTINCT e.order_id
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE a.kind = 'points' AND e.side = 'given' AND e.order_id IS NOT NULL
    ) FROM ROWS loyalty_refund r JOIN loyalty_order o ON o.id = r.order_id
    LEFT JOIN sums e ON e.refund_id = r.id LEFT JOIN gifts g ON g.order_id = r.order_id""",
    [
        ("points_returned", "r.points_returned", "COALESCE(e.returned, 0)"),
        (
            "points_clawed_back",
            "r.points_clawed_back - r.points_expired - r.points_forgiven",
            "CASE WHEN g.order_id IS NULL THEN COALESCE(e.taken, 0) ELSE"
            " r.points_clawed_back - r.points_expired - r.points_forgiven END",
        ),
        ("principal_fen", "r.principal_fen", "COALESCE(e.principal, 0)"),
        ("bonus_fen", "r.bonus_fen", "COALESCE(e.bonus, 0)"),
    ],
    member="o.member_id",
    subject="r.id",
)

CHECKS = (
    Check("order_parts", _("The parts of an order do not add up."), "order", ORDER_PARTS),
    Check(
        "order_lines",
        _("The lines of an order do not add up to the order."),
        "order",
        ORDER_LINES,
    ),
    Check(
        "order_tenders",
        _("How an order was paid does not add up to its amount."),
        "order",
        ORDER_TENDERS,
    ),
    Check(
        "order_entries",
        _("The entries of an order are not the points and stored value it names."),
        "order",
        ORDER_ENTRIES,
    ),
    Check(
        "order_refunds",
        _("What an order says was refunded is not the sum of its refunds."),
        "order",
        ORDER_REFUNDS,
    ),
    Check(
        "order_status",
        _("An order's state is not what its amount and its refunds make it."),
        "order",
        ORDER_STATUS,
    ),
    Check(
        "refund_above_order",
        _("More was refunded of an order than was sold."),
        "order",
        REFUND_ABOVE_ORDER,
    ),
    Check(
        "refund_above_line",
        _("More was refunded of a line than was sold."),
        "order line",
        REFUND_ABOVE_LINE,
    ),
    Check(
        "refund_lines",
        _("The lines of a refund do not add up to the refund."),
        "refund",
        REFUND_LINES,
    ),
    Check(
        "refund_entries",
        _("The entries of a refund are not the points and stored value it names."),
        "refund",
        REFUND_ENTRIES,
    ),
)
