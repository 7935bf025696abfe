"""Corrections by hand: points, principal or bonus, always with a reason."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import Account, Entry
from loyalty.selectors import inputs as selectors
from loyalty.selectors.inputs import Standing
from loyalty.services import approvals, keys, ledger, top_ups
from loyalty.services.working import check_standing, rules_of
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events

MAX_ADJUSTMENT = 10_000_000


def adjust(
    *,
    key: uuid.UUID,
    member_id: int,
    kind: str,
    delta: int,
    reason: str,
    shop: Shop | None,
    actor: Staff | None,
    at: dt.datetime,
    approver: Staff | None = None,
) -> dict[str, Any]:
    """Add to or take from one account (points, or fen). The same key replays the first answer.

    ``approver`` is the second person, proved by the caller. Refuses what ``refuse_unreadable``
    and ``approvals.check`` refuse, ``balance_short``, ``balance_limit``,
    ``balance_limit_unproved`` and what concerns the member.
    """
    reason = reason.strip()
    refuse_unreadable(kind=kind, delta=delta, reason=reason)
    return keys.once(
        key=key,
        kind="adjust",
        content=[member_id, kind, delta, reason],
        staff_id=actor.pk if actor else None,
        at=at,
        effect=lambda: _adjust(
            member_id=member_id,
            kind=kind,
            delta=delta,
            reason=reason[:120],
            shop_id=shop.pk if shop else None,
            actor=actor,
            approver=approver,
            at=at,
        ),
    )


def refuse_unreadable(*, kind: str, delta: int, reason: str) -> None:
    """Refuse ``adjust_kind``, ``adjust_zero``, ``adjust_too_large``, ``reason_missing``."""
    if kind not in Account.Kind.values:
        raise Refusal("adjust_kind", _("Choose points, principal or bonus."), field="kind")
    if delta == 0:
        raise Refusal("adjust_zero", _("Enter how much to add or to take."), field="delta")
    if abs(delta) > MAX_ADJUSTMENT:
        raise Refusal("adjust_too_large", _("This is too much at once. Check the digits."))
    if not reason:
        raise Refusal("reason_missing", _("Say why; it is kept with the change."), field="reason")


def _adjust(
    *,
    member_id: int,
    kind: str,
    delta: int,
    reason: str,
    shop_id: int | None,
    actor: Staff | None,
    approver: Staff | None,
    at: dt.datetime,
) -> dict[str, Any]:
    accounts = locks.lock_accounts([member_id])
    standing = check_standing(selectors.load(member_id=member_id, at=at))
    second = approvals.of_adjustment(
        actor=actor, approver=approver, member_id=member_id, account=kind, delta=delta, at=at
    )
    before = accounts.get(member_id, kind).balance
    if delta > 0:
        moves, lots = _add(standing, kind, delta, rules_of(standing, at)[1], accounts, at=at)
    else:
        moves, lots = _take(standing, kind, -delta), []
    ledger.post(book=accounts, moves=moves, new_lots=lots, at=at, cause=ledger.Cause(reason=reason))
    after = accounts.get(member_id, kind).balance
    events.record(
        kind="balance_adjusted",
        at=at,
        member_id=member_id,
        staff_id=actor.pk if actor else None,
        shop_id=shop_id,
        data={
            "account": kind,
            "before": before,
            "after": after,
            "reason": reason,
            **approvals.facts(second),
        },
    )
    return {"account": kind, "before": before, "after": after, "at": at.isoformat()}


def _add(
    standing: Standing,
    kind: str,
    amount: int,
    book: RuleBook,
    accounts: AccountBook,
    *,
    at: dt.datetime,
) -> tuple[list[ledger.Move], list[ledger.NewLot]]:
    if kind == "points":
        return ledger.earn_moves(
            member_id=standing.id,
            points=amount,
            debt=accounts.get(standing.id, "points").debt,
            side=Entry.Side.ADJUSTMENT,
            source="adjustment",
            expires_at=clock.end_of_validity(at, months=book.policy["points_months"]),
        )
    top_ups.check_limit(amount, standing, field="delta")
    lot = ledger.NewLot(
        standing.id,
        "value",
        "adjustment",
        principal=amount if kind == "principal" else 0,
        bonus=amount if kind == "bonus" else 0,
    )
    return [ledger.Move(standing.id, kind, amount, Entry.Side.ADJUSTMENT, new=0)], [lot]


def _take(standing: Standing, kind: str, amount: int) -> list[ledger.Move]:
    """Nearest expiry first for points, oldest lot first for money."""
    if kind == "points":
        held = [(lot.id, lot.left) for lot in standing.points_lots]
    else:
        held = [(lot.id, getattr(lot, f"{kind}_fen")) for lot in standing.value_lots]
    # Points that are owed are not there to be taken.
    most = standing.spendable_points if kind == "points" else sum(left for _id, left in held)
    if most < amount:
        raise Refusal(
            "balance_short",
            _("The account does not hold that much."),
            field="delta",
            details={"held": most},
        )
    return ledger.spend_moves(
        member_id=standing.id, kind=kind, amount=amount, lots=held, side=Entry.Side.ADJUSTMENT
    )
