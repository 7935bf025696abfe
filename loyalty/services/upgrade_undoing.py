"""An upgrade for points taken back at the counter: the mirror of all of it, or nothing.

Within a minute, and only while nothing came of it: what was bought, used or given since would
have to be undone first.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.models import Coupon, Entry, Lot, MemberStats, Order, TierPurchase
from loyalty.selectors import inputs as selectors
from loyalty.services import keys, ledger
from loyalty.services.ledger import Move
from loyalty.services.working import check_standing
from members.errors import Refusal
from members.models import Event, Shop, Staff
from members.services import events

WINDOW = dt.timedelta(seconds=60)
Side = Entry.Side


def undo(
    *,
    key: uuid.UUID,
    purchase_id: int,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
) -> dict[str, Any]:
    """Give the points back to the lots they came from and put the tier back as it was.

    Refuses ``upgrade_unknown`` (also another shop's), ``already_undone``, ``undo_too_late``,
    ``upgrade_in_use`` and what concerns the member. Events ``tier_purchase_undone`` and
    ``tier_changed``.
    """
    staff_id = actor.pk if actor else None
    return keys.once(
        key=key,
        kind="undo_tier",
        content=[purchase_id, shop.pk],
        staff_id=staff_id,
        at=at,
        effect=lambda: _undo(purchase_id, shop_id=shop.pk, staff_id=staff_id, at=at),
    )


def _undo(
    purchase_id: int, *, shop_id: int, staff_id: int | None, at: dt.datetime
) -> dict[str, Any]:
    found = TierPurchase.objects.filter(pk=purchase_id, shop_id=shop_id)
    member_id = found.values_list("member_id", flat=True).first()
    if member_id is None:
        raise Refusal("upgrade_unknown", _("There is no such upgrade."), status=404)
    accounts = locks.lock_accounts([member_id])
    standing = check_standing(selectors.load(member_id=member_id, at=at))
    row = found.select_related("tier").get()
    if row.undone_at is not None:
        raise Refusal("already_undone", _("This upgrade has been undone already."), status=409)
    if not row.at <= at <= row.at + WINDOW:
        raise Refusal(
            "undo_too_late",
            _("An upgrade can be undone within a minute. Later a manager corrects the points."),
            status=409,
        )
    is_as_bought = (standing.tier_id, standing.tier_until) == (row.tier_id, row.until)
    lots = list(Lot.objects.filter(member_id=member_id, source="upgrade", issued_at=row.at))
    if not is_as_bought or not _is_unused(row, lots):
        raise Refusal(
            "upgrade_in_use",
            _("Something was bought or used with the new tier already, so it stays."),
            status=409,
        )
    if not TierPurchase.objects.filter(pk=row.pk, undone_at=None).update(undone_at=at):
        raise Refusal("already_undone", _("This upgrade has been undone already."), status=409)
    ledger.post(
        book=accounts,
        moves=_mirror(row, lots),
        at=at,
        cause=ledger.Cause(reason=row.tier.name),
    )
    Coupon.objects.filter(pk__in=row.gift["coupons"]).update(status=Coupon.Status.WITHDRAWN)
    MemberStats.objects.filter(pk=member_id).update(
        tier_id=row.tier_before_id, tier_since=row.since_before, tier_until=row.until_before
    )
    _tell(row, staff_id=staff_id, at=at)
    return {
        "purchase": row.pk,
        "points": row.points,
        "points_left": accounts.get(member_id, "points").balance,
        "at": at.isoformat(),
    }


def _is_unused(row: TierPurchase, lots: list[Lot]) -> bool:
    """Nothing bought since, and all that was given is still there."""
    since = {"member_id": row.member_id, "at__gte": row.at}
    if Order.objects.filter(**since, is_valid=True).exists():
        return False
    # A special benefit without a limit leaves no other row.
    if Event.objects.filter(**since, kind="benefit_redeemed").exists():
        return False
    coupons = row.gift["coupons"]
    active = Coupon.objects.filter(pk__in=coupons, status=Coupon.Status.ACTIVE)
    return active.count() == len(coupons) and all(
        (lot.points_left, lot.bonus_left) == (lot.points_issued, lot.bonus_issued) for lot in lots
    )


def _mirror(row: TierPurchase, lots: list[Lot]) -> list[Move]:
    """The price goes back to its lots; the gift is taken: what it repaid of a debt is owed."""
    member_id = row.member_id
    moves = [Move(member_id, "points", points, Side.UPGRADE, lot=lot) for lot, points in row.drawn]
    for lot in lots:
        if lot.points_left:
            moves.append(Move(member_id, "points", -lot.points_left, Side.CLAWBACK, lot=lot.pk))
        if lot.bonus_left:
            moves.append(Move(member_id, "bonus", -lot.bonus_left, Side.CLAWBACK, lot=lot.pk))
    repaid = row.gift["points"] - sum(lot.points_left for lot in lots)
    moves.append(Move(member_id, "points", -repaid, Side.CLAWBACK))
    return moves


def _tell(row: TierPurchase, *, staff_id: int | None, at: dt.datetime) -> None:
    events.record(
        kind="tier_purchase_undone",
        at=at,
        member_id=row.member_id,
        staff_id=staff_id,
        shop_id=row.shop_id,
        data={"purchase": row.pk, "name": row.tier.name, "points": row.points},
    )
    events.record(
        kind="tier_changed",
        at=at,
        member_id=row.member_id,
        staff_id=staff_id,
        data={
            "before": row.tier_id,
            "after": row.tier_before_id,
            "points": 0,
            "bonus_fen": 0,
            "coupons": [],
            "order": None,
        },
    )
