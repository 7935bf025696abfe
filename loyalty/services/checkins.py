"""Checking in: once a local day, for points, a streak, and the second track of the tiers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from loyalty.locks import AccountBook, lock_accounts, waiting_politely
from loyalty.models import CheckIn, Entry, MemberStats
from loyalty.selectors import inputs
from loyalty.services import ledger, tiers
from loyalty.services.working import check_standing, rules_of
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events


def check_in(
    *, member_id: int, shop: Shop | None, actor: Staff | None, at: dt.datetime
) -> dict[str, Any]:
    """Check a member in; one event ``checked_in`` (and ``tier_changed`` if it promotes).

    Returns ``day`` (ISO), ``streak`` (days running), ``checkins`` (ever), ``points`` (given) and
    ``promotion`` (as ``tiers.promote_if_due``, or None). Refuses with ``already_checked_in``,
    ``member_unknown``, ``member_frozen``, ``busy``.
    """
    with waiting_politely(), transaction.atomic():
        accounts = lock_accounts([member_id])
        standing = check_standing(inputs.load(member_id=member_id, at=at))
        _ruleset_id, rulebook = rules_of(standing, at)
        day = clock.local_date(at)
        streak = _write(member_id, day, shop=shop, actor=actor, at=at)
        MemberStats.objects.filter(pk=member_id).update(checkins_count=F("checkins_count") + 1)
        points = _give_points(member_id, rulebook, accounts, at=at)
        promotion = tiers.promote_if_due(
            standing=standing,
            rulebook=rulebook,
            accounts=accounts,
            checkins=standing.checkins + 1,
            staff_id=actor.pk if actor else None,
            at=at,
        )
        events.record(
            kind="checked_in",
            at=at,
            member_id=member_id,
            staff_id=actor.pk if actor else None,
            shop_id=shop.pk if shop else None,
            data={"streak": streak, "points": points},
        )
    return {
        "day": day.isoformat(),
        "streak": streak,
        "checkins": standing.checkins + 1,
        "points": points,
        "promotion": promotion,
    }


def _write(
    member_id: int, day: dt.date, *, shop: Shop | None, actor: Staff | None, at: dt.datetime
) -> int:
    """Write the day's check-in; returns the days running up to it."""
    yesterday = day - dt.timedelta(days=1)
    before = CheckIn.objects.filter(member_id=member_id, day=yesterday).values_list(
        "streak", flat=True
    )
    streak = (before.first() or 0) + 1
    try:
        with transaction.atomic():
            CheckIn.objects.create(
                member_id=member_id, day=day, at=at, streak=streak, shop=shop, staff=actor
            )
    except IntegrityError:
        raise Refusal(
            "already_checked_in",
            _("This member has checked in today already. Come back tomorrow."),
            status=409,
        ) from None
    return streak


def _give_points(
    member_id: int, rulebook: RuleBook, accounts: AccountBook, *, at: dt.datetime
) -> int:
    # A snapshot taken before check-ins gave points does not say how many.
    points = int(rulebook.policy.get("checkin_points", 0))
    if points:
        moves, lots = ledger.earn_moves(
            member_id=member_id,
            points=points,
            debt=accounts.get(member_id, "points").debt,
            side=Entry.Side.ISSUED,
            source="check_in",
            expires_at=clock.end_of_validity(at, months=rulebook.policy["points_months"]),
        )
        ledger.post(book=accounts, moves=moves, new_lots=lots, at=at)
    return points
