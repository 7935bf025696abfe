"""A way into the card for one browser: handed to a mini-program, opened in its web-view.

Good once and for a minute; "log out everywhere" and the end of a membership void it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from members import store
from members.errors import Refusal
from members.models import Member
from members.services import login_codes, one_time

KIND = "entry"
TTL_S = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """Whose card the ticket opens, when their phone was proved, and which page comes first."""

    member: Member
    proved_at: dt.datetime
    page: str


def issue(*, member: Member, proved_at: dt.datetime, page: str, at: dt.datetime) -> str:
    """A ticket for the member's browser. Refuses ``codes_away`` without Valkey."""
    content = {
        "member": member.pk,
        "epoch": member.session_epoch,
        "proved": int(proved_at.timestamp()),
        "page": page,
    }
    try:
        return one_time.keep(kind=KIND, content=content, ttl_s=TTL_S, at=at)
    except store.StoreError as error:
        raise login_codes.away() from error


def claim(*, ticket: str, at: dt.datetime) -> Entry:
    """What the ticket opens, once. Refuses ``ticket_spent``, ``codes_away``."""
    try:
        found = one_time.take(kind=KIND, token=ticket, ttl_s=TTL_S, at=at)
    except store.StoreError as error:
        raise login_codes.away() from error
    member = None
    if found is not None:
        rows = Member.objects.filter(pk=found["member"], session_epoch=found["epoch"])
        member = rows.exclude(status=Member.Status.CLOSED).first()
    if found is None or member is None:
        raise Refusal(
            "ticket_spent",
            _(
                "This way in was used already or is too old. Open the card again, or enter your"
                " phone number."
            ),
            status=410,
        )
    return Entry(member, dt.datetime.fromtimestamp(found["proved"], tz=dt.UTC), found["page"])
