"""Giving: points, bonus, coupons and a tier, always as a gift pack."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loyalty.locks import AccountBook
from loyalty.models import Entry, MemberStats
from loyalty.services import coupons, ledger
from loyalty.settlement.rulebook import RuleBook
from members import clock


@dataclass(slots=True)
class Given:
    """What a pack came to for this member. Coupons out of stock or budget are not in it."""

    points: int = 0
    bonus_fen: int = 0
    coupon_ids: list[int] = field(default_factory=list)
    tier_id: int | None = None


def give(
    *,
    member_id: int,
    pack: Mapping[str, Any],
    rulebook: RuleBook,
    accounts: AccountBook,
    source: str,
    order_id: int | None,
    at: dt.datetime,
    with_bonus: bool = True,
) -> Given:
    """Give a pack (as it stands in the rule set's snapshot) to a member whose accounts are locked.

    ``with_bonus`` False leaves the bonus to the caller (a top-up puts it into its own lot).
    """
    given = Given(points=pack["points"], bonus_fen=pack["bonus_fen"])
    moves, lots = ledger.earn_moves(
        member_id=member_id,
        points=given.points,
        debt=accounts.get(member_id, "points").debt,
        side=Entry.Side.GIVEN,
        source=source,
        expires_at=clock.end_of_validity(at, months=rulebook.policy["points_months"]),
    )
    if given.bonus_fen and with_bonus:
        moves.append(
            ledger.Move(member_id, "bonus", given.bonus_fen, Entry.Side.GIVEN, new=len(lots))
        )
        lots.append(ledger.NewLot(member_id, "value", source, bonus=given.bonus_fen))
    ledger.post(
        book=accounts,
        moves=moves,
        new_lots=lots,
        at=at,
        cause=ledger.Cause(order_id=order_id, reason=str(pack["name"])),
    )
    for template_id, count in pack["coupons"]:
        template = rulebook.template_rows.get(template_id)
        if template is not None:
            given.coupon_ids += coupons.issue(
                member_id=member_id,
                template=template,
                count=count,
                source=source,
                order_id=order_id,
                at=at,
            )
    if pack["tier"] is not None:
        given.tier_id = _lift(member_id, pack, rulebook, at=at)
    return given


def _lift(
    member_id: int, pack: Mapping[str, Any], rulebook: RuleBook, *, at: dt.datetime
) -> int | None:
    """Put the member into the pack's tier for its days, unless they stand higher already."""
    target = rulebook.tier_by_id.get(pack["tier"])
    # From the row: a tier out of use is not in the rules, but may be held still.
    stats = MemberStats.objects.select_related("tier").get(pk=member_id)
    if target is None or (stats.tier is not None and stats.tier.rank >= target.rank):
        return None
    today = clock.local_date(at)
    stats.tier_id = target.id
    stats.tier_since = today
    stats.tier_until = today + dt.timedelta(days=pack["tier_days"])
    stats.save(update_fields=["tier_id", "tier_since", "tier_until"])
    return target.id
