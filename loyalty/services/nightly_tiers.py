"""The ladder at night: who has had their time goes down to the tier earned, or keeps theirs.

Only after the day a tier is kept through and its days of grace; never up, which a sale does at
once. In batches under the members' locks; done twice, it finds nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from loyalty import locks
from loyalty.selectors.inputs import TRAILING
from loyalty.services.working import rules_of
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.services import events

BATCH = 1000  # members; a till waits for one batch at most

# A tier no longer in use is not in the rules; it has no days of grace.
DUE = """
FROM loyalty_memberstats s
JOIN members_member m ON m.id = s.member_id AND m.status <> 'closed'
JOIN loyalty_tier t ON t.id = s.tier_id
LEFT JOIN unnest(%(tiers)s::bigint[], %(grace)s::int[]) AS g(tier_id, days)
    ON g.tier_id = s.tier_id
WHERE s.tier_until < %(today)s AND s.tier_until + COALESCE(g.days, 0) < %(today)s
"""

MEMBERS = f"SELECT s.member_id {DUE} ORDER BY s.tier_until LIMIT %(batch)s"

STANDINGS = f"""
WITH due AS MATERIALIZED (
    SELECT s.member_id, s.tier_id, t.rank, s.tier_since, s.tier_until, s.basis_fen,
        s.checkins_count
    {DUE} AND s.member_id = ANY(%(members)s)
)
SELECT d.member_id, d.tier_id, d.rank, d.tier_since, d.tier_until, d.checkins_count,
    CASE WHEN %(lifetime)s THEN d.basis_fen ELSE COALESCE(
        (SELECT sum(o.basis_fen - o.refunded_basis_fen) FROM loyalty_order o
         WHERE o.member_id = d.member_id AND o.at > %(since)s), 0)::bigint END
FROM due d ORDER BY d.member_id
"""

UPDATE = """
UPDATE loyalty_memberstats s SET tier_id = d.tier, tier_since = d.since, tier_until = d.until
FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::date[]) AS d(member, tier, since, until)
WHERE s.member_id = d.member
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A member whose tier is to be looked at; ``progress_fen`` by the policy."""

    member_id: int
    tier_id: int
    rank: int
    since: dt.date | None
    until: dt.date
    checkins: int
    progress_fen: int


@dataclass(frozen=True, slots=True)
class Place:
    """A tier (None: below the ladder), since when, and kept through which day (None: for good)."""

    tier_id: int | None
    since: dt.date | None
    until: dt.date | None


@dataclass(frozen=True, slots=True)
class Moved:
    """How many members went down, and how many keep their tier for another while."""

    down: int = 0
    renewed: int = 0

    def __add__(self, other: Moved) -> Moved:
        return Moved(self.down + other.down, self.renewed + other.renewed)


def place_of(due: Due, *, book: RuleBook, today: dt.date) -> Place:
    """Where the member stands from today on."""
    earned = book.tier_for(progress_fen=due.progress_fen, checkins=due.checkins)
    current = book.tier_by_id.get(due.tier_id)
    if earned is not None and earned.rank >= due.rank:
        if current is not None:
            until = due.until
            while until < today:  # several at once when nights were missed
                until = clock.add_months(until, current.keep_months)
            return Place(due.tier_id, due.since, until)
        # The tier is no longer in use: to the next one below it.
        below = [tier for tier in book.tiers if tier.rank < due.rank]
        earned = below[-1] if below else None
    if earned is None:
        return Place(None, None, None)
    if earned is book.tiers[0] and earned.threshold_fen == 0:
        return Place(earned.id, today, None)  # nothing to fall to
    return Place(earned.id, today, clock.add_months(today, earned.keep_months))


def hold_due(*, at: dt.datetime) -> list[int]:
    """Lock the accounts of some members whose tier is to be looked at; their ids.

    Raises Refusal ``busy`` inside ``locks.waiting_politely``.
    """
    book = rules_of(None, at)[1]
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, {**_ladder(book, at), "batch": BATCH})
        members = [member_id for (member_id,) in cursor.fetchall()]
    if members:
        locks.lock_accounts(members)
    return members


def move_held(*, member_ids: list[int], at: dt.datetime) -> Moved:
    """Give these locked members the place they have earned; one event for each who goes down."""
    book = rules_of(None, at)[1]
    today = clock.local_date(at)
    with connection.cursor() as cursor:
        cursor.execute(
            STANDINGS,
            {
                **_ladder(book, at),
                "members": member_ids,
                "since": at - TRAILING,
                "lifetime": book.policy["progress"] == "lifetime",
            },
        )
        dues = [Due(*row) for row in cursor.fetchall()]
        places = [place_of(due, book=book, today=today) for due in dues]
        cursor.execute(
            UPDATE,
            [
                [due.member_id for due in dues],
                [place.tier_id for place in places],
                [place.since for place in places],
                [place.until for place in places],
            ],
        )
    down: dict[int, dict[str, Any]] = {
        due.member_id: {
            "before": due.tier_id,
            "after": place.tier_id,
            "points": 0,
            "bonus_fen": 0,
            "coupons": [],
            "order": None,
        }
        for due, place in zip(dues, places, strict=True)
        if place.tier_id != due.tier_id
    }
    events.record_many(kind="tier_changed", at=at, data_by_member=down)
    return Moved(len(down), len(dues) - len(down))


def _ladder(book: RuleBook, at: dt.datetime) -> dict[str, Any]:
    return {
        "tiers": [tier.id for tier in book.tiers],
        "grace": [tier.grace_days for tier in book.tiers],
        "today": clock.local_date(at),
    }


def move_tiers(*, at: dt.datetime) -> Moved:
    """Look at everybody who is due at a moment that stands still: a simulated night."""
    total = Moved()
    while True:
        with locks.waiting_politely(), transaction.atomic():
            member_ids = hold_due(at=at)
            if not member_ids:
                return total
            total += move_held(member_ids=member_ids, at=at)
