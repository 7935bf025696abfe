"""The member's PIN: six digits by which large spends are confirmed without the phone's page."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members import store
from members.errors import Refusal
from members.locks import lock_member
from members.models import Member
from members.services import events, rates
from members.text import plain_digits

TRIES = 5
WINDOW = dt.timedelta(minutes=15)
_PIN = re.compile(r"[0-9]{6}")


def set_pin(
    *, member_id: int, pin: str, old_pin: str = "", is_proved: bool, at: dt.datetime
) -> None:
    """Set the PIN, kept as a hash; one event ``member_pin_set``.

    An earlier PIN must be given too, unless the phone was just proved by a code (``is_proved``).
    Refuses ``pin_unusable``, and as ``check`` does.
    """
    pin = plain_digits(pin)
    if not _PIN.fullmatch(pin) or _is_guessable(pin):
        raise Refusal(
            "pin_unusable",
            _("Choose 6 digits that are neither all alike nor in a row."),
            field="pin",
        )
    with transaction.atomic():
        member = lock_member(member_id)
        if member.pin_hash and not is_proved:
            check(member=member, pin=old_pin, at=at)
        member.pin_hash = make_password(pin)
        member.save(update_fields=["pin_hash"])
        events.record(kind="member_pin_set", at=at, member_id=member_id)


def check(*, member: Member, pin: str, at: dt.datetime) -> None:
    """Return when the PIN is this member's.

    Refuses ``pin_not_set``, ``pin_wrong``, ``pin_locked`` after ``TRIES`` in ``WINDOW`` and
    ``codes_away``. Counted before it is compared: parallel guesses all count.
    """
    if not member.pin_hash:
        raise Refusal(
            "pin_not_set",
            _("There is no PIN for this card yet. The member can confirm on their phone."),
            field="pin",
        )
    try:
        tried = rates.count(name="member-pin", who=str(member.pk), window=WINDOW, at=at)
    except store.StoreError as error:
        raise Refusal(
            "codes_away", _("PINs cannot be checked right now. Try again in a moment."), status=503
        ) from error
    if tried > TRIES:
        raise Refusal(
            "pin_locked",
            _("Too many wrong PINs. Wait 15 minutes, or confirm on the phone."),
            status=429,
            field="pin",
        )
    if not check_password(plain_digits(pin), member.pin_hash):
        raise Refusal(
            "pin_wrong", _("This is not the card's PIN. Try again."), status=403, field="pin"
        )
    rates.forget(name="member-pin", who=str(member.pk), window=WINDOW, at=at)


def _is_guessable(pin: str) -> bool:
    steps = {int(b) - int(a) for a, b in pairwise(pin)}
    return len(steps) == 1 and steps <= {-1, 0, 1}
