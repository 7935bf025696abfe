"""What the back office knows and the till should see."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest

from members.models import Member
from members.registry import Shown

NOTES = 3


def care(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """Who of the shop looks after the member: to be fetched, or greeted from."""
    person = member.assigned_staff
    return Shown("counter/care.html", {"name": str(person)}) if person else None


def notes(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """The newest notes of staff about the member."""
    found = list(member.notes.order_by("-pk")[:NOTES])
    return Shown("counter/notes.html", {"notes": found}) if found else None
