"""The messages in a member's card. What they say is put into words by who shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from members.models import Event, InboxMessage

SHOWN = 50


def deliver(
    *, member_id: int, kind: str, data: dict[str, Any], event: Event | None, at: dt.datetime
) -> InboxMessage | None:
    """Put a message into the card. One about an event is delivered once; again gives None."""
    facts = {"member_id": member_id, "kind": kind, "data": data, "at": at}
    if event is None:
        return InboxMessage.objects.create(**facts)
    row, is_new = InboxMessage.objects.get_or_create(event=event, defaults=facts)
    return row if is_new else None


def newest(*, member_id: int, limit: int = SHOWN) -> list[InboxMessage]:
    return list(InboxMessage.objects.filter(member_id=member_id).order_by("-id")[:limit])


def unread(member_id: int) -> QuerySet[InboxMessage]:
    return InboxMessage.objects.filter(member_id=member_id, read_at__isnull=True)


def mark_read(*, member_id: int, up_to: int, at: dt.datetime) -> int:
    """Mark as read what was shown (ids up to ``up_to``); how many were unread."""
    return unread(member_id).filter(pk__lte=up_to).update(read_at=at)
