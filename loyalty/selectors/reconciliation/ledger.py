"""Accounts, lots and entries against each other."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty.selectors.reconciliation.checks import Check, differing

ACCOUNT_BALANCE = differing(
    """WITH sums AS (SELECT account_id, sum(delta) AS total FROM loyalty_entry GROUP BY 1)
    FROM ROWS loyalty_account a LEFT JOIN sums e ON e.account_id = a.id""",
    [("balance", "a.balance", "COALESCE(e.total, 0)")],
    member="a.member_id",
    subject="a.id",
)

ACCOUNT_DEBT = differing(
    """WITH sums AS (
        SELECT account_id, -sum(delta) AS owed FROM loyalty_entry WHERE lot_id IS NULL GROUP BY 1
    ) FROM ROWS loyalty_account a LEFT JOIN sums e ON e.account_id = a.id""",
    [("debt", "a.debt", "COALESCE(e.owed, 0)")],
    member="a.member_id",
    subject="a.id",
)

# The sum over all entries before, and not only the one before, so that of a damaged entry only
# itself is named.
RUNNING_BALANCE = """
SELECT DISTINCT ON (a.id) a.member_id, e.id, 'balance_after', e.balance_after::text, e.run::text
FROM (
    SELECT id, account_id, balance_after,
        sum(delta) OVER (PARTITION BY account_id ORDER BY id) AS run
    FROM loyalty_entry
) e JOIN loyalty_account a ON a.id = e.account_id
WHERE e.run <> e.balance_after ORDER BY a.id, e.id
"""

LOT_REST = differing(
    """WITH sums AS (
        SELECT e.lot_id, sum(e.delta) FILTER (WHERE a.kind = 'points') AS points,
            sum(e.delta) FILTER (WHERE a.kind = 'principal') AS principal,
            sum(e.delta) FILTER (WHERE a.kind = 'bonus') AS bonus
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE e.lot_id IS NOT NULL GROUP BY 1
    ) FROM ROWS loyalty_lot l LEFT JOIN sums e ON e.lot_id = l.id""",
    [
        (kind, f"l.{kind}_left", f"COALESCE(e.{kind}, 0)")
        for kind in ("points", "principal", "bonus")
    ],
    member="l.member_id",
    subject="l.id",
)

# What a lot was opened with is the first entry of its kind.
LOT_ISSUED = differing(
    """WITH opening AS (
        SELECT DISTINCT ON (e.lot_id, e.account_id) e.lot_id, a.kind, e.delta
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE e.lot_id IS NOT NULL ORDER BY e.lot_id, e.account_id, e.id
    ), issued AS (
        SELECT lot_id, sum(delta) FILTER (WHERE kind = 'points') AS points,
            sum(delta) FILTER (WHERE kind = 'principal') AS principal,
            sum(delta) FILTER (WHERE kind = 'bonus') AS bonus
        FROM opening GROUP BY 1
    ) FROM ROWS loyalty_lot l LEFT JOIN issued i ON i.lot_id = l.id""",
    [
        (kind, f"l.{kind}_issued", f"COALESCE(i.{kind}, 0)")
        for kind in ("points", "principal", "bonus")
    ],
    member="l.member_id",
    subject="l.id",
)

POINTS_LOTS = differing(
    """WITH sums AS (
        SELECT member_id, sum(points_left) AS rest FROM loyalty_lot WHERE points_left > 0 GROUP BY 1
    ) FROM ROWS loyalty_account a LEFT JOIN sums l ON l.member_id = a.member_id
        AND a.kind = 'points'""",
    [
        (
            "balance",
            "a.balance",
            "CASE a.kind WHEN 'points' THEN COALESCE(l.rest, 0) - a.debt ELSE a.balance END",
        )
    ],
    member="a.member_id",
    subject="a.id",
)

VALUE_LOTS = differing(
    """WITH sums AS (
        SELECT member_id, sum(principal_left) AS principal, sum(bonus_left) AS bonus
        FROM loyalty_lot WHERE principal_left > 0 OR bonus_left > 0 GROUP BY 1
    ) FROM ROWS loyalty_account a LEFT JOIN sums l ON l.member_id = a.member_id""",
    [
        (
            "balance",
            "a.balance",
            "CASE a.kind WHEN 'principal' THEN COALESCE(l.principal, 0)"
            " WHEN 'bonus' THEN COALESCE(l.bonus, 0) ELSE a.balance END",
        )
    ],
    member="a.member_id",
    subject="a.id",
)

ENTRY_OWNER = differing(
    """FROM ROWS loyalty_entry e
    JOIN loyalty_account a ON a.id = e.account_id
    LEFT JOIN loyalty_lot l ON l.id = e.lot_id
    LEFT JOIN loyalty_refund r ON r.id = e.refund_id""",
    [
        ("member of the lot", "COALESCE(l.member_id, a.member_id)", "a.member_id"),
        (
            "kind of the lot",
            "COALESCE(l.asset, '')",
            "CASE WHEN l.id IS NULL THEN '' WHEN a.kind = 'points' THEN 'points' ELSE 'value' END",
        ),
        ("order of the refund", "e.order_id", "COALESCE(r.order_id, e.order_id)"),
    ],
    member="a.member_id",
    subject="e.id",
)

TOP_UP_ENTRIES = differing(
    """WITH sums AS (
        SELECT e.top_up_id,
            sum(e.delta) FILTER (WHERE a.kind = 'principal' AND e.side = 'cash') AS paid,
            sum(e.delta) FILTER (WHERE a.kind = 'bonus' AND e.side = 'given') AS bonus
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE e.top_up_id IS NOT NULL AND e.delta > 0 GROUP BY 1
    ) FROM ROWS loyalty_topup t LEFT JOIN sums s ON s.top_up_id = t.id""",
    [
        ("paid_fen", "t.paid_fen", "COALESCE(s.paid, 0)"),
        ("bonus_fen", "t.bonus_fen", "COALESCE(s.bonus, 0)"),
    ],
    member="t.member_id",
    subject="t.id",
)

CHECKS = (
    Check(
        "account_balance",
        _("A balance is not the sum of its entries."),
        "account",
        ACCOUNT_BALANCE,
    ),
    Check(
        "account_debt",
        _("A debt is not the sum of the entries without a lot."),
        "account",
        ACCOUNT_DEBT,
    ),
    Check(
        "running_balance",
        _("A balance noted with an entry is not the sum so far."),
        "entry",
        RUNNING_BALANCE,
    ),
    Check(
        "lot_rest",
        _("What is left of a lot is not the sum of its entries."),
        "lot",
        LOT_REST,
    ),
    Check(
        "lot_issued",
        _("A lot was not opened with the amount it names."),
        "lot",
        LOT_ISSUED,
    ),
    Check(
        "points_lots",
        _("A points balance is not what is left in the lots, less the debt."),
        "account",
        POINTS_LOTS,
    ),
    Check(
        "value_lots",
        _("A stored-value balance is not what is left in the lots."),
        "account",
        VALUE_LOTS,
    ),
    Check(
        "entry_owner",
        _("An entry and its lot or refund belong to different members, kinds or orders."),
        "entry",
        ENTRY_OWNER,
    ),
    Check(
        "top_up_entries",
        _("A top-up is not what was entered in the accounts."),
        "top-up",
        TOP_UP_ENTRIES,
    ),
)
