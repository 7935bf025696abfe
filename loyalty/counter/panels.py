"""What the back office knows and the till should see."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest

from members.models import Member
from members.registry import Shown

NOTES = 3


def notes(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """The newest notes of staff about the member."""
    found = list(member.notes.order_by("-pk")[:NOTES])
    return Shown("counter/notes.html", {"notes": found}) if found else None
