"""What one member has goes over to another: a move out, a move in, and no balance in between.

Each lot that still holds something becomes a lot of the other member with the same rest, the
same principal and bonus, the same expiry and date of issue. Debt goes over too, and is paid from
what the other has.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Q

from loyalty.locks import AccountBook
from loyalty.models import Entry, Lot
from loyalty.services import ledger
from loyalty.services.ledger import Cause, Move, NewLot

SOURCE = "merged"
Side = Entry.Side


@dataclass(slots=True)
class _Plan:
    moves: list[Move] = field(default_factory=list)
    lots: list[NewLot] = field(default_factory=list)
    origins: list[Lot] = field(default_factory=list)  # of ``lots``, one each


def carry_over(
    *, book: AccountBook, source_id: int, target_id: int, at: dt.datetime, cause: Cause
) -> None:
    """Post everything the source still has, or owes, to the target. Both are locked in ``book``."""
    holding = Q(points_left__gt=0) | Q(principal_left__gt=0) | Q(bonus_left__gt=0)
    lots = list(Lot.objects.filter(holding, member_id=source_id).order_by("issued_at", "pk"))
    plan = _Plan()
    debt = book.get(target_id, "points").debt
    debt += _debt(plan, book, source_id, target_id, at=at)
    for lot in lots:
        if lot.asset == Lot.Asset.POINTS:
            debt -= _points(plan, lot, target_id, debt)
        else:
            _value(plan, lot, target_id)
    ledger.post(book=book, moves=plan.moves, new_lots=plan.lots, at=at, cause=cause)
    _keep_dates(plan, target_id, at=at)


def _debt(
    plan: _Plan, book: AccountBook, source_id: int, target_id: int, *, at: dt.datetime
) -> int:
    """The source's debt, paid from the target's own points as far as they go; what is left."""
    owed = book.get(source_id, "points").debt
    if not owed:
        return 0
    plan.moves.append(Move(source_id, "points", owed, Side.MERGED))
    own = Lot.objects.filter(member_id=target_id, points_left__gt=0, expires_at__gt=at)
    held = list(own.order_by("expires_at", "pk").values_list("pk", "points_left"))
    paid = ledger.spend_moves(
        member_id=target_id, kind="points", amount=owed, lots=held, side=Side.MERGED
    )
    plan.moves += paid
    rest = owed + sum(move.delta for move in paid)
    if rest:
        plan.moves.append(Move(target_id, "points", -rest, Side.MERGED))
    return rest


def _points(plan: _Plan, lot: Lot, target_id: int, debt: int) -> int:
    """One lot of points; how much of it paid debt."""
    plan.moves.append(Move(lot.member_id, "points", -lot.points_left, Side.MERGED, lot=lot.pk))
    repaid = min(lot.points_left, debt)
    if repaid:
        plan.moves.append(Move(target_id, "points", repaid, Side.MERGED))
    rest = lot.points_left - repaid
    if rest:
        plan.moves.append(Move(target_id, "points", rest, Side.MERGED, new=len(plan.lots)))
        plan.lots.append(
            NewLot(target_id, "points", SOURCE, points=rest, expires_at=lot.expires_at)
        )
        plan.origins.append(lot)
    return repaid


def _value(plan: _Plan, lot: Lot, target_id: int) -> None:
    for kind, left in (("principal", lot.principal_left), ("bonus", lot.bonus_left)):
        if left:
            plan.moves.append(Move(lot.member_id, kind, -left, Side.MERGED, lot=lot.pk))
            plan.moves.append(Move(target_id, kind, left, Side.MERGED, new=len(plan.lots)))
    plan.lots.append(
        NewLot(target_id, "value", SOURCE, principal=lot.principal_left, bonus=lot.bonus_left)
    )
    plan.origins.append(lot)


def _keep_dates(plan: _Plan, target_id: int, *, at: dt.datetime) -> None:
    """The new lots are as old as those they come from, and of the same top-up."""
    made = Lot.objects.filter(member_id=target_id, source=SOURCE).order_by("-pk")
    made_now = list(made[: len(plan.origins)])[::-1]
    for lot, origin in zip(made_now, plan.origins, strict=True):
        lot.issued_at, lot.top_up_id = origin.issued_at, origin.top_up_id
    Lot.objects.bulk_update(made_now, ["issued_at", "top_up"])
