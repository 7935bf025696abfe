"""Accounts elsewhere that open a card without a code: linked by a proved phone, and removed."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.locks import lock_member
from members.models import Identity, Member, Staff
from members.services import events
from members.services.staff import require
from members.wechat import Subject

WECHAT = Identity.Provider.WECHAT


def link(*, member_id: int, subject: Subject, at: dt.datetime) -> Identity:
    """From now on this WeChat account opens this card, after its holder proved the card's phone.

    One that opened another card until now changes over: who was proved last holds it. Events
    ``identity_linked``, and ``identity_removed`` for the other member; none if it was so already.
    Refuses ``member_closed``.
    """
    with transaction.atomic():
        # Members before accounts and by their ids, as a merge has them: nobody waits in a circle.
        holder = _rows(subject).values_list("member_id", flat=True).first()
        held = {number: lock_member(number) for number in sorted({member_id, holder or member_id})}
        if held[member_id].status == Member.Status.CLOSED:
            raise Refusal("member_closed", _("This membership has ended."), status=409)
        row, is_new = _held_row(member_id, subject, at)
        before = None if is_new else row.member_id
        row.member_id, row.at = member_id, at
        row.union_id = subject.union_id or row.union_id
        row.save(update_fields=["member", "at", "union_id"])
        if before == member_id:
            return row
        if before is not None:
            events.record(
                kind="identity_removed", at=at, member_id=before, data={"provider": WECHAT}
            )
        events.record(kind="identity_linked", at=at, member_id=member_id, data={"provider": WECHAT})
    return row


def _rows(subject: Subject) -> QuerySet[Identity]:
    return Identity.objects.filter(provider=WECHAT, app_id=subject.app_id, subject=subject.openid)


def _held_row(member_id: int, subject: Subject, at: dt.datetime) -> tuple[Identity, bool]:
    """The account's row, locked, and whether it was made just now.

    Two members' phones may be proved from one account at the same moment; one member's are
    one after the other by the member's lock.
    """
    rows = _rows(subject).select_for_update()
    found = rows.first()
    if found is not None:
        return found, False
    mine = Identity(
        member_id=member_id,
        provider=WECHAT,
        app_id=subject.app_id,
        subject=subject.openid,
        at=at,
    )
    Identity.objects.bulk_create(
        [mine],
        update_conflicts=True,
        unique_fields=["provider", "app_id", "subject"],
        update_fields=["at"],
    )
    row = rows.get()
    return row, row.member_id == member_id


def remove_all(*, member_id: int, actor: Staff | None = None, at: dt.datetime) -> int:
    """No account elsewhere opens this card any more; how many did. One event
    ``identity_removed``, none if there was nothing to remove. ``actor``: staff, who may do so for
    the member; refuses ``not_allowed``."""
    if actor is not None:
        require(actor, "edit_member")
    with transaction.atomic():
        lock_member(member_id)
        count = drop(member_id=member_id)
        if count:
            events.record(
                kind="identity_removed",
                at=at,
                member_id=member_id,
                staff_id=actor.pk if actor else None,
                data={"provider": WECHAT},
            )
    return count


def drop(*, member_id: int) -> int:
    """As ``remove_all``, for a service that holds the member and records an event of its own."""
    count, _rows = Identity.objects.filter(member_id=member_id).delete()
    return count
