"""What members do with their own card: correct their data, freeze it, take it up again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.locks import lock_member
from members.models import Event, Member
from members.services import members

_BIRTHDAY = frozenset({"birth_year", "birth_month", "birth_day"})
OWN = _BIRTHDAY | {"name", "language"}


def correct(*, member_id: int, changes: Mapping[str, Any], at: dt.datetime) -> Member:
    """Correct one's own data; a birthday may be given once, then only staff can change it.

    Refuses ``birthday_locked``, and as ``members.update`` does.
    """
    if set(changes) - OWN:
        raise ValueError("not to be changed by the member")
    with transaction.atomic():
        member = lock_member(member_id)
        is_changed = any(
            getattr(member, field) != changes[field] for field in _BIRTHDAY & set(changes)
        )
        if member.birth_month is not None and is_changed:
            raise Refusal(
                "birthday_locked",
                _("The birthday is set already. Ask at the counter to correct it."),
                status=409,
                field="birth_day",
            )
        return members.update(member_id=member_id, changes=changes, actor=None, at=at)


def freeze(*, member_id: int, at: dt.datetime) -> Member:
    """Stop all use of one's own card at once. Refuses as ``members.freeze`` does."""
    return members.freeze(member_id=member_id, actor=None, at=at)


def is_frozen_by_shop(*, member_id: int) -> bool:
    """Whether staff froze the card last: then only the shop takes it up again."""
    newest = Event.objects.filter(member_id=member_id, kind="frozen").order_by("-id")
    return newest.values_list("staff_id", flat=True).first() is not None


def unfreeze(*, member_id: int, at: dt.datetime) -> Member:
    """Take one's own card up again. Refuses ``frozen_by_shop``, and as ``members.unfreeze``."""
    with transaction.atomic():
        lock_member(member_id)
        if is_frozen_by_shop(member_id=member_id):
            raise Refusal(
                "frozen_by_shop",
                _("The shop froze this card. Ask at the counter to take it up again."),
                status=403,
            )
        return members.unfreeze(member_id=member_id, actor=None, at=at)
