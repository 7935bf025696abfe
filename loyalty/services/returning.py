"""The ledger's side of an undone sale: points, stored value, coupons and quotas go back."""

from __future__ import annotations

import datetime as dt

from django.db.models import Sum

from loyalty.locks import AccountBook
from loyalty.models import Coupon, CouponUse, Entry, Lot, Order, QuotaUse, Refund
from loyalty.services import ledger
from loyalty.services.ledger import Move, NewLot
from loyalty.services.rules import policy
from loyalty.settlement import lots as parcels
from loyalty.settlement.lots import ClawBack, Drawn, PointsLot
from loyalty.settlement.refunds import RefundResult, SoldOrder
from members import clock

Side = Entry.Side


def move_back(
    order: Order,
    refund: Refund,
    before: SoldOrder,
    result: RefundResult,
    accounts: AccountBook,
    *,
    owner_id: int,
    at: dt.datetime,
) -> None:
    """Post everything a refund moves in the accounts that the sale moved.

    Accounts are locked; ``before`` is what earlier refunds left.
    """
    member_id = owner_id
    sheet = policy()
    held = _points_lots(member_id)
    moves, new_lots, held = _return_points(
        order,
        before,
        result.total.points_used,
        held,
        owner_id=owner_id,
        grace_days=sheet.points_grace_days,
        at=at,
    )
    moves += _return_value(member_id, result)
    forgive = sheet.clawback == sheet.Clawback.FORGIVE
    taken = _claw_back(order, result.total.points_earned, held, forgive=forgive, at=at)
    moves += _taken_moves(member_id, taken)
    refund.points_expired, refund.points_forgiven = taken.already_expired, taken.forgiven
    if result.is_full:
        gift_moves, forgiven = _take_gifts(
            order, parcels.after(held, taken.taken), owner_id=owner_id, forgive=forgive, at=at
        )
        moves += gift_moves
        refund.points_forgiven += forgiven
    refund.save(update_fields=["points_expired", "points_forgiven"])
    ledger.post(
        book=accounts,
        moves=moves,
        new_lots=new_lots,
        at=at,
        cause=ledger.Cause(order_id=order.pk, refund_id=refund.pk),
    )


def take_earned(
    order: Order, refund: Refund, accounts: AccountBook, *, owner_id: int, at: dt.datetime
) -> None:
    """Take ``refund.points_clawed_back`` of a sale that found its member after the refund."""
    points = refund.points_clawed_back
    if not points:
        return
    taken = _claw_back(order, points, _points_lots(owner_id), forgive=False, at=at)
    ledger.post(
        book=accounts,
        moves=_taken_moves(owner_id, taken),
        new_lots=[],
        at=at,
        cause=ledger.Cause(order_id=order.pk, refund_id=refund.pk),
    )


def _points_lots(member_id: int) -> tuple[PointsLot, ...]:
    rows = Lot.objects.filter(member_id=member_id, asset=Lot.Asset.POINTS).values_list(
        "pk", "points_left", "expires_at"
    )
    return tuple(PointsLot(pk, left, int(until.timestamp())) for pk, left, until in rows if until)


def _drawn(order: Order, already: int) -> list[Drawn]:
    """What the order drew, lot by lot; what came back before went last drawn first."""
    rows = Entry.objects.filter(order=order, account__kind="points", side=Side.REDEEMED)
    drawn = []
    for lot_id, delta in reversed(rows.order_by("pk").values_list("lot_id", "delta")):
        back = min(-delta, already)
        already -= back
        drawn.append(Drawn(lot_id, -delta, back))
    return drawn[::-1]


def _return_points(
    order: Order,
    before: SoldOrder,
    points: int,
    held: tuple[PointsLot, ...],
    *,
    owner_id: int,
    grace_days: int,
    at: dt.datetime,
) -> tuple[list[Move], list[NewLot], tuple[PointsLot, ...]]:
    """Used points go back to their lots; what expired meanwhile expires again or gets grace."""
    member_id = owner_id
    already = sum(line.returned.points_used for line in before.lines)
    back = parcels.return_points(
        held, _drawn(order, already), points, at=int(at.timestamp()), grace=grace_days > 0
    )
    moves = [Move(member_id, "points", m.points, Side.RETURNED, lot=m.lot_id) for m in back.to_lots]
    for gone in back.expired:
        moves.append(Move(member_id, "points", gone.points, Side.RETURNED, lot=gone.lot_id))
        moves.append(Move(member_id, "points", -gone.points, Side.EXPIRED, lot=gone.lot_id))
    graced = sum(move.points for move in back.graced)
    new_lots = []
    if graced:
        until = clock.local_date(at) + dt.timedelta(days=grace_days + 1)
        moves.append(Move(member_id, "points", graced, Side.RETURNED, new=0))
        new_lots.append(
            NewLot(
                member_id,
                "points",
                "returned",
                points=graced,
                expires_at=clock.start_of_day(until),
            )
        )
    return moves, new_lots, parcels.after(held, back.to_lots, sign=1)


def _return_value(member_id: int, result: RefundResult) -> list[Move]:
    moves = []
    for draw in result.draws:
        list_fen = -draw.list_fen
        for kind, fen in (("principal", draw.principal_fen), ("bonus", draw.bonus_fen)):
            if fen:
                moves.append(Move(member_id, kind, fen, Side.RETURNED, draw.lot_id, None, list_fen))
                list_fen = 0
    return moves


def _claw_back(
    order: Order,
    points: int,
    held: tuple[PointsLot, ...],
    *,
    forgive: bool,
    at: dt.datetime,
) -> ClawBack:
    """Earned points: the order's own lot, then what expires soonest, then debt."""
    own = Lot.objects.filter(order=order, asset=Lot.Asset.POINTS, source="order").first()
    counted = order.refunds.aggregate(sum=Sum("points_expired"))["sum"] or 0
    return parcels.claw_back(
        held,
        points,
        own_lot=own.pk if own else None,
        own_expired=max(_expired_of(own, at=at) - counted, 0),
        at=int(at.timestamp()),
        forgive=forgive,
    )


def _expired_of(lot: Lot | None, *, at: dt.datetime) -> int:
    """Points of a lot that are lost to expiry, whether or not the night has taken them yet."""
    if lot is None:
        return 0
    gone = Entry.objects.filter(lot=lot, side=Side.EXPIRED).aggregate(sum=Sum("delta"))["sum"]
    waiting = lot.points_left if lot.expires_at is not None and lot.expires_at <= at else 0
    return waiting - (gone or 0)


def _taken_moves(member_id: int, taken: ClawBack) -> list[Move]:
    moves = [Move(member_id, "points", -m.points, Side.CLAWBACK, lot=m.lot_id) for m in taken.taken]
    if taken.debt:
        moves.append(Move(member_id, "points", -taken.debt, Side.CLAWBACK))
    return moves


def _take_gifts(
    order: Order,
    held: tuple[PointsLot, ...],
    *,
    owner_id: int,
    forgive: bool,
    at: dt.datetime,
) -> tuple[list[Move], int]:
    """What was given because of the order: its points as if earned, its bonus as far as unused."""
    member_id = owner_id
    given = Entry.objects.filter(order=order, side=Side.GIVEN)
    points = given.filter(account__kind="points").aggregate(sum=Sum("delta"))["sum"] or 0
    lots = Lot.objects.filter(order=order).exclude(source__in=["order", "returned", "merged"])
    moves: list[Move] = []
    forgiven = 0
    if points:
        own = lots.filter(asset=Lot.Asset.POINTS).first()
        taken = parcels.claw_back(
            held,
            points,
            own_lot=own.pk if own else None,
            own_expired=_expired_of(own, at=at),
            at=int(at.timestamp()),
            forgive=forgive,
        )
        moves += _taken_moves(member_id, taken)
        forgiven = taken.forgiven
    for lot in lots.filter(asset=Lot.Asset.VALUE, bonus_left__gt=0):
        moves.append(Move(member_id, "bonus", -lot.bonus_left, Side.CLAWBACK, lot=lot.pk))
    return moves, forgiven


def give_back_uses(order: Order, *, at: dt.datetime) -> None:
    """Coupons come back while valid (or with the policy's grace days), quotas are free again."""
    grace = policy().coupon_grace_days
    QuotaUse.objects.filter(order=order).delete()
    uses = CouponUse.objects.filter(order=order, returned=False)
    for use in uses.select_related("coupon__given_by_order"):
        coupon = use.coupon
        coupon.uses_left += use.uses
        if grace and coupon.expires_at <= at + dt.timedelta(days=grace):
            last = clock.local_date(at) + dt.timedelta(days=grace + 1)
            coupon.expires_at = max(coupon.expires_at, clock.start_of_day(last))
        coupon.status = _status_of_returned(coupon, at=at)
        coupon.save(update_fields=["uses_left", "expires_at", "status"])
        use.returned = True
        use.save(update_fields=["returned"])


def _status_of_returned(coupon: Coupon, *, at: dt.datetime) -> str:
    """Withdrawn when the order that brought it was undone meanwhile, or it was taken by hand."""
    giver = coupon.given_by_order
    undone = giver is not None and giver.status in (Order.Status.REFUNDED, Order.Status.VOIDED)
    if undone or coupon.status == Coupon.Status.WITHDRAWN:
        return Coupon.Status.WITHDRAWN
    return Coupon.Status.ACTIVE if coupon.expires_at > at else Coupon.Status.EXPIRED
