"""The ladder: promotion at once, with its gift; down again in the night, after the grace days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from loyalty.locks import AccountBook
from loyalty.models import MemberStats, Tier
from loyalty.selectors.inputs import Standing
from loyalty.services import gifts
from loyalty.settlement.rulebook import RuleBook, TierRule
from members import clock
from members.services import events


def progress_fen(standing: Standing, book: RuleBook) -> int:
    """What counts towards a tier now: the trailing 365 days' basis, or all of it, in fen."""
    if book.policy["progress"] == "lifetime":
        return standing.basis_fen
    return standing.trailing_basis_fen


def rank_of(tier_id: int | None, book: RuleBook) -> int | None:
    """The rank a member stands on. A tier out of use is not in the rules, but may be held still."""
    known = book.tier_by_id.get(tier_id or 0)
    if known is not None or tier_id is None:
        return known.rank if known else None
    return Tier.objects.filter(pk=tier_id).values_list("rank", flat=True).first()


def next_tier(standing: Standing, book: RuleBook) -> TierRule | None:
    """The lowest tier above the member's; None on the highest one."""
    rank = rank_of(standing.tier_id, book)
    above = (tier for tier in book.tiers if rank is None or tier.rank > rank)
    return next(above, None)


def due_promotion(
    *, book: RuleBook, tier_id: int | None, progress_fen: int, checkins: int
) -> TierRule | None:
    """The higher tier that is now reached, or None. The order that promotes is settled before."""
    earned = book.tier_for(progress_fen=progress_fen, checkins=checkins)
    if earned is None:
        return None
    rank = rank_of(tier_id, book)
    return earned if rank is None or earned.rank > rank else None


def promotion_columns(
    target: TierRule | None, *, at: dt.datetime
) -> tuple[int, dt.date, dt.date] | None:
    """(tier id, since, kept through) for the member's figures."""
    if target is None:
        return None
    today = clock.local_date(at)
    return target.id, today, clock.add_months(today, target.keep_months)


def celebrate(
    *,
    member_id: int,
    before: int | None,
    target: TierRule,
    rulebook: RuleBook,
    accounts: AccountBook,
    order_id: int | None,
    staff_id: int | None,
    at: dt.datetime,
) -> dict[str, Any]:
    """Give the upgrade's pack and record the event. The tier itself is set by the caller.

    The member's accounts are locked in ``accounts``.
    """
    pack = rulebook.packs.get(target.upgrade_pack) if target.upgrade_pack else None
    given = gifts.Given()
    if pack is not None:
        given = gifts.give(
            member_id=member_id,
            pack=pack,
            rulebook=rulebook,
            accounts=accounts,
            source="upgrade",
            order_id=order_id,
            at=at,
        )
    facts = {
        "before": before,
        "after": target.id,
        "points": given.points,
        "bonus_fen": given.bonus_fen,
        "coupons": given.coupon_ids,
    }
    events.record(
        kind="tier_changed",
        at=at,
        member_id=member_id,
        staff_id=staff_id,
        data={**facts, "order": order_id},
    )
    return {**facts, "name": target.name}


def promote_if_due(
    *,
    standing: Standing,
    rulebook: RuleBook,
    accounts: AccountBook,
    checkins: int,
    staff_id: int | None,
    at: dt.datetime,
) -> dict[str, Any] | None:
    """Promote outside a sale (a check-in, an adjustment of behaviour). Accounts are locked."""
    target = due_promotion(
        book=rulebook,
        tier_id=standing.tier_id,
        progress_fen=progress_fen(standing, rulebook),
        checkins=checkins,
    )
    columns = promotion_columns(target, at=at)
    if target is None or columns is None:
        return None
    tier_id, since, until = columns
    MemberStats.objects.filter(pk=standing.id).update(
        tier_id=tier_id, tier_since=since, tier_until=until
    )
    return celebrate(
        member_id=standing.id,
        before=standing.tier_id,
        target=target,
        rulebook=rulebook,
        accounts=accounts,
        order_id=None,
        staff_id=staff_id,
        at=at,
    )
