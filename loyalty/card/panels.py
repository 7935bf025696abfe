"""What the back office knows and the member may see on the card."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest

from loyalty.counter import loan_words
from loyalty.selectors import loans as loan_selectors
from members.models import Member
from members.registry import Shown


def care(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """Who of the shop looks after the member: the barista, the stylist."""
    person = member.assigned_staff
    return Shown("member/care.html", {"name": str(person)}) if person else None


def loans(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """What the member has taken along, and until when."""
    rows = loan_selectors.open_of(member.pk).select_related("benefit", "shop")
    views = [loan_words.view(loan, at) for loan in rows]
    late = any(view.tone == "bad" for view in views)
    return Shown("member/loans.html", {"loans": views, "late": late}) if views else None
