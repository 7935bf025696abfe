"""What the back office knows and the till should see."""

from __future__ import annotations

import datetime as dt
import uuid

from django.http import HttpRequest

from loyalty.counter import access, loan_words
from loyalty.selectors import loans as loan_selectors
from members import clock
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


def loans(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """What the member has out, due when; and what came back today, while it can be undone."""
    shop = access.till_of(request).shop
    midnight = clock.start_of_day(clock.local_date(at))
    views = [
        loan_words.view(loan, at, shop_id=shop.pk)
        for loan in loan_selectors.shown(member.pk, since=midnight)
    ]
    rows = [(view, uuid.uuid4()) for view in views if view.is_open or view.may_undo]
    match = request.resolver_match
    draft = match.kwargs.get("draft_id") if match else None
    return Shown("counter/loans.html", {"loans": rows, "draft": draft}) if rows else None
