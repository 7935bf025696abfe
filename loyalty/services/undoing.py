"""Void and refund: give back and take back exactly what the sale did, by the cumulative method."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import Order, Refund, RefundLine
from loyalty.selectors import sold
from loyalty.services import approvals, carrying, coupons, keys, returning, statistics
from loyalty.services.ledger import Cause
from loyalty.services.refusals import refusal_for
from loyalty.settlement import refunds
from loyalty.settlement.refunds import RefundRequest, RefundResult, SoldOrder
from loyalty.settlement.types import Refused
from members import clock
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events


def void(
    *,
    key: uuid.UUID,
    order_id: int,
    reason: str,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
    approver: Staff | None = None,
) -> dict[str, Any]:
    """Undo a sale of the same day: the mirror of everything that is left of it.

    Refuses ``order_unknown``, ``already_undone``, ``void_too_late`` and what
    ``approvals.check`` refuses; ``approver`` is the second person, proved by the caller.
    """
    return _once(
        key=key,
        kind="void",
        order_id=order_id,
        request=RefundRequest(everything=True),
        reason=reason,
        hands=Hands(actor, approver, shop, at),
    )


def refund(
    *,
    key: uuid.UUID,
    order_id: int,
    lines: Sequence[tuple[int, int]] | None,
    amount_fen: int | None,
    reason: str,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
    approver: Staff | None = None,
) -> dict[str, Any]:
    """Give back lines as (line index, quantity), an amount, or, with neither, all that is left.

    Refuses ``order_unknown``, ``already_undone``, ``refund_exceeds_paid``, the codes of
    ``loyalty.settlement.refunds.refund`` and of ``approvals.check``; ``approver`` is the second
    person, proved by the caller.
    """
    request = RefundRequest(
        lines=tuple(lines or ()),
        amount_fen=amount_fen,
        everything=lines is None and amount_fen is None,
    )
    return _once(
        key=key,
        kind="refund",
        order_id=order_id,
        request=request,
        reason=reason,
        hands=Hands(actor, approver, shop, at),
    )


@dataclass(frozen=True, slots=True)
class Hands:
    """Who gives back, who approved it, where and when."""

    actor: Staff | None
    approver: Staff | None
    shop: Shop
    at: dt.datetime

    @property
    def staff_id(self) -> int | None:
        return self.actor.pk if self.actor else None


def _once(
    *,
    key: uuid.UUID,
    kind: str,
    order_id: int,
    request: RefundRequest,
    reason: str,
    hands: Hands,
) -> dict[str, Any]:
    return keys.once(
        key=key,
        kind=kind,
        content=[order_id, request.lines, request.amount_fen, request.everything, reason],
        staff_id=hands.staff_id,
        at=hands.at,
        effect=lambda: _undo(
            is_void=kind == "void",
            order_id=order_id,
            request=request,
            reason=reason[:120],
            hands=hands,
        ),
    )


def work_out(
    *, order_id: int, request: RefundRequest, is_void: bool, at: dt.datetime
) -> tuple[Order, SoldOrder, RefundResult]:
    """The order, locked, what is left of it, and what the request would give back of it."""
    if not locks.lock_order(order_id):
        raise Refusal("order_unknown", _("No such order. Check the number."), status=404)
    order = Order.objects.get(pk=order_id)
    if order.status in (Order.Status.VOIDED, Order.Status.REFUNDED):
        raise Refusal("already_undone", _("This order has been undone already."), status=409)
    if is_void and order.local_date != clock.local_date(at):
        raise Refusal(
            "void_too_late",
            _("Only today's sales can be undone. Use the refund instead."),
            status=409,
        )
    before = sold.load(order)
    try:
        return order, before, refunds.refund(before, request)
    except Refused as error:
        raise refusal_for(error) from error


def _undo(
    *, is_void: bool, order_id: int, request: RefundRequest, reason: str, hands: Hands
) -> dict[str, Any]:
    at = hands.at
    order, before, result = work_out(order_id=order_id, request=request, is_void=is_void, at=at)
    second = approvals.of_undo(
        order,
        is_void=is_void,
        base_fen=result.total.base_fen,
        actor=hands.actor,
        approver=hands.approver,
        shop=hands.shop,
        at=at,
    )
    accounts = AccountBook()
    owner_id = sold.owner_id(order)  # another than the member's, if that one was merged into theirs
    if order.member_id is not None and owner_id is not None:
        accounts = locks.lock_accounts([order.member_id, owner_id])
    row = _write(order, result, is_void=is_void, reason=reason, hands=hands, second=second)
    if order.member_id is not None and owner_id is not None:
        returning.move_back(order, row, before, result, accounts, owner_id=owner_id, at=at)
        if owner_id != order.member_id:
            carrying.carry_over(
                book=accounts,
                source_id=owner_id,
                target_id=order.member_id,
                at=at,
                cause=Cause(order_id=order.pk, refund_id=row.pk),
            )
    if result.is_full:
        returning.give_back_uses(order, at=at)
        coupons.withdraw_given_by(order.pk)
    was_valid = order.is_valid
    _mark(order, result, is_void=is_void)
    if order.member_id is not None:
        statistics.take_back(
            member_id=order.member_id,
            net_fen=row.other_fen + row.principal_fen,
            basis_fen=row.basis_fen,
            undone=was_valid and result.is_full,
        )
    approvals.overtaken(order, at=at)
    facts = {"order": order.pk, "refund": row.pk, "base_fen": row.base_fen, "reason": reason}
    events.record(
        kind="voided" if is_void else "refunded",
        at=at,
        member_id=order.member_id,
        staff_id=hands.staff_id,
        shop_id=hands.shop.pk,
        data={**facts, **approvals.facts(second)},
    )
    return _answer(order, row, accounts)


def _write(
    order: Order,
    result: RefundResult,
    *,
    is_void: bool,
    reason: str,
    hands: Hands,
    second: Staff | None,
) -> Refund:
    total = result.total
    lines = sold.line_ids(order)
    outside = order.tenders.exclude(kind="stored").values_list("kind", flat=True).first()
    row = Refund.objects.create(
        order=order,
        is_void=is_void,
        shop=hands.shop,
        staff=hands.actor,
        approved_by=second,
        at=hands.at,
        local_date=clock.local_date(hands.at),
        reason=reason,
        base_fen=total.base_fen,
        points_returned=total.points_used,
        points_fen=total.points_fen,
        stored_cover_fen=total.stored_cover_fen,
        principal_fen=total.principal_fen,
        bonus_fen=total.bonus_fen,
        rounding_fen=total.rounding_fen,
        other_fen=total.other_fen,
        tender=outside or "",
        points_clawed_back=total.points_earned,
        basis_fen=total.basis_fen,
    )
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=row,
            line_id=lines[line.key],
            quantity=line.quantity,
            base_fen=line.parts.base_fen,
            points_returned=line.parts.points_used,
            points_fen=line.parts.points_fen,
            stored_cover_fen=line.parts.stored_cover_fen,
            stored_paid_fen=line.parts.stored_paid_fen,
            principal_fen=line.parts.principal_fen,
            rounding_fen=line.parts.rounding_fen,
            other_fen=line.parts.other_fen,
            points_clawed_back=line.parts.points_earned,
            basis_fen=line.parts.basis_fen,
        )
        for line in result.lines
    )
    return row


def _mark(order: Order, result: RefundResult, *, is_void: bool) -> None:
    total = result.total
    order.refunded_base_fen += total.base_fen
    order.refunded_basis_fen += total.basis_fen
    order.refunded_net_fen += total.other_fen + total.principal_fen
    if result.is_full:
        order.status = Order.Status.VOIDED if is_void else Order.Status.REFUNDED
        order.is_valid = False
    else:
        order.status = Order.Status.PART_REFUNDED
    order.save(
        update_fields=[
            "refunded_base_fen",
            "refunded_basis_fen",
            "refunded_net_fen",
            "status",
            "is_valid",
        ]
    )


def _answer(order: Order, row: Refund, accounts: AccountBook) -> dict[str, Any]:
    balances = {}
    if order.member_id is not None:
        balances = {
            "points": accounts.get(order.member_id, "points").balance,
            "principal_fen": accounts.get(order.member_id, "principal").balance,
            "bonus_fen": accounts.get(order.member_id, "bonus").balance,
        }
    return {
        "refund": row.pk,
        "order": order.pk,
        "status": order.status,
        "at": row.at.isoformat(),
        "base_fen": row.base_fen,
        "other_fen": row.other_fen,
        "tender": row.tender,
        "principal_fen": row.principal_fen,
        "bonus_fen": row.bonus_fen,
        "points_returned": row.points_returned,
        "points_clawed_back": row.points_clawed_back,
        "balances": balances,
    }
