"""Two people for what is large: how much one person may correct or give back alone.

Every correction, refund and undo asks ``of_adjustment`` or ``of_undo`` in its own transaction,
after its locks are held: parts of one order, or of one day, cannot slip past beside each other.
The owner needs nobody; neither does what no person does (imports, the demo shop: actor None).
What goes onto one's own card always needs a second person.
What a second person approved is no longer counted against the limit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, QuerySet, Sum, Value
from django.db.models.functions import Greatest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.models import Approval, Order, Refund
from loyalty.money import format_yuan
from loyalty.services import rules
from members import clock
from members.errors import Refusal
from members.models import Event, Shop, Staff
from members.services.staff import check_pin, colleagues, may, staff_shops

UNDO_SECONDS = 60  # in which one's own sale is undone without asking anybody

# Kind of limit → its column of the policy.
LIMITS = {
    "points": "adjust_limit_points",
    "money": "adjust_limit_fen",
    "refund": "refund_limit_fen",
}


def check(
    *,
    actor: Staff | None,
    kind: str,
    amount: int,
    approver: Staff | None,
    shop: Shop | None,
    member_id: int | None,
) -> Staff | None:
    """Who approved it: ``approver``, where one is given or needed, else None.

    ``amount`` is points or fen, what was done alone before included; ``kind`` one of ``LIMITS``.
    Refuses ``approval_needed`` (``details``: the amount, the limit, who at hand may approve),
    ``approver_self``, ``approver_not_allowed`` and ``approver_own_card``.
    """
    if approver is not None:
        refuse_as_second(approver, asker=actor, shop=shop)
        _refuse_own_card(approver, member_id)
        return approver
    limit = limit_for(actor, kind, member_id=member_id)
    if limit is None or amount <= limit:
        return None
    unit = "points" if kind == "points" else "fen"
    raise Refusal(
        "approval_needed",
        needed_words(kind, limit),
        status=403,
        field="approver",
        details={
            f"amount_{unit}": amount,
            f"limit_{unit}": limit,
            "approvers": [
                {"id": person.pk, "name": str(person)} for person in at_hand(actor=actor, shop=shop)
            ],
        },
    )


def facts(second: Staff | None) -> dict[str, int]:
    """Who approved it, for the event of the effect."""
    return {} if second is None else {"approver": second.pk}


def limit_for(actor: Staff | None, kind: str, *, member_id: int | None) -> int | None:
    """Up to how much this person may do it alone, in points or fen; None: without limit. Nothing
    that goes onto their own card."""
    if actor is None or actor.role == Staff.Role.OWNER:
        return None
    if member_id is not None and actor.member_id == member_id:
        return 0
    limit: int | None = getattr(rules.policy(), LIMITS[kind])
    return limit


def needed_words(kind: str, limit: int) -> str | Promise:
    """That a second person is needed, and from where on."""
    if limit == 0 and kind == "refund":
        return _("A manager or the owner approves this, here with their PIN or later.")
    if limit == 0:
        return _("A second person approves this: another manager or the owner.")
    if kind == "points":
        words = _("Above %(limit)s points a second person approves: another manager or the owner.")
        return words % {"limit": f"{limit:,}"}
    if kind == "money":
        words = _("Above %(limit)s a second person approves: another manager or the owner.")
    else:
        words = _("Above %(limit)s a manager or the owner approves, here with their PIN or later.")
    return words % {"limit": format_yuan(limit)}


def may_second(person: Staff, *, asker: Staff | None, shop: Shop | None) -> bool:
    """Whether this person may approve what ``asker`` does, in this shop (None: in no shop)."""
    if not may(person, "approve") or person == asker:
        return False
    return shop is None or staff_shops(person).filter(pk=shop.pk).exists()


def refuse_as_second(person: Staff, *, asker: Staff | None, shop: Shop | None) -> None:
    """Refuse ``approver_self`` and ``approver_not_allowed``."""
    if person == asker:
        raise Refusal(
            "approver_self",
            _("Nobody approves what they do themselves. Ask somebody else."),
            status=403,
            field="approver",
        )
    if not may_second(person, asker=asker, shop=shop):
        raise Refusal(
            "approver_not_allowed",
            _("This person may not approve it. Ask a manager of this shop or the owner."),
            status=403,
            field="approver",
        )


def _refuse_own_card(approver: Staff, member_id: int | None) -> None:
    if member_id is not None and approver.member_id == member_id:
        raise Refusal(
            "approver_own_card",
            _("Nobody approves what goes onto their own card. Ask somebody else."),
            status=409,
            field="approver",
        )


def at_hand(*, actor: Staff | None, shop: Shop | None) -> list[Staff]:
    """Who may approve at a counter of this shop by their PIN, by name."""
    if actor is None or shop is None:
        return []
    others = colleagues(shop=shop, staff=actor)
    return [person for person in others if may(person, "approve")]


def by_pin(*, staff_id: int, pin: str, actor: Staff, shop: Shop) -> Staff:
    """The second person, proved by their PIN.

    Refuses ``approver_unknown`` (nobody, oneself, without a PIN, of another shop, not entitled)
    and what ``check_pin`` refuses: ``pin_wrong``, ``pin_locked``.
    """
    people = {person.pk: person for person in at_hand(actor=actor, shop=shop)}
    person = people.get(staff_id)
    if person is None:
        raise Refusal(
            "approver_unknown",
            _("Choose a colleague who may approve here and has a PIN."),
            field="approver",
        )
    check_pin(staff=person, pin=pin)
    return person


def of_adjustment(
    *,
    actor: Staff | None,
    approver: Staff | None,
    member_id: int,
    account: str,
    delta: int,
    at: dt.datetime,
) -> Staff | None:
    """As ``check``, for a correction. The member's accounts are locked."""
    return check(
        actor=actor,
        kind=kind_of(account),
        amount=abs(delta)
        + done_today(actor, member_id=member_id, account=account, delta=delta, at=at),
        approver=approver,
        shop=None,
        member_id=member_id,
    )


def limit_passed(
    actor: Staff, *, member_id: int, account: str, delta: int, at: dt.datetime
) -> int | None:
    """The limit that this correction is above of, with those of today; None where it is not."""
    limit = limit_for(actor, kind_of(account), member_id=member_id)
    done = done_today(actor, member_id=member_id, account=account, delta=delta, at=at)
    return limit if limit is not None and abs(delta) + done > limit else None


def kind_of(account: str) -> str:
    return "points" if account == "points" else "money"


def done_today(
    actor: Staff | None, *, member_id: int, account: str, delta: int, at: dt.datetime
) -> int:
    """What this person added alone to this member today, or took where ``delta`` takes.

    Principal and bonus count together; a slip put right by the opposite does not count twice.
    """
    if limit_for(actor, kind_of(account), member_id=member_id) is None:
        return 0
    told = Event.objects.filter(
        kind="balance_adjusted",
        member_id=member_id,
        staff=actor,
        at__gte=clock.start_of_day(clock.local_date(at)),
    ).values_list("data", flat=True)
    changes = (
        one["after"] - one["before"]
        for one in told
        if "approver" not in one and kind_of(one["account"]) == kind_of(account)
    )
    return _same_way(changes, delta)


def _same_way(changes: Iterable[int], delta: int) -> int:
    return sum(abs(change) for change in changes if (change > 0) == (delta > 0))


def of_undo(
    order: Order,
    *,
    is_void: bool,
    base_fen: int,
    actor: Staff | None,
    approver: Staff | None,
    shop: Shop,
    at: dt.datetime,
) -> Staff | None:
    """As ``check``, for what goes back of an order, with what went back of it before. The order
    is locked. One's own sale is undone alone within ``UNDO_SECONDS``."""
    return check(
        actor=actor,
        kind="refund",
        amount=amount_of_undo(order, is_void=is_void, base_fen=base_fen, actor=actor, at=at),
        approver=approver,
        shop=shop,
        member_id=order.member_id,
    )


def needs_second(
    order: Order, *, is_void: bool, base_fen: int, actor: Staff, at: dt.datetime
) -> bool:
    """Whether giving this much back needs somebody else."""
    limit = limit_for(actor, "refund", member_id=order.member_id)
    if limit is None:
        return False
    amount = amount_of_undo(order, is_void=is_void, base_fen=base_fen, actor=actor, at=at)
    return amount > limit


def amount_of_undo(
    order: Order, *, is_void: bool, base_fen: int, actor: Staff | None, at: dt.datetime
) -> int:
    """Fen that count against the limit."""
    limit = limit_for(actor, "refund", member_id=order.member_id)
    if limit is None or (is_void and is_just_sold(order, actor, at=at)):
        return 0
    return base_fen + given_back_alone(order)


def is_just_sold(order: Order, actor: Staff | None, *, at: dt.datetime) -> bool:
    """Whether this person settled the sale within the last ``UNDO_SECONDS``."""
    age = (at - order.at).total_seconds()
    return actor is not None and order.staff_id == actor.pk and 0 <= age <= UNDO_SECONDS


def given_back_alone(order: Order) -> int:
    """Fen that went back of an order without a second person, and not by an owner."""
    alone = Refund.objects.filter(order=order, staff__isnull=False, approved_by__isnull=True)
    found = alone.exclude(staff__role=Staff.Role.OWNER).aggregate(fen=Sum("base_fen", default=0))
    return int(found["fen"])


def overtaken(order: Order, *, at: dt.datetime) -> None:
    """What waits for approval of this order was asked of another state of it. The order is
    locked."""
    _withdraw(Approval.objects.filter(order=order, status=Approval.Status.WAITING), at=at)


def ended(event: Event, at: dt.datetime) -> None:
    """Consumer of ``closed``: of a card that is no more no balance is corrected."""
    waiting = Approval.objects.filter(kind=Approval.Kind.ADJUST, status=Approval.Status.WAITING)
    if event.member_id is not None:
        _withdraw(waiting.filter(member_id=event.member_id), at=at)


def follow(*, kept_id: int, merged_id: int, at: dt.datetime) -> None:
    """Requests come along with a merged card; what waits for both of the same is asked once."""
    waiting = Approval.objects.filter(kind=Approval.Kind.ADJUST, status=Approval.Status.WAITING)
    same = waiting.filter(member_id=kept_id, account=OuterRef("account"), amount=OuterRef("amount"))
    _withdraw(waiting.filter(Exists(same), member_id=merged_id), at=at)
    Approval.objects.filter(member_id=merged_id).update(member_id=kept_id)


def _withdraw(rows: QuerySet[Approval], *, at: dt.datetime) -> None:
    rows.update(status=Approval.Status.WITHDRAWN, decided_at=Greatest(F("asked_at"), Value(at)))
