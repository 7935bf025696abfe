"""What is lent by a special benefit comes back: brought back, written off, or never lent.

Lending itself is ``redeeming.redeem_special``. A loan's row is locked by its id before it is
looked at; whoever also changes a quota holds the member's accounts first, as a sale does.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from loyalty import locks
from loyalty.models import Loan, QuotaUse
from loyalty.selectors import loans
from loyalty.services import keys
from loyalty.settlement.rulebook import LoanRule
from members import clock
from members.errors import Refusal
from members.models import Event, Member, Shop, Staff
from members.services import events
from members.services.staff import require
from members.text import one_line

Status = Loan.Status
THING_LENGTH = 60
REASON_LENGTH = 120


def readable_thing(thing: str) -> str:
    """What is lent, as it was typed, in one line. Refuses ``thing_unreadable``."""
    thing = " ".join(thing.split())
    if len(thing) > THING_LENGTH or not thing.isprintable():
        raise Refusal(
            "thing_unreadable",
            _("Say what is lent in at most %(length)s characters.") % {"length": THING_LENGTH},
            field="thing",
        )
    return thing


def refuse_while_overdue(*, benefit_id: int, member_id: int, at: dt.datetime) -> None:
    """Refuse ``loan_overdue``: the next one is lent when the last one is back.

    The member's accounts are locked.
    """
    late = loans.overdue(benefit_id=benefit_id, member_id=member_id, day=clock.local_date(at))
    if late is not None:
        raise Refusal(
            "loan_overdue",
            _("“%(thing)s” was due back on %(day)s. Take it back first, then lend the next one.")
            % {"thing": late, "day": date_format(late.due_on, "SHORT_DATE_FORMAT")},
            status=409,
            details={"loan": late.pk, "due_on": late.due_on.isoformat()},
        )


def lend(
    *,
    rule: LoanRule,
    benefit_id: int,
    member_id: int,
    thing: str,
    quota_use: QuotaUse | None,
    shop: Shop,
    staff_id: int | None,
    at: dt.datetime,
) -> Loan:
    """Write down what goes out, due back on the rule's last day. Accounts are locked."""
    today = clock.local_date(at)
    return Loan.objects.create(
        member_id=member_id,
        benefit_id=benefit_id,
        shop=shop,
        staff_id=staff_id,
        quota_use=quota_use,
        thing=thing,
        lent_at=at,
        lent_on=today,
        due_on=today + dt.timedelta(days=rule.days),
    )


def bring_back(
    *, key: uuid.UUID, loan_id: int, member_id: int, shop: Shop, actor: Staff, at: dt.datetime
) -> dict[str, Any]:
    """A thing is here again, in whichever shop. One event ``loan_returned``.

    Returns ``loan``, ``benefit``, ``name``, ``thing`` and ``days_late`` (0: in time). Refuses
    ``not_allowed``, ``loan_unknown`` (also somebody else's) and ``loan_over``.
    """
    require(actor, "redeem")

    def effect() -> dict[str, Any]:
        loan = _hold(loan_id, member_id)
        _refuse_unless(loan, Status.OPEN)
        _end(loan, Status.RETURNED, shop=shop, actor=actor, at=at)
        late = max((clock.local_date(at) - loan.due_on).days, 0)
        return _told("loan_returned", loan, shop=shop, actor=actor, at=at, days_late=late)

    return _once(key, "loan_back", [loan_id, member_id, shop.pk], actor, at, effect)


def undo_return(
    *, key: uuid.UUID, loan_id: int, member_id: int, shop: Shop, actor: Staff, at: dt.datetime
) -> dict[str, Any]:
    """It was not brought back after all: out again, due as before. One event ``loan_reopened``.

    Only on the same day and in the same shop. Refuses ``not_allowed``, ``loan_unknown``,
    ``loan_not_back`` and ``undo_too_late``.
    """
    require(actor, "redeem")

    def effect() -> dict[str, Any]:
        loan = _hold(loan_id, member_id)
        _refuse_unless(loan, Status.RETURNED)
        _refuse_too_late(loan.ended_at, loan.ended_shop_id, shop, at)
        loan.status = Status.OPEN
        loan.ended_at = loan.ended_shop = loan.ended_by = None
        loan.save(update_fields=["status", "ended_at", "ended_shop", "ended_by"])
        return _told("loan_reopened", loan, shop=shop, actor=actor, at=at)

    return _once(key, "loan_not_back", [loan_id, member_id, shop.pk], actor, at, effect)


def undo_lending(
    *, key: uuid.UUID, loan_id: int, member_id: int, shop: Shop, actor: Staff, at: dt.datetime
) -> dict[str, Any]:
    """It never went out: its use of the quota is free again. One event ``loan_undone``.

    Only on the same day and in the same shop. Refuses ``not_allowed``, ``loan_unknown``,
    ``loan_over`` and ``undo_too_late``.
    """
    require(actor, "redeem")

    def effect() -> dict[str, Any]:
        locks.lock_accounts([member_id])
        loan = _hold(loan_id, member_id)
        _refuse_unless(loan, Status.OPEN)
        _refuse_too_late(loan.lent_at, loan.shop_id, shop, at)
        use, loan.quota_use = loan.quota_use, None
        _end(loan, Status.CANCELLED, shop=shop, actor=actor, at=at)
        if use is not None:
            use.delete()
        return _told("loan_undone", loan, shop=shop, actor=actor, at=at)

    return _once(key, "loan_undone", [loan_id, member_id, shop.pk], actor, at, effect)


def write_off(
    *, loan_id: int, member_id: int, reason: str, actor: Staff, at: dt.datetime
) -> dict[str, Any]:
    """It will not come back, and is waited for no longer. One event ``loan_written_off``.

    Refuses ``not_allowed``, ``reason_missing``, ``loan_unknown`` and ``loan_over``.
    """
    require(actor, "adjust")
    reason = one_line(reason)[:REASON_LENGTH]
    if not reason:
        raise Refusal("reason_missing", _("Say why: it stays in the trail."), field="reason")
    with locks.waiting_politely(), transaction.atomic():
        loan = _hold(loan_id, member_id)
        _refuse_unless(loan, Status.OPEN)
        _end(loan, Status.WRITTEN_OFF, shop=None, actor=actor, at=at)
        facts = _told("loan_written_off", loan, shop=None, actor=actor, at=at, reason=reason)
        return {**facts, "thing": loan.thing}


def refuse_while_things_are_out(member: Member, _at: dt.datetime) -> None:
    """Closing guard: what belongs to the shop comes back, or is written off, before.

    Refuses with ``things_out`` (how many).
    """
    count = loans.open_of(member.pk).count()
    if count:
        raise Refusal(
            "things_out",
            ngettext_lazy(
                "%(count)s thing is still out. Take it back or write it off, then close it.",
                "%(count)s things are still out. Take them back or write them off, then close it.",
                count,
            )
            % {"count": count},
            status=409,
            details={"count": count},
        )


def forget(event: Event, _at: dt.datetime) -> None:
    """Consumer of ``closed``: words that somebody typed about whoever left are wiped."""
    if event.member_id is not None:
        Loan.objects.filter(member_id=event.member_id).exclude(thing="").update(thing="")


def _once(
    key: uuid.UUID, kind: str, content: list[int], actor: Staff, at: dt.datetime, effect: Any
) -> dict[str, Any]:
    """The thing is read anew: what is kept with a key outlasts the words that somebody typed."""
    answer = keys.once(key=key, kind=kind, content=content, staff_id=actor.pk, at=at, effect=effect)
    things = Loan.objects.filter(pk=answer["loan"]).values_list("thing", flat=True)
    return {**answer, "thing": things.get()}


def _hold(loan_id: int, member_id: int) -> Loan:
    """The member's loan, locked. Somebody else's is as good as none."""
    locks.lock_loan(loan_id)
    found = Loan.objects.select_related("benefit", "quota_use").filter(pk=loan_id).first()
    if found is None or found.member_id != member_id:
        raise Refusal("loan_unknown", _("No such loan. Scan the member again."), status=404)
    return found


def _refuse_unless(loan: Loan, status: str) -> None:
    if loan.status == status:
        return
    if status == Status.RETURNED:
        raise Refusal("loan_not_back", _("This is not back yet."), status=409)
    raise Refusal("loan_over", _("This is no longer out. Scan the member again."), status=409)


def _refuse_too_late(
    done_at: dt.datetime | None, shop_id: int | None, shop: Shop, at: dt.datetime
) -> None:
    is_today = done_at is not None and clock.local_date(done_at) == clock.local_date(at)
    if not is_today or shop_id != shop.pk:
        raise Refusal(
            "undo_too_late",
            _("Only what was done today and in this shop can be undone."),
            status=409,
        )


def _end(loan: Loan, status: str, *, shop: Shop | None, actor: Staff, at: dt.datetime) -> None:
    loan.status, loan.ended_at, loan.ended_shop, loan.ended_by = status, at, shop, actor
    loan.save(update_fields=["status", "ended_at", "ended_shop", "ended_by", "quota_use"])


def _told(
    kind: str, loan: Loan, *, shop: Shop | None, actor: Staff, at: dt.datetime, **more: Any
) -> dict[str, Any]:
    """Leave the event; the answer is what it says."""
    facts = {"loan": loan.pk, "benefit": loan.benefit_id, "name": loan.benefit.name, **more}
    events.record(
        kind=kind,
        at=at,
        member_id=loan.member_id,
        staff_id=actor.pk,
        shop_id=shop.pk if shop else None,
        data=facts,
    )
    return facts
