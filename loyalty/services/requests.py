"""What waits for a second person: asked for, approved, declined, withdrawn.

Approving does at that moment what was asked for, by the ordinary service with all its checks. If
that refuses, nothing is changed and the request goes on waiting. Requests do not end by
themselves: they stay in sight with their age until somebody decides or withdraws them, or until
their purchase is given back in another way or their member's card is closed.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.models import Approval
from loyalty.selectors import inputs as selectors
from loyalty.services import adjusting, approvals, keys, undoing
from loyalty.services.working import check_standing
from loyalty.settlement.refunds import RefundRequest
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events
from members.services.staff import may, require
from members.text import one_line

Kind, Status = Approval.Kind, Approval.Status
REASON_LENGTH = 120


def ask_adjustment(
    *,
    key: uuid.UUID,
    member_id: int,
    account: str,
    delta: int,
    reason: str,
    actor: Staff,
    at: dt.datetime,
) -> dict[str, Any]:
    """Ask for a correction above one's own limit. One event ``approval_asked``.

    Returns ``approval`` and ``status``. Refuses ``not_allowed``, what ``adjust`` would refuse
    before it looks at the balance, ``approval_not_needed`` and ``already_asked``.
    """
    require(actor, "adjust")
    reason = one_line(reason)[:REASON_LENGTH]
    adjusting.refuse_unreadable(kind=account, delta=delta, reason=reason)

    def effect() -> dict[str, Any]:
        locks.lock_accounts([member_id])
        check_standing(selectors.load(member_id=member_id, at=at))
        passed = approvals.limit_passed(
            actor, member_id=member_id, account=account, delta=delta, at=at
        )
        _refuse_unless(needed=passed is not None)
        return _ask(
            Approval(
                key=key,
                kind=Kind.ADJUST,
                member_id=member_id,
                account=account,
                amount=delta,
                reason=reason,
                asked_by=actor,
                asked_at=at,
            )
        )

    content = [member_id, account, delta, reason]
    return _once(key, "ask_adjustment", content, actor=actor, at=at, effect=effect)


def ask_undo(
    *,
    key: uuid.UUID,
    order_id: int,
    is_void: bool,
    lines: Sequence[tuple[int, int]] | None,
    amount_fen: int | None,
    reason: str,
    shop: Shop,
    actor: Staff,
    at: dt.datetime,
) -> dict[str, Any]:
    """Ask for a refund (as ``undoing.refund`` takes it), or the undoing of a purchase, above
    one's own limit. One event ``approval_asked``.

    Returns ``approval`` and ``status``. Refuses ``not_allowed``, what the refund would be refused
    with, ``reason_missing``, ``approval_not_needed`` and ``already_asked``.
    """
    require(actor, "void" if is_void else "refund")
    reason = one_line(reason)[:REASON_LENGTH]
    if not reason:
        raise Refusal("reason_missing", _("Say why: whoever decides reads it."), field="reason")
    request = RefundRequest(
        lines=tuple(lines or ()),
        amount_fen=amount_fen,
        everything=is_void or (lines is None and amount_fen is None),
    )

    def effect() -> dict[str, Any]:
        order, _before, result = undoing.work_out(
            order_id=order_id, request=request, is_void=is_void, at=at
        )
        base_fen = result.total.base_fen
        is_needed = approvals.needs_second(
            order, is_void=is_void, base_fen=base_fen, actor=actor, at=at
        )
        _refuse_unless(needed=is_needed)
        return _ask(
            Approval(
                key=key,
                kind=Kind.VOID if is_void else Kind.REFUND,
                member_id=order.member_id,
                order=order,
                amount=base_fen,
                lines=request.lines,
                everything=request.everything,
                reason=reason,
                shop=shop,
                asked_by=actor,
                asked_at=at,
            )
        )

    content = [order_id, is_void, request.lines, amount_fen, request.everything, reason, shop.pk]
    return _once(key, "ask_undo", content, actor=actor, at=at, effect=effect)


def _once(
    key: uuid.UUID, kind: str, content: list[Any], *, actor: Staff, at: dt.datetime, effect: Any
) -> dict[str, Any]:
    return keys.once(key=key, kind=kind, content=content, staff_id=actor.pk, at=at, effect=effect)


def _refuse_unless(*, needed: bool) -> None:
    if not needed:
        raise Refusal(
            "approval_not_needed",
            _("You may do this alone. Do it without asking."),
            status=409,
        )


def _ask(row: Approval) -> dict[str, Any]:
    """Store the request; what waits already is not asked for a second time."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Refusal(
            "already_asked",
            _("This waits for a second person already. Withdraw that request first."),
            status=409,
        ) from None
    _tell("approval_asked", row, actor=row.asked_by, at=row.asked_at, reason=row.reason)
    return {"approval": row.pk, "status": row.status}


def approve(*, approval_id: int, actor: Staff, at: dt.datetime) -> dict[str, Any]:
    """Do now what was asked for; the event of the effect names both people.

    Returns the service's answer. Refuses ``not_allowed``, ``request_unknown``, ``request_over``,
    ``approver_self``, ``approver_not_allowed``, ``asker_not_allowed``, and whatever the service
    refuses now.
    """
    require(actor, "approve")
    with locks.waiting_politely(), transaction.atomic():
        row = _hold(approval_id, with_money=True)
        approvals.refuse_as_second(actor, asker=row.asked_by, shop=row.shop)
        if not may(row.asked_by, _action(row)):
            raise Refusal(
                "asker_not_allowed",
                _("Whoever asked may not do this any more. Decline it, or do it yourself."),
                status=409,
            )
        _end(row, Status.APPROVED, actor=actor, at=at)
        return _do(row, approver=actor, at=at)


def _action(row: Approval) -> str:
    return {Kind.ADJUST: "adjust", Kind.VOID: "void", Kind.REFUND: "refund"}[Kind(row.kind)]


def _do(row: Approval, *, approver: Staff, at: dt.datetime) -> dict[str, Any]:
    # Its own key, the same for ever: the client's was used up by asking.
    key = uuid.uuid5(row.key, "approved")
    if row.kind == Kind.ADJUST:
        return adjusting.adjust(
            key=key,
            member_id=row.member_id or 0,
            kind=row.account,
            delta=row.amount,
            reason=row.reason,
            shop=row.shop,
            actor=row.asked_by,
            approver=approver,
            at=at,
        )
    what: dict[str, Any] = {"order_id": row.order_id or 0, "shop": row.shop, "reason": row.reason}
    what |= {"key": key, "actor": row.asked_by, "approver": approver, "at": at}
    if row.kind == Kind.VOID:
        return undoing.void(**what)
    by_amount = not row.lines and not row.everything
    return undoing.refund(
        lines=[(line, count) for line, count in row.lines] or None,
        amount_fen=row.amount if by_amount else None,
        **what,
    )


def decline(*, approval_id: int, reason: str, actor: Staff, at: dt.datetime) -> None:
    """Say no, with a reason. One event ``approval_declined``.

    Refuses ``not_allowed``, ``reason_missing``, ``request_unknown``, ``request_over``,
    ``approver_self`` and ``approver_not_allowed``.
    """
    require(actor, "approve")
    answer = one_line(reason)[:REASON_LENGTH]
    if not answer:
        raise Refusal("reason_missing", _("Say why: whoever asked reads it."), field="reason")
    with locks.waiting_politely(), transaction.atomic():
        row = _hold(approval_id)
        approvals.refuse_as_second(actor, asker=row.asked_by, shop=row.shop)
        _end(row, Status.DECLINED, actor=actor, at=at, answer=answer)
        _tell("approval_declined", row, actor=actor, at=at, reason=answer)


def withdraw(*, approval_id: int, actor: Staff, at: dt.datetime) -> None:
    """Whoever asked does not want it any more. One event ``approval_withdrawn``.

    Refuses ``request_unknown`` (also somebody else's) and ``request_over``.
    """
    with locks.waiting_politely(), transaction.atomic():
        row = _hold(approval_id, of=actor)
        _end(row, Status.WITHDRAWN, actor=None, at=at)
        _tell("approval_withdrawn", row, actor=actor, at=at)


def _hold(approval_id: int, *, with_money: bool = False, of: Staff | None = None) -> Approval:
    """The request, locked, if it still waits; ``with_money`` what it moves is locked before it,
    as everywhere: the purchase, the accounts, then the request."""
    asked = Approval.objects.filter(pk=approval_id).first()
    if asked is None or (of is not None and asked.asked_by_id != of.pk):
        raise Refusal("request_unknown", _("No such request. Load the list anew."), status=404)
    if with_money and asked.order_id is not None:
        locks.lock_order(asked.order_id)
    elif with_money and asked.member_id is not None:
        locks.lock_accounts([asked.member_id])
    locks.lock_approval(approval_id)
    row = Approval.objects.select_related("asked_by", "decided_by", "shop").get(pk=approval_id)
    if row.status != Status.WAITING:
        raise Refusal(
            "request_over",
            _("This was decided already: %(status)s. Nothing was done again.")
            % {"status": row.get_status_display()},
            status=409,
        )
    return row


def _end(
    row: Approval, status: str, *, actor: Staff | None, at: dt.datetime, answer: str = ""
) -> None:
    row.status, row.decided_by, row.answer = status, actor, answer
    row.decided_at = max(at, row.asked_at)
    row.save(update_fields=["status", "decided_by", "decided_at", "answer"])


def _tell(kind: str, row: Approval, *, actor: Staff, at: dt.datetime, reason: str = "") -> None:
    facts: dict[str, Any] = {"approval": row.pk, "what": row.kind, "amount": row.amount}
    if row.kind == Kind.ADJUST:
        facts["account"] = row.account
    else:
        facts["order"] = row.order_id
    events.record(
        kind=kind,
        at=at,
        member_id=row.member_id,
        staff_id=actor.pk,
        shop_id=row.shop_id,
        data={**facts, "asked_by": row.asked_by_id, "reason": reason},
    )
