"""Two memberships of one person become one: what tells who they are, and what hangs on them.

Money, coupons and purchases are ``loyalty.services.merging``'s, which calls this.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.locks import lock_member
from members.models import (
    Card,
    FormerPhone,
    Identity,
    InboxMessage,
    Member,
    MemberNote,
    Staff,
)
from members.text import name_key

_GAPS = ("gender", "region", "assigned_staff", "birth_year")


def hold_both(*, kept_id: int, merged_id: int) -> tuple[Member, Member]:
    """Lock both members in the order of their ids: (kept, merged).

    Refuses ``same_member``, ``member_unknown``, ``member_closed``, ``member_frozen``.
    """
    if kept_id == merged_id:
        raise Refusal("same_member", _("These are one and the same. Choose another member."))
    held = {number: lock_member(number) for number in sorted((kept_id, merged_id))}
    for member in held.values():
        if member.status == Member.Status.CLOSED:
            raise Refusal("member_closed", _("This membership has ended."), status=409)
        if member.status == Member.Status.FROZEN:
            raise Refusal(
                "member_frozen",
                _("One of the two cards is frozen. Unfreeze it first, then merge them."),
                status=409,
            )
    return held[kept_id], held[merged_id]


def absorb(*, kept: Member, merged: Member, at: dt.datetime) -> None:
    """Close ``merged`` into ``kept``; both are locked. Its phones, cards and linked
    accounts lead to ``kept``.

    What ``kept`` does not say of themselves is taken over; their own data, PIN and consents hold.
    """
    phone, external_no = merged.phone, merged.external_no
    proved_at = merged.phone_proved_at
    _fill_gaps(kept, merged)
    _empty(merged, into=kept, keeps_number=kept.external_no is not None)
    if kept.external_no is None:
        kept.external_no = external_no
    if phone and kept.phone is None:
        kept.phone, kept.phone_tail, kept.phone_proved_at = phone, phone[-4:], proved_at
    elif phone:
        FormerPhone.objects.create(phone=phone, tail=phone[-4:], member=kept, at=at)
    kept.save()
    FormerPhone.objects.filter(member=merged).update(member=kept)
    Member.objects.filter(merged_into=merged).update(merged_into=kept)
    kept.tags.add(*merged.tags.all())
    merged.tags.clear()
    MemberNote.objects.filter(member=merged).update(member=kept)
    InboxMessage.objects.filter(member=merged).update(member=kept)
    Identity.objects.filter(member=merged).update(member=kept)
    in_use = [Card.Status.ACTIVE, Card.Status.FROZEN]
    if not kept.cards.filter(status__in=in_use).exists():
        merged.cards.filter(status__in=in_use).update(member=kept)
    if not Staff.objects.filter(member=kept).exists():
        Staff.objects.filter(member=merged).update(member=kept)


def _fill_gaps(kept: Member, merged: Member) -> None:
    for field in _GAPS:
        if not getattr(kept, field):
            setattr(kept, field, getattr(merged, field))
    if kept.birth_month is None:
        kept.birth_month, kept.birth_day = merged.birth_month, merged.birth_day
    if not kept.name:
        kept.name, kept.pinyin = merged.name, name_key(merged.name)
    kept.joined_at = min(kept.joined_at, merged.joined_at)


def _empty(merged: Member, *, into: Member, keeps_number: bool) -> None:
    merged.status = Member.Status.CLOSED
    merged.merged_into = into
    merged.name = merged.pinyin = merged.phone_tail = merged.region = merged.pin_hash = ""
    merged.gender = Member.Gender.UNKNOWN
    merged.phone = merged.phone_proved_at = merged.assigned_staff = None
    merged.birth_year = merged.birth_month = merged.birth_day = None
    if not keeps_number:
        merged.external_no = None
    merged.session_epoch = F("session_epoch") + 1
    merged.save()
