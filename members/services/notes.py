"""What staff write down about a member, for each other."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.models import Member, MemberNote, Staff
from members.selectors import find
from members.services import events
from members.services.staff import may, require
from members.text import one_line

LENGTH = 300


def add(*, member_id: int, text: str, actor: Staff, at: dt.datetime) -> MemberNote:
    """Write a note; one event ``note_added`` that names it, not its words.

    Refuses ``not_allowed``, ``member_unknown``, ``member_closed``, ``note_empty``,
    ``note_too_long``.
    """
    require(actor, "note")
    text = one_line(text)
    if not text:
        raise Refusal("note_empty", _("Write something first."), field="text")
    if len(text) > LENGTH:
        raise Refusal(
            "note_too_long",
            _("A note has at most %(length)s characters. Make it shorter.") % {"length": LENGTH},
            field="text",
        )
    with transaction.atomic():
        member = find.by_id(member_id)
        if member.status == Member.Status.CLOSED:
            raise Refusal("member_closed", _("This membership has ended."), status=409)
        note = MemberNote.objects.create(member=member, text=text, staff=actor, at=at)
        events.record(
            kind="note_added",
            at=at,
            member_id=member_id,
            staff_id=actor.pk,
            data={"note": note.pk},
        )
    return note


def remove(*, member_id: int, note_id: int, actor: Staff, at: dt.datetime) -> None:
    """Take a note away, one's own or as a manager; one event ``note_removed``.

    Refuses ``note_unknown``, ``not_allowed``.
    """
    with transaction.atomic():
        note = MemberNote.objects.filter(pk=note_id, member_id=member_id).first()
        if note is None:
            raise Refusal("note_unknown", _("This note is gone already."), status=404)
        if note.staff_id != actor.pk or not may(actor, "note"):
            require(actor, "edit_member")
        note.delete()
        events.record(
            kind="note_removed",
            at=at,
            member_id=member_id,
            staff_id=actor.pk,
            data={"note": note_id},
        )
