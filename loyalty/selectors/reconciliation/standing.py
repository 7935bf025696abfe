"""Members' figures, coupons, quotas and keys against what they count."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty.selectors.reconciliation.checks import Check, differing

MEMBER_INCOMPLETE = differing(
    """WITH held AS (SELECT member_id, count(*) AS accounts FROM loyalty_account GROUP BY 1)
    FROM ROWS members_member m LEFT JOIN held a ON a.member_id = m.id
    LEFT JOIN loyalty_memberstats s ON s.member_id = m.id""",
    [
        ("accounts", "COALESCE(a.accounts, 0)", "3"),
        ("figures", "CASE WHEN s.member_id IS NULL THEN 0 ELSE 1 END", "1"),
    ],
    member="m.id",
    subject="m.id",
)

MEMBER_STATS = differing(
    """WITH sums AS (
        SELECT member_id, count(*) FILTER (WHERE is_valid) AS orders,
            sum(other_fen + principal_fen - refunded_net_fen) AS net,
            sum(basis_fen - refunded_basis_fen) AS basis,
            min(at) FILTER (WHERE is_valid) AS first_at, max(at) FILTER (WHERE is_valid) AS last_at
        FROM loyalty_order WHERE member_id IS NOT NULL GROUP BY 1
    ), visits AS (SELECT member_id, count(*) AS days FROM loyalty_checkin GROUP BY 1)
    FROM ROWS loyalty_memberstats s LEFT JOIN sums o ON o.member_id = s.member_id
    LEFT JOIN visits c ON c.member_id = s.member_id""",
    [
        ("orders_count", "s.orders_count", "COALESCE(o.orders, 0)"),
        ("net_fen", "s.net_fen", "COALESCE(o.net, 0)"),
        ("basis_fen", "s.basis_fen", "COALESCE(o.basis, 0)"),
        ("first_order_at", "s.first_order_at", "o.first_at"),
        ("last_order_at", "s.last_order_at", "o.last_at"),
        ("checkins_count", "s.checkins_count", "COALESCE(c.days, 0)"),
    ],
    member="s.member_id",
    subject="s.member_id",
)

COUPON_USES = differing(
    """WITH sums AS (
        SELECT coupon_id, sum(uses) AS uses FROM loyalty_couponuse WHERE NOT returned GROUP BY 1
    ) FROM ROWS loyalty_coupon c JOIN loyalty_coupontemplate t ON t.id = c.template_id
    LEFT JOIN sums u ON u.coupon_id = c.id""",
    [("uses_left", "c.uses_left", "t.uses - COALESCE(u.uses, 0)")],
    member="c.member_id",
    subject="c.id",
)

COUPON_OWNER = differing(
    """FROM ROWS loyalty_couponuse u JOIN loyalty_coupon c ON c.id = u.coupon_id
    JOIN loyalty_order o ON o.id = u.order_id""",
    [("member of the order", "o.member_id", "c.member_id")],
    member="c.member_id",
    subject="c.id",
)

COUPON_STOCK = differing(
    """WITH counted AS (SELECT template_id, count(*) AS issued FROM loyalty_coupon GROUP BY 1)
    FROM ROWS loyalty_coupontemplate t LEFT JOIN counted c ON c.template_id = t.id""",
    [("issued_count", "t.issued_count", "COALESCE(c.issued, 0)")],
    member="NULL::bigint",
    subject="t.id",
)

# What upgrades took of a member's points, less what came back of those undone.
TIER_PURCHASES = differing(
    """WITH paid AS (
        SELECT a.member_id, -sum(e.delta) AS points
        FROM loyalty_entry e JOIN loyalty_account a ON a.id = e.account_id
        WHERE e.side = 'upgrade' GROUP BY 1
    ), bought AS (
        SELECT member_id, sum(points) FILTER (WHERE undone_at IS NULL) AS points
        FROM loyalty_tierpurchase GROUP BY 1
    ) FROM ROWS bought b FULL JOIN paid p ON p.member_id = b.member_id""",
    [("points", "COALESCE(b.points, 0)", "COALESCE(p.points, 0)")],
    member="COALESCE(b.member_id, p.member_id)",
    subject="COALESCE(b.member_id, p.member_id)",
)

# Each lot and coupon of a birthday was given with the row of its year. Of merged cards one may
# hold the row and the other what came with it.
BIRTHDAY_GIFTS = """
WITH given AS (
    SELECT member_id, issued_at AS at, 'coupon ' || id AS what FROM loyalty_coupon
    WHERE source = 'birthday'
    UNION ALL
    SELECT member_id, issued_at, 'lot ' || id FROM loyalty_lot WHERE source = 'birthday'
), noted AS (
    SELECT DISTINCT COALESCE(m.merged_into_id, m.id) AS person, b.at
    FROM loyalty_birthdaygift b JOIN members_member m ON m.id = b.member_id
)
SELECT g.member_id, g.member_id, g.what, g.at::text, NULL::text
FROM given g JOIN members_member m ON m.id = g.member_id
LEFT JOIN noted n ON n.person = COALESCE(m.merged_into_id, m.id) AND n.at = g.at
WHERE n.at IS NULL
"""

# A quota may have been lowered since: the largest that any version of the rules allowed counts.
QUOTA_LIMIT = differing(
    """WITH allowed AS (
        SELECT benefit_id, max(quota) AS quota FROM (
            SELECT id AS benefit_id, quota FROM loyalty_benefit
            UNION ALL
            SELECT (b->>'id')::bigint, (b->>'quota')::bigint
            FROM loyalty_ruleset r, jsonb_array_elements(r.snapshot->'benefits') AS b
        ) q GROUP BY 1
    ), used AS (
        SELECT benefit_id, member_id, period, max(number) AS number
        FROM loyalty_quotause GROUP BY 1, 2, 3
    ) FROM ROWS used u LEFT JOIN allowed a ON a.benefit_id = u.benefit_id""",
    [("uses", "u.number", "COALESCE(a.quota, 0)")],
    member="u.member_id",
    subject="u.benefit_id",
    relation=">",
)

# A key and its answer are written in one transaction.
KEY_UNANSWERED = """
SELECT NULL::bigint, NULL::bigint, k.key::text, NULL::text, k.kind
FROM loyalty_clientkey k WHERE k.response IS NULL
"""

CHECKS = (
    Check(
        "member_incomplete",
        _("A member lacks an account or the row of figures."),
        "member",
        MEMBER_INCOMPLETE,
    ),
    Check(
        "member_stats",
        _("A member's figures are not those of their orders and check-ins."),
        "member",
        MEMBER_STATS,
    ),
    Check(
        "coupon_uses",
        _("The uses left of a coupon are not those it was issued with, less those used."),
        "coupon",
        COUPON_USES,
    ),
    Check(
        "coupon_owner",
        _("A coupon was used in another member's order."),
        "coupon",
        COUPON_OWNER,
    ),
    Check(
        "coupon_stock",
        _("The number of coupons issued is not the number there are."),
        "coupon template",
        COUPON_STOCK,
    ),
    Check(
        "tier_purchases",
        _("The points paid for upgrades are not those that the ledger took."),
        "member",
        TIER_PURCHASES,
    ),
    Check(
        "birthday_gifts",
        _("Something was given for a birthday that is not noted as given in that year."),
        "member",
        BIRTHDAY_GIFTS,
    ),
    Check(
        "quota_limit",
        _("A benefit was used more often than its quota."),
        "benefit",
        QUOTA_LIMIT,
    ),
    Check(
        "key_unanswered",
        _("A client's key was kept without its answer."),
        "key",
        KEY_UNANSWERED,
    ),
)
