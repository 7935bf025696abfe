"""From the temporary tables into the real ones: what is there already stays as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from loyalty.imports.problems import Problems
from members.services import codes

Value = str | int | dt.datetime | list[str]

CUSTOMER_UNKNOWN = "customer_unknown"
CAMPAIGN_UNKNOWN = "campaign_unknown"

SHOPS = """
INSERT INTO members_shop (code, name, address, phone, is_active)
SELECT code, replace(%(shop_name)s, '<code>', code), '', '', true
FROM import_shop ORDER BY row
ON CONFLICT (code) DO NOTHING
"""

ROOT_CATEGORIES = """
INSERT INTO loyalty_category (name, parent_id)
SELECT DISTINCT department, NULL::bigint FROM import_article WHERE department <> '' ORDER BY 1
ON CONFLICT (name, parent_id) DO NOTHING
"""

CATEGORIES = """
INSERT INTO loyalty_category (name, parent_id)
SELECT DISTINCT a.category, root.id
FROM import_article a
LEFT JOIN loyalty_category root ON root.name = a.department AND root.parent_id IS NULL
WHERE a.category <> '' ORDER BY 2, 1
ON CONFLICT (name, parent_id) DO NOTHING
"""

# An article lies in its finest category: the leaf, or the department where there is no leaf.
PLACED = """
UPDATE import_article a SET category_id = COALESCE(
    (SELECT leaf.id FROM loyalty_category leaf
        LEFT JOIN loyalty_category root ON root.id = leaf.parent_id
        WHERE leaf.name = a.category AND root.parent_id IS NULL
            AND COALESCE(root.name, '') = a.department),
    (SELECT root.id FROM loyalty_category root
        WHERE root.name = a.department AND root.parent_id IS NULL))
"""

ARTICLES_NAMED = """
UPDATE loyalty_product p
SET name = a.name, pinyin = a.pinyin, brand = a.brand, category_id = a.category_id,
    is_placeholder = false
FROM import_article a WHERE a.sku = p.sku AND p.is_placeholder
"""

ARTICLES = """
INSERT INTO loyalty_product (sku, barcode, name, pinyin, brand, category_id, price_fen,
    is_placeholder, is_active)
SELECT sku, NULL, name, pinyin, brand, category_id, NULL, false, true
FROM import_article ORDER BY sku
ON CONFLICT (sku) DO NOTHING
"""

PLACEHOLDERS = """
INSERT INTO loyalty_product (sku, barcode, name, pinyin, brand, category_id, price_fen,
    is_placeholder, is_active)
SELECT s.sku, NULL, replace(%(article_name)s, '<sku>', s.sku), '', '', NULL, NULL, true, true
FROM import_sku s
WHERE NOT EXISTS (SELECT 1 FROM import_article a WHERE a.sku = s.sku)
ORDER BY s.row
ON CONFLICT (sku) DO NOTHING
"""

# Joined with the first receipt; who has none yet, at the start of the day imported up to.
MEMBERS = """
WITH first AS (
    SELECT DISTINCT ON (customer_no) customer_no, at, shop FROM import_receipt
    WHERE customer_no IS NOT NULL ORDER BY customer_no, at, id
), added AS (
    INSERT INTO members_member (public_id, name, pinyin, phone, phone_tail, external_no, gender,
        birth_year, birth_month, birth_day, region, language, status, joined_at, joined_shop_id,
        joined_channel, assigned_staff_id, is_test)
    SELECT gen_random_uuid(), '', '', NULL, '', c.no, '', NULL, NULL, NULL, '', %(language)s,
        'active', COALESCE(f.at, %(until)s), s.id, 'import', NULL, false
    FROM import_customer c
    LEFT JOIN first f ON f.customer_no = c.no
    LEFT JOIN members_shop s ON s.code = f.shop
    ORDER BY c.row
    ON CONFLICT (external_no) DO NOTHING
    RETURNING id, external_no
)
INSERT INTO import_new_member SELECT id, external_no FROM added
"""

ACCOUNTS = """
INSERT INTO loyalty_account (member_id, kind, balance, debt)
SELECT n.id, k.kind, 0, 0
FROM import_new_member n
CROSS JOIN (VALUES (1, 'points'), (2, 'principal'), (3, 'bonus')) AS k(rank, kind)
ORDER BY n.id, k.rank
"""

CARDS = """
INSERT INTO members_card (number, member_id, form, status, issued_at)
SELECT c.number, m.id, 'ecard', 'active', m.joined_at
FROM (SELECT number, row_number() OVER () AS rank FROM unnest(%(numbers)s::text[]) AS number) c
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS rank FROM import_new_member) n USING (rank)
JOIN members_member m ON m.id = n.id
ORDER BY m.id
"""

TAGS = """
INSERT INTO members_tag (name, kind)
SELECT DISTINCT t.tag, 'basic'
FROM import_trait t JOIN import_new_member n ON n.customer_no = t.customer_no ORDER BY 1
ON CONFLICT (name) DO NOTHING
"""

TAGGED = """
INSERT INTO members_member_tags (member_id, tag_id)
SELECT n.id, tag.id
FROM import_trait t
JOIN import_new_member n ON n.customer_no = t.customer_no
JOIN members_tag tag ON tag.name = t.tag
ORDER BY 1, 2
ON CONFLICT (member_id, tag_id) DO NOTHING
"""

STRANGERS = """
DELETE FROM {table} t
WHERE t.customer_no IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM members_member m WHERE m.external_no = t.customer_no)
RETURNING t.row, t.customer_no
"""

UNKNOWN_CAMPAIGNS = """
DELETE FROM {table} t
WHERE NOT EXISTS (SELECT 1 FROM loyalty_pastcampaign c WHERE c.external_no = t.campaign)
RETURNING t.row, t.campaign
"""

ORDERS = """
WITH sums AS (
    SELECT receipt, sum(paid)::bigint AS paid, sum(discount)::bigint AS discount
    FROM import_line GROUP BY receipt
), added AS (
    INSERT INTO loyalty_order (key, external_no, shop_id, staff_id, member_id, tier_id, channel,
        at, local_date, status, is_valid, is_imported, gross_fen, base_fen, points_used,
        points_fen, stored_cover_fen, principal_fen, bonus_fen, rounding_fen, other_fen,
        points_earned, basis_fen, refunded_base_fen, refunded_basis_fen, refunded_net_fen,
        ruleset_id, inputs)
    SELECT NULL, r.no, s.id, NULL, COALESCE(m.merged_into_id, m.id), NULL, 'counter',
        r.at, r.local_date, 'settled', sums.paid > 0, true, sums.paid + sums.discount, sums.paid,
        0, 0, 0, 0, 0, 0, sums.paid,
        CASE WHEN m.id IS NULL THEN 0 ELSE sums.paid * %(earn_pm)s / 100000 END,
        sums.paid, 0, 0, 0, NULL, NULL
    FROM import_receipt r
    JOIN sums ON sums.receipt = r.id
    JOIN members_shop s ON s.code = r.shop
    LEFT JOIN members_member m ON m.external_no = r.customer_no
    ORDER BY r.id
    ON CONFLICT (external_no) DO NOTHING
    RETURNING id, external_no, member_id
)
INSERT INTO import_new_order
SELECT a.id, r.id, a.member_id FROM added a JOIN import_receipt r ON r.no = a.external_no
"""

# The order's points are shared by largest remainder, equal ones to the later line, as
# loyalty.money.allocate does.
LINES = """
WITH joined AS (
    SELECT o.id AS order_id, o.points_earned, o.basis_fen, l.*
    FROM import_line l
    JOIN import_new_order n ON n.receipt = l.receipt
    JOIN loyalty_order o ON o.id = n.id
), shared AS (
    SELECT j.*, points_earned * paid / GREATEST(basis_fen, 1) AS points,
        points_earned - sum(points_earned * paid / GREATEST(basis_fen, 1))
            OVER (PARTITION BY order_id) AS missing,
        row_number() OVER (PARTITION BY order_id
            ORDER BY points_earned * paid %% GREATEST(basis_fen, 1) DESC, index DESC) AS rank
    FROM joined j
)
INSERT INTO loyalty_orderline (order_id, index, product_id, name, quantity, unit_price_fen,
    list_fen, price_off_fen, amount_off_fen, coupon_off_fen, base_fen, points_used, points_fen,
    stored_cover_fen, stored_paid_fen, principal_fen, rounding_fen, other_fen, points_earned,
    basis_fen)
SELECT s.order_id, s.index, p.id, p.name, s.quantity, NULL, s.paid + s.discount, s.discount,
    0, 0, s.paid, 0, 0, 0, 0, 0, 0, s.paid,
    s.points + CASE WHEN s.rank <= s.missing THEN 1 ELSE 0 END, s.paid
FROM shared s JOIN loyalty_product p ON p.sku = s.sku
ORDER BY s.order_id, s.index
"""

TENDERS = """
INSERT INTO loyalty_tender (order_id, kind, amount_fen)
SELECT o.id, 'unknown', o.other_fen
FROM import_new_order n JOIN loyalty_order o ON o.id = n.id
WHERE o.other_fen > 0 ORDER BY o.id
"""

CAMPAIGNS = """
INSERT INTO loyalty_pastcampaign (external_no, kind, starts, ends)
SELECT no, kind, starts, ends FROM import_campaign ORDER BY starts, no
ON CONFLICT (external_no) DO NOTHING
"""

TARGETS = """
INSERT INTO loyalty_pasttarget (campaign_id, member_id)
SELECT c.id, m.id
FROM import_target t
JOIN loyalty_pastcampaign c ON c.external_no = t.campaign
JOIN members_member m ON m.external_no = t.customer_no
ORDER BY t.row
ON CONFLICT (campaign_id, member_id) DO NOTHING
"""

REDEMPTIONS = """
INSERT INTO loyalty_pastredemption (campaign_id, member_id, coupon_no, day, row)
SELECT c.id, m.id, r.coupon, r.day, r.number
FROM import_redemption r
JOIN loyalty_pastcampaign c ON c.external_no = r.campaign
JOIN members_member m ON m.external_no = r.customer_no
ORDER BY r.row
ON CONFLICT (campaign_id, member_id, coupon_no, day, row) DO NOTHING
"""


def _run(statement: str, values: Mapping[str, Value] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or {})
        return int(cursor.rowcount)


def add_shops() -> int:
    return _run(SHOPS, {"shop_name": _("Shop %(code)s") % {"code": "<code>"}})


def add_articles() -> dict[str, int]:
    """Categories, articles and placeholders; a placeholder whose article is now known gets its
    name. Returns the counts."""
    categories = _run(ROOT_CATEGORIES) + _run(CATEGORIES)
    _run(PLACED)
    named = _run(ARTICLES_NAMED)
    articles = _run(ARTICLES)
    name = _("Article %(sku)s") % {"sku": "<sku>"}
    placeholders = _run(PLACEHOLDERS, {"article_name": name})
    return {
        "categories": categories,
        "articles": articles,
        "placeholders": placeholders,
        "placeholders_named": named,
    }


def add_members(*, until: dt.datetime) -> int:
    """Members with their three accounts, a card number each and what is known of them as tags.

    A customer number that a member already bears is that member, left as they are.
    """
    added = _run(MEMBERS, {"language": settings.LANGUAGE_CODE, "until": until})
    if added:
        _run(ACCOUNTS)
        _run(CARDS, {"numbers": codes.new_card_numbers(added)})
        _run(TAGS)
        _run(TAGGED)
    return added


def add_orders(*, earn_per_yuan_pm: int, problems: Problems, file: str) -> dict[str, int]:
    """Orders with lines and tender. ``earn_per_yuan_pm`` 0: no points."""
    left_out = _leave_out(STRANGERS, "import_receipt", CUSTOMER_UNKNOWN, problems, file)
    orders = _run(ORDERS, {"earn_pm": earn_per_yuan_pm})
    if not orders:
        return {"orders": 0, "order_lines": 0, "orders_left_out": left_out}
    lines = _run(LINES, {})
    _run(TENDERS)
    return {"orders": orders, "order_lines": lines, "orders_left_out": left_out}


def add_campaigns(*, problems: Problems, files: Mapping[str, str]) -> dict[str, int]:
    """Past campaigns, whom they targeted and what was redeemed. ``files``: for the problems."""
    campaigns = _run(CAMPAIGNS)
    for table, stem in (
        ("import_target", "campaign_targets"),
        ("import_redemption", "coupon_redemptions"),
    ):
        _leave_out(STRANGERS, table, CUSTOMER_UNKNOWN, problems, files[stem])
        _leave_out(UNKNOWN_CAMPAIGNS, table, CAMPAIGN_UNKNOWN, problems, files[stem])
    return {"campaigns": campaigns, "targets": _run(TARGETS), "redemptions": _run(REDEMPTIONS)}


def _leave_out(statement: str, table: str, code: str, problems: Problems, file: str) -> int:
    """Drop the staged rows that name someone or something unknown, and say so."""
    messages = {
        CUSTOMER_UNKNOWN: _("There is no such customer in the customers file, nor a member."),
        CAMPAIGN_UNKNOWN: _("There is no such campaign in the campaigns file."),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=table))
        found = sorted(cursor.fetchall())
    for row, content in found:
        problems.note(file=file, row=row, code=code, message=messages[code], content=content)
    return len(found)
