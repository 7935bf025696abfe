"""Points for imported receipts, when asked: a lot and an entry an order, as if earned then.

The ledger's own way (``ledger.post``) for members who owe points, since what they earn repays
the debt first; one statement for all others, with the same rows.
"""

from __future__ import annotations

from django.db import connection

from loyalty.locks import AccountBook
from loyalty.services import ledger
from members import clock

SOURCE = "import"

EARNING = """
SELECT o.member_id, o.id, o.at, o.points_earned
FROM import_new_order n JOIN loyalty_order o ON o.id = n.id
WHERE o.points_earned > 0 ORDER BY o.member_id, o.at, o.id
"""

GIVE = """
WITH earned AS MATERIALIZED (
    SELECT nextval('loyalty_lot_id_seq') AS lot_id, e.*
    FROM unnest(%(orders)s::bigint[], %(expires)s::timestamptz[])
        WITH ORDINALITY AS e(order_id, expires_at, rank)
), detailed AS MATERIALIZED (
    SELECT e.*, o.member_id, o.at, o.points_earned, a.id AS account_id,
        a.balance + sum(o.points_earned) OVER (PARTITION BY a.id ORDER BY e.rank) AS balance_after
    FROM earned e
    JOIN loyalty_order o ON o.id = e.order_id
    JOIN loyalty_account a ON a.member_id = o.member_id AND a.kind = 'points'
), lots AS (
    INSERT INTO loyalty_lot (id, member_id, asset, points_issued, points_left, principal_issued,
        principal_left, bonus_issued, bonus_left, issued_at, expires_at, source, order_id,
        top_up_id)
    SELECT lot_id, member_id, 'points', points_earned, points_earned, 0, 0, 0, 0, at, expires_at,
        %(source)s, order_id, NULL
    FROM detailed ORDER BY rank
), entries AS (
    INSERT INTO loyalty_entry (account_id, lot_id, side, delta, balance_after, list_fen, at,
        order_id, refund_id, top_up_id, reason)
    SELECT account_id, lot_id, 'import', points_earned, balance_after, 0, at, order_id, NULL,
        NULL, ''
    FROM detailed ORDER BY rank
)
UPDATE loyalty_account a SET balance = a.balance + d.total
FROM (SELECT account_id, sum(points_earned)::bigint AS total FROM detailed GROUP BY account_id) d
WHERE a.id = d.account_id
"""


def give(*, book: AccountBook, months: int) -> int:
    """Give what the new orders earned; returns the points given.

    ``book`` holds the locked accounts of all members with a new order; ``months`` is how long
    points are valid, counted from each receipt.
    """
    with connection.cursor() as cursor:
        cursor.execute(EARNING)
        earning = cursor.fetchall()
    orders, expiries = [], []
    total = 0
    for member_id, order_id, at, points in earning:
        total += points
        expires_at = clock.end_of_validity(at, months=months)
        account = book.get(member_id, "points")
        if account.debt:
            moves, lots = ledger.earn_moves(
                member_id=member_id,
                points=points,
                debt=account.debt,
                side=ledger.Side.IMPORT,
                source=SOURCE,
                expires_at=expires_at,
            )
            cause = ledger.Cause(order_id=order_id)
            ledger.post(book=book, moves=moves, new_lots=lots, at=at, cause=cause)
            continue
        orders.append(order_id)
        expiries.append(expires_at)
    if orders:
        with connection.cursor() as cursor:
            cursor.execute(GIVE, {"orders": orders, "expires": expiries, "source": SOURCE})
    return total
