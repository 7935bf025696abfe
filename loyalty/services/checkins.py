"""Checking in: once a local day, for points, the second track of the tiers, and gifts for days
running."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from loyalty.locks import AccountBook, lock_accounts, waiting_politely
from loyalty.models import CheckIn, Entry, MemberStats, StreakGift
from loyalty.selectors import inputs
from loyalty.services import gifts, ledger, tiers
from loyalty.services.working import check_standing, rules_of
from loyalty.settlement import streaks
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events


def check_in(
    *, member_id: int, shop: Shop | None, actor: Staff | None, at: dt.datetime
) -> dict[str, Any]:
    """Check a member in; one event ``checked_in`` (and ``tier_changed`` if it promotes).

    Returns ``day`` (ISO), ``streak`` (days running), ``checkins`` (ever), ``points`` (given),
    ``promotion`` (as ``tiers.promote_if_due``, or None) and ``gifts`` (one for each step of the
    streak reached today: ``days``, ``pack``, ``name`` and what of it was given, ``points``,
    ``bonus_fen``, ``coupons``, ``tier`` for ``tier_days``). Refuses with ``already_checked_in``,
    ``member_unknown``, ``member_frozen``, ``busy``.
    """
    with waiting_politely(), transaction.atomic():
        accounts = lock_accounts([member_id])
        standing = check_standing(inputs.load(member_id=member_id, at=at))
        _ruleset_id, rulebook = rules_of(standing, at)
        day = clock.local_date(at)
        row = _write(member_id, day, shop=shop, actor=actor, at=at)
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
        # After the promotion: a tier that a pack lifts to is not pushed down again by it.
        given = _give_gifts(row, rulebook, accounts, at=at)
        events.record(
            kind="checked_in",
            at=at,
            member_id=member_id,
            staff_id=actor.pk if actor else None,
            shop_id=shop.pk if shop else None,
            data={"streak": row.streak, "points": points, **({"gifts": given} if given else {})},
        )
    return {
        "day": day.isoformat(),
        "streak": row.streak,
        "checkins": standing.checkins + 1,
        "points": points,
        "promotion": promotion,
        "gifts": given,
    }


def _write(
    member_id: int, day: dt.date, *, shop: Shop | None, actor: Staff | None, at: dt.datetime
) -> CheckIn:
    """Write the day's check-in with the days running up to it."""
    yesterday = day - dt.timedelta(days=1)
    before = CheckIn.objects.filter(member_id=member_id, day=yesterday).values_list(
        "streak", flat=True
    )
    streak = (before.first() or 0) + 1
    try:
        with transaction.atomic():
            return CheckIn.objects.create(
                member_id=member_id, day=day, at=at, streak=streak, shop=shop, staff=actor
            )
    except IntegrityError:
        raise Refusal(
            "already_checked_in",
            _("This member has checked in today already. Come back tomorrow."),
            status=409,
        ) from None


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


def _give_gifts(
    row: CheckIn, rulebook: RuleBook, accounts: AccountBook, *, at: dt.datetime
) -> list[dict[str, Any]]:
    """Give what today's day of the streak brings, each step once: its row is unique."""
    found = []
    for rule in streaks.gifts_on(rulebook.streaks, row.streak):
        pack = rulebook.packs[rule.pack]
        StreakGift.objects.create(checkin=row, days=rule.days)
        given = gifts.give(
            member_id=row.member_id,
            pack=pack,
            rulebook=rulebook,
            accounts=accounts,
            source="streak",
            order_id=None,
            at=at,
        )
        found.append(
            {
                "days": rule.days,
                "pack": pack["id"],
                "name": pack["name"],
                "points": given.points,
                "bonus_fen": given.bonus_fen,
                "coupons": given.coupon_ids,
                "tier": given.tier_id,
                "tier_days": pack["tier_days"] if given.tier_id else None,
            }
        )
    return found
