"""Members' figures after an import: worked out anew from all their orders, old and new."""

from __future__ import annotations

from django.db import connection

from loyalty.services.statistics import WEEKS_KEPT

# Whoever has no figures yet starts where a joining member does: in the lowest tier.
NEW = """
INSERT INTO loyalty_memberstats (member_id, tier_id, tier_since, tier_until, first_order_at,
    last_order_at, orders_count, net_fen, basis_fen, checkins_count, category_weeks)
SELECT n.id, t.id, CASE WHEN t.id > 0 THEN (m.joined_at AT TIME ZONE %(zone)s)::date END,
    NULL, NULL, NULL, 0, 0, 0, 0, '{}'
FROM import_new_member n
JOIN members_member m ON m.id = n.id
LEFT JOIN (SELECT id FROM loyalty_tier WHERE is_active ORDER BY rank LIMIT 1) t ON true
ORDER BY n.id
"""

# A purchase counts for its article's category and for those this lies in, as in a sale.
FIGURES = """
WITH RECURSIVE above AS (
    SELECT id, id AS ancestor_id, parent_id FROM loyalty_category
    UNION ALL
    SELECT a.id, c.id, c.parent_id FROM above a JOIN loyalty_category c ON c.id = a.parent_id
), touched AS MATERIALIZED (
    SELECT DISTINCT member_id FROM import_new_order WHERE member_id IS NOT NULL
), sums AS (
    SELECT o.member_id, min(o.at) FILTER (WHERE o.is_valid) AS first_at,
        max(o.at) FILTER (WHERE o.is_valid) AS last_at,
        count(*) FILTER (WHERE o.is_valid) AS orders,
        sum(o.other_fen + o.principal_fen - o.refunded_net_fen)::bigint AS net,
        sum(o.basis_fen - o.refunded_basis_fen)::bigint AS basis
    FROM loyalty_order o JOIN touched USING (member_id) GROUP BY o.member_id
), weeks AS (
    SELECT DISTINCT o.member_id, above.ancestor_id AS category_id,
        date_trunc('week', o.local_date)::date AS monday
    FROM loyalty_order o
    JOIN touched USING (member_id)
    JOIN loyalty_orderline l ON l.order_id = o.id
    JOIN loyalty_product p ON p.id = l.product_id
    JOIN above ON above.id = p.category_id
    WHERE o.is_valid
), ranked AS (
    SELECT w.*, row_number() OVER (PARTITION BY member_id, category_id ORDER BY monday DESC) AS rank
    FROM weeks w
), latest AS (
    SELECT member_id, category_id, jsonb_agg(monday::text ORDER BY monday) AS mondays
    FROM ranked WHERE rank <= %(weeks)s GROUP BY member_id, category_id
), mapped AS (
    SELECT member_id, jsonb_object_agg(category_id::text, mondays) AS weeks
    FROM latest GROUP BY member_id
)
UPDATE loyalty_memberstats s
SET first_order_at = sums.first_at, last_order_at = sums.last_at, orders_count = sums.orders,
    net_fen = sums.net, basis_fen = sums.basis, category_weeks = COALESCE(mapped.weeks, '{}')
FROM sums LEFT JOIN mapped USING (member_id)
WHERE s.member_id = sums.member_id
"""


def add(*, zone: str) -> None:
    """Figures for the members this import made. ``zone`` is the merchant's."""
    with connection.cursor() as cursor:
        cursor.execute(NEW, {"zone": zone})


# Whoever planned by what was there before the import would go through it row by row: hours.
READ = (
    "import_new_order, loyalty_order, loyalty_orderline, loyalty_product, loyalty_category,"
    " loyalty_memberstats"
)


def work_out() -> None:
    """Figures of every member with a new order. The members' accounts must be locked."""
    with connection.cursor() as cursor:
        # Autovacuum may hold one of them; it gives way, but not always within our patience.
        cursor.execute("SET LOCAL lock_timeout = 0")
        cursor.execute(f"ANALYZE {READ}")
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
        cursor.execute(FIGURES, {"weeks": WEEKS_KEPT})
