"""The birthday gift of a tier, given by itself in the night, to each member once a calendar year.

Whose day it is, the index on the birthday finds. It goes to active members whose card was open
and whose birthday was known before the day began: a date filled in or corrected on its day, or
after it, counts from the next year on. What somebody gets is the gift of the tier they stand in
when it is given. Of children under 14 nothing is drawn from their birthday.

A batch is one transaction under the members' locks; the row of the year goes first and is unique,
so that done twice, or by two at once, it gives once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import CouponTemplate, NightlyRun
from loyalty.services import gifts
from loyalty.services.working import rules_of
from loyalty.settlement.rulebook import RuleBook, birthdays_on
from members import clock
from members.services import events

BATCH = 100  # members; a till waits for one batch at most, about a second
# Nights that were missed are made up for. After a week a birthday gift is no surprise any more.
CAUGHT_UP = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
GROWN = 14  # years; under that, no profile of a person

# By the index on the birthday, whatever the planner thinks of the order that is asked for.
BORN = """
WITH born AS MATERIALIZED (
    SELECT m.id, d.year, d.starts
    FROM unnest(%(years)s::int[], %(months)s::int[], %(days)s::int[], %(starts)s::timestamptz[])
        AS d(year, month, day, starts)
    JOIN members_member m ON m.birth_month = d.month AND m.birth_day = d.day
    WHERE m.birth_month IS NOT NULL AND m.status = 'active' AND m.joined_at < d.starts
        AND (m.birth_year IS NULL OR d.year - m.birth_year >= %(grown)s)
"""

DUE = """
FROM born b
JOIN loyalty_memberstats s ON s.member_id = b.id AND s.tier_id = ANY(%(tiers)s)
JOIN loyalty_account a ON a.member_id = b.id AND a.kind = 'points'
WHERE NOT EXISTS (SELECT FROM loyalty_birthdaygift g WHERE g.member_id = b.id AND g.year = b.year)
    AND NOT EXISTS (SELECT FROM members_event e WHERE e.member_id = b.id
        AND e.kind = 'member_updated' AND e.at >= b.starts
        AND e.data->'fields' ?| array['birth_month', 'birth_day'])
ORDER BY b.id
"""

MEMBERS = f"{BORN}) SELECT b.id {DUE} LIMIT %(batch)s"

CLAIM = f"""
{BORN} AND m.id = ANY(%(members)s))
INSERT INTO loyalty_birthdaygift (member_id, year, tier_id, at)
SELECT b.id, b.year, s.tier_id, %(at)s {DUE}
ON CONFLICT (member_id, year) DO NOTHING RETURNING member_id, year, tier_id
"""


@dataclass(frozen=True, slots=True)
class Gifts:
    """How many members got their gift, and for how many nothing of it was left."""

    given: int = 0
    nothing_left: int = 0

    def __add__(self, other: Gifts) -> Gifts:
        return Gifts(self.given + other.given, self.nothing_left + other.nothing_left)


def days_due(*, at: dt.datetime) -> list[dt.date]:
    """Today and the days since the last night that was gone through, a week of them at most.

    The first night of all looks at its own day only.
    """
    today = clock.local_date(at)
    done = NightlyRun.objects.filter(job=NightlyRun.Job.BIRTHDAYS, finished_at__isnull=False)
    last = done.order_by("-local_date").values_list("local_date", flat=True).first()
    first = today if last is None else min(max(last + DAY, today - CAUGHT_UP), today)
    return [first + dt.timedelta(days=number) for number in range((today - first).days + 1)]


def hold_due(*, days: Sequence[dt.date], at: dt.datetime) -> AccountBook | None:
    """Lock the accounts of some members whose gift is due; None when there is nobody.

    Raises Refusal ``busy`` inside ``locks.waiting_politely``.
    """
    book = rules_of(None, at)[1]
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, {**_whose(days, book), "batch": BATCH})
        members = [member_id for (member_id,) in cursor.fetchall()]
    return locks.lock_accounts(members) if members else None


def give_held(*, accounts: AccountBook, days: Sequence[dt.date], at: dt.datetime) -> Gifts:
    """Give these locked members what is still due to them; one event ``birthday_gift`` for each."""
    book = rules_of(None, at)[1]
    members = sorted({member_id for member_id, _kind in accounts.rows})
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {**_whose(days, book), "members": members, "at": at})
        rows = cursor.fetchall()
    packs = {tier_id: book.packs[_packs(book)[tier_id]] for _member, _year, tier_id in rows}
    _hold_coupons(packs.values())
    told = {
        member_id: {"year": year, "in_tier": tier_id}
        | _give(member_id, packs[tier_id], book, accounts, at=at)
        for member_id, year, tier_id in rows
    }
    events.record_many(kind="birthday_gift", at=at, data_by_member=told)
    given = sum(not is_empty(facts) for facts in told.values())
    return Gifts(given, len(told) - given)


def _hold_coupons(packs: Iterable[Mapping[str, Any]]) -> None:
    """Hold the counts of what is given, by their ids as a till takes those of one pack: members of
    several tiers come in any order, and nobody waits in a circle."""
    named = {template_id for pack in packs for template_id, _count in pack["coupons"]}
    rows = CouponTemplate.objects.select_for_update(no_key=True).filter(pk__in=named)
    list(rows.order_by("pk").values_list("pk"))


def _give(
    member_id: int,
    pack: Mapping[str, Any],
    book: RuleBook,
    accounts: AccountBook,
    *,
    at: dt.datetime,
) -> dict[str, Any]:
    given = gifts.give(
        member_id=member_id,
        pack=pack,
        rulebook=book,
        accounts=accounts,
        source="birthday",
        order_id=None,
        at=at,
    )
    return {
        "pack": pack["id"],
        "name": pack["name"],
        "points": given.points,
        "bonus_fen": given.bonus_fen,
        "coupons": given.coupon_ids,
        "tier": given.tier_id,
        "tier_days": pack["tier_days"] if given.tier_id else None,
    }


def is_empty(facts: Mapping[str, Any]) -> bool:
    """Whether nothing came of a gift: its coupons were out of stock, or had as many as allowed."""
    return not (facts["points"] or facts["bonus_fen"] or facts["coupons"] or facts["tier"])


def _packs(book: RuleBook) -> dict[int, int]:
    """The tiers in use that give something, with the gift pack."""
    return {tier.id: tier.birthday_pack for tier in book.tiers if tier.birthday_pack is not None}


def _whose(days: Sequence[dt.date], book: RuleBook) -> dict[str, Any]:
    """Whose day it was: one line for each birthday that is kept on one of these days."""
    kept = [(day, month, number) for day in days for month, number in birthdays_on(day)]
    return {
        "years": [day.year for day, _month, _number in kept],
        "months": [month for _day, month, _number in kept],
        "days": [number for _day, _month, number in kept],
        "starts": [clock.start_of_day(day) for day, _month, _number in kept],
        "tiers": list(_packs(book)),
        "grown": GROWN,
    }


def give_due(*, at: dt.datetime) -> Gifts:
    """Give everything that is due at a moment that stands still: a simulated night."""
    total, days = Gifts(), days_due(at=at)
    while True:
        with locks.waiting_politely(), transaction.atomic():
            accounts = hold_due(days=days, at=at)
            if accounts is None:
                return total
            total += give_held(accounts=accounts, days=days, at=at)
