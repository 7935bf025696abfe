"""What the back office knows and the member may see on the card."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest

from members.models import Member
from members.registry import Shown


def care(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """Who of the shop looks after the member: the barista, the stylist."""
    person = member.assigned_staff
    return Shown("member/care.html", {"name": str(person)}) if person else None
