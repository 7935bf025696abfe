"""A shop with many members, set-based and always the same.

Ids follow from the member's number ``i`` (1 to n), so that requests and the baseline can name
rows without asking: accounts 3i − 2 (points), 3i − 1 (principal), 3i (bonus); the points lot i;
the stored-value lot n + i / 5 of every fifth member.
"""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from string import Template

import psycopg
from django.apps import apps
from psycopg import sql

TIER_SHARES = (70, 20, 8, 2)  # of a hundred members, tiers 1 to 4
STORED_EVERY = 5  # every fifth member holds stored value
PRINCIPAL_FEN, BONUS_FEN = 100_000, 10_000

_AMOUNT = "(2000 + (i * 37 + k * 911) % 7000)"
_WHEN = "($at - make_interval(days => (k * 40 + i % 30)::int, hours => (i % 9)::int))"

PEOPLE = f"""
INSERT INTO members_member (id, public_id, name, pinyin, phone, phone_tail, gender, birth_month,
    birth_day, region, language, status, joined_at, joined_shop_id, joined_channel, is_test)
SELECT i, md5(i::text)::uuid, (ARRAY['王小敏', '李强', '张伟', '刘洋', '陈静'])[1 + i % 5],
    (ARRAY['wxm', 'lq', 'zw', 'ly', 'cj'])[1 + i % 5], '+86139' || lpad(i::text, 8, '0'),
    right(lpad(i::text, 8, '0'), 4), '', 1 + i % 12, 1 + i % 28, '', 'zh-hans', 'active',
    $at - make_interval(days => (200 + i % 1000)::int), 1, 'counter', false
FROM generate_series(1, $n) AS i;

INSERT INTO members_card (id, number, member_id, form, status, issued_at)
SELECT i, '9012' || lpad(i::text, 12, '0'), i, 'ecard', 'active', $at
FROM generate_series(1, $n) AS i;

INSERT INTO loyalty_memberstats (member_id, tier_id, tier_since, tier_until, first_order_at,
    last_order_at, orders_count, net_fen, basis_fen, checkins_count, category_weeks)
SELECT i, CASE WHEN i % 100 < {TIER_SHARES[0]} THEN 1
        WHEN i % 100 < {sum(TIER_SHARES[:2])} THEN 2
        WHEN i % 100 < {sum(TIER_SHARES[:3])} THEN 3 ELSE 4 END,
    ($at - interval '100 days')::date, ($at + interval '265 days')::date,
    o.first, o.last, i % 4, o.paid, o.paid, 0, '{{}}'
FROM generate_series(1, $n) AS i, LATERAL (
    SELECT min({_WHEN}) AS first, max({_WHEN}) AS last, COALESCE(sum({_AMOUNT}), 0) AS paid
    FROM generate_series(1, i % 4) AS k) AS o;

INSERT INTO loyalty_coupon (id, code, template_id, member_id, status, uses_left, issued_at,
    valid_from, expires_at, source)
SELECT row_number() OVER (), '8' || lpad((i * 4 + k)::text, 13, '0'), 1 + (i / 16 + k) % 5, i,
    'active', 1, $at - interval '20 days', $at - interval '20 days',
    $at + make_interval(days => (10 + (i + k * 13) % 50)::int), 'import'
FROM generate_series(1, $n) AS i, generate_series(1, (i / 4) % 4) AS k;

UPDATE loyalty_coupontemplate t SET issued_count = held.count
FROM (SELECT template_id, count(*) FROM loyalty_coupon GROUP BY template_id) AS held
WHERE t.id = held.template_id;
"""

PAST = f"""
INSERT INTO loyalty_order (id, key, external_no, shop_id, staff_id, member_id, tier_id, channel,
    at, local_date, status, is_valid, is_imported, gross_fen, base_fen, points_used, points_fen,
    stored_cover_fen, principal_fen, bonus_fen, rounding_fen, other_fen, points_earned,
    basis_fen, refunded_base_fen, refunded_basis_fen, refunded_net_fen)
SELECT row_number() OVER (), NULL, 'R' || (i * 4 + k), 1, NULL, i, 1, 'counter', {_WHEN},
    ({_WHEN} AT TIME ZONE 'Asia/Shanghai')::date, 'settled', true, true, {_AMOUNT}, {_AMOUNT},
    0, 0, 0, 0, 0, 0, {_AMOUNT}, 0, {_AMOUNT}, 0, 0, 0
FROM generate_series(1, $n) AS i, generate_series(1, i % 4) AS k;

INSERT INTO loyalty_orderline (id, order_id, index, product_id, name, quantity, unit_price_fen,
    list_fen, price_off_fen, amount_off_fen, coupon_off_fen, base_fen, points_used, points_fen,
    stored_cover_fen, stored_paid_fen, principal_fen, rounding_fen, other_fen, points_earned,
    basis_fen)
SELECT id, id, 0, NULL, '', 1, NULL, gross_fen, 0, 0, 0, base_fen, 0, 0, 0, 0, 0, 0, other_fen,
    0, basis_fen
FROM loyalty_order;

INSERT INTO loyalty_tender (id, order_id, kind, amount_fen)
SELECT id, id, 'wechat', other_fen FROM loyalty_order;
"""

# Accounts in the order in which joining writes them: a member's three lie together.
WORTH = f"""
INSERT INTO loyalty_account (id, member_id, kind, balance, debt)
SELECT i * 3 - 3 + k, i, (ARRAY['points', 'principal', 'bonus'])[k],
    CASE WHEN k = 1 THEN 1 + i % 400 WHEN i % {STORED_EVERY} > 0 THEN 0
        WHEN k = 2 THEN {PRINCIPAL_FEN} ELSE {BONUS_FEN} END, 0
FROM generate_series(1, $n) AS i, generate_series(1, 3) AS k
ORDER BY i, k;

INSERT INTO loyalty_topup (id, key, member_id, shop_id, at, local_date, paid_fen, bonus_fen,
    tender, terms_version)
SELECT i / {STORED_EVERY}, md5('top-up ' || i)::uuid, i, 1, $at - interval '50 days',
    ($at - interval '50 days')::date, {PRINCIPAL_FEN}, {BONUS_FEN}, 'wechat', '1'
FROM generate_series({STORED_EVERY}, $n, {STORED_EVERY}) AS i;

INSERT INTO loyalty_lot (id, member_id, asset, points_issued, points_left, principal_issued,
    principal_left, bonus_issued, bonus_left, issued_at, expires_at, source)
SELECT i, i, 'points', 1 + i % 400, 1 + i % 400, 0, 0, 0, 0, $at - interval '90 days',
    $at + make_interval(days => (30 + i % 300)::int), 'import'
FROM generate_series(1, $n) AS i;

INSERT INTO loyalty_lot (id, member_id, asset, points_issued, points_left, principal_issued,
    principal_left, bonus_issued, bonus_left, issued_at, expires_at, source, top_up_id)
SELECT $n + id, member_id, 'value', 0, 0, paid_fen, paid_fen, bonus_fen, bonus_fen, at, NULL,
    'top_up', id
FROM loyalty_topup;

INSERT INTO loyalty_entry (id, account_id, lot_id, side, delta, balance_after, list_fen, at,
    top_up_id, reason)
SELECT id, member_id * 3 - 2, id, 'import', points_issued, points_issued, 0, issued_at, NULL, ''
FROM loyalty_lot WHERE asset = 'points'
UNION ALL
SELECT id * 2, member_id * 3 - 1, id, 'cash', principal_issued, principal_issued, 0, issued_at,
    top_up_id, '' FROM loyalty_lot WHERE asset = 'value'
UNION ALL
SELECT id * 2 + 1, member_id * 3, id, 'given', bonus_issued, bonus_issued, 0, issued_at,
    top_up_id, '' FROM loyalty_lot WHERE asset = 'value';
"""

SEEDED = (
    "members_member",
    "members_card",
    "loyalty_coupon",
    "loyalty_order",
    "loyalty_orderline",
    "loyalty_tender",
    "loyalty_account",
    "loyalty_topup",
    "loyalty_lot",
    "loyalty_entry",
)


def column_defaults() -> list[sql.Composed]:
    """Django's defaults as the database's, so that a column added later needs no word here."""
    found = []
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            value = column.get_default()
            if model._meta.db_table not in SEEDED or not isinstance(value, str | int):
                continue
            found.append(
                sql.SQL("ALTER TABLE {} ALTER {} SET DEFAULT {}").format(
                    sql.Identifier(model._meta.db_table),
                    sql.Identifier(str(column.column)),
                    sql.Literal(value),
                )
            )
    return found


def seed(url: str, *, members: int, at: dt.datetime) -> None:
    """Fill a database in which the shop is open. ``at``: the present, to which all dates refer."""

    def fill(script: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            # Foreign keys hold by construction; the servers stay durable for what is measured.
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET synchronous_commit = off")
            present = f"timestamptz '{at.isoformat()}'"
            for statement in Template(script).substitute(n=members, at=present).split(";\n"):
                if statement.strip():
                    connection.execute(statement.encode())

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in column_defaults():
            connection.execute(statement)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, (PEOPLE, PAST, WORTH)))
    with psycopg.connect(url, autocommit=True) as connection:
        for table in SEEDED:
            connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
