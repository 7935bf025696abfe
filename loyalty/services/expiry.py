"""Points past their day leave the ledger, in batches of members, under the members' locks.

A batch is one transaction: ``hold_due`` locks the members, the caller reads the clock, and
``expire_held`` takes what has expired by then. What was spent before the lock was had is gone
from the lots; what is spent after it finds them empty. Done twice, it finds nothing; killed, it
goes on where it was.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from django.db import connection, transaction

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import Entry
from loyalty.services import ledger
from members.services import events

BATCH = 2000  # lots; a till waits for one batch at most

DUE = """
SELECT l.member_id FROM loyalty_lot l
JOIN loyalty_account a ON a.member_id = l.member_id AND a.kind = 'points'
WHERE l.points_left > 0 AND l.expires_at <= %s
ORDER BY l.expires_at LIMIT %s
"""

EXPIRED = """
SELECT member_id, id, points_left FROM loyalty_lot
WHERE member_id = ANY(%s) AND asset = 'points' AND points_left > 0 AND expires_at <= %s
ORDER BY member_id, expires_at, id
"""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many members lost how many points out of how many lots."""

    members: int = 0
    lots: int = 0
    points: int = 0

    def __add__(self, other: Expired) -> Expired:
        return Expired(
            self.members + other.members, self.lots + other.lots, self.points + other.points
        )


def hold_due(*, at: dt.datetime) -> AccountBook | None:
    """Lock the accounts of some members who hold expired points; None when nobody does.

    Raises Refusal ``busy`` inside ``locks.waiting_politely``.
    """
    with connection.cursor() as cursor:
        cursor.execute(DUE, [at, BATCH])
        members = {member_id for (member_id,) in cursor.fetchall()}
    return locks.lock_accounts(members) if members else None


def expire_held(*, book: AccountBook, at: dt.datetime) -> Expired:
    """Expire what these members' lots still hold past their day; one event for each member.

    ``at`` is read after the lock was had, so that no entry is dated before one it follows.
    """
    with connection.cursor() as cursor:
        cursor.execute(EXPIRED, [[member_id for member_id, _kind in book.rows], at])
        rows = cursor.fetchall()
    points: Counter[int] = Counter()
    for member_id, _lot_id, left in rows:
        points[member_id] += left
    ledger.post(
        book=book,
        moves=[
            ledger.Move(member_id, "points", -left, Entry.Side.EXPIRED, lot=lot_id)
            for member_id, lot_id, left in rows
        ],
        at=at,
    )
    events.record_many(
        kind="points_expired",
        at=at,
        data_by_member={member_id: {"points": lost} for member_id, lost in points.items()},
    )
    return Expired(len(points), len(rows), points.total())


def expire_points(*, at: dt.datetime) -> Expired:
    """Expire all that is due at a moment that stands still: a simulated night."""
    total = Expired()
    while True:
        with locks.waiting_politely(), transaction.atomic():
            book = hold_due(at=at)
            if book is None:
                return total
            total += expire_held(book=book, at=at)
