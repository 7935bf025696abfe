"""Personal data shown in full, or taken out of the house: written down who did it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from members.models import Member, Staff
from members.selectors import find
from members.services import events
from members.services.staff import require


def see_phone(*, member_id: int, actor: Staff, at: dt.datetime) -> Member:
    """The member whose phone is shown in full; one event ``phone_seen``.

    Refuses ``not_allowed``, ``member_unknown``.
    """
    require(actor, "see_phone")
    member = find.by_id(member_id)
    with transaction.atomic():
        events.record(kind="phone_seen", at=at, member_id=member.pk, staff_id=actor.pk)
    return member


def note_export(
    *, what: str, rows: int, filters: dict[str, Any], actor: Staff, at: dt.datetime
) -> None:
    """Write down that a list left the house; one event ``exported``. Refuses ``not_allowed``."""
    require(actor, "export")
    with transaction.atomic():
        events.record(
            kind="exported",
            at=at,
            staff_id=actor.pk,
            data={"what": what, "rows": rows, "filters": filters},
        )
