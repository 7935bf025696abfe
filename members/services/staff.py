"""Staff: what they may do, where, and the PIN by which they take over a shared counter."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from itertools import pairwise

from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from members import store
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events
from members.text import plain_digits

PIN_TRIES = 5
PIN_PAUSE = dt.timedelta(minutes=15)
_PIN = re.compile(r"[0-9]{4,6}")

_CASHIER = frozenset(
    {"sell", "top_up", "redeem", "join", "check_in", "find", "void", "refund", "freeze", "note"}
)
_MANAGER = _CASHIER | {"adjust", "unfreeze", "edit_member", "close_member", "see_phone", "report"}
_MANAGER |= {"give_coupons", "merge_members", "approve"}
_OWNER = _MANAGER | {"rules", "staff", "shops", "import", "export"}
_ALLOWED = {
    Staff.Role.CASHIER: _CASHIER,
    Staff.Role.MANAGER: _MANAGER,
    Staff.Role.OWNER: _OWNER,
}


def staff_shops(staff: Staff) -> QuerySet[Shop]:
    """The open shops this person may work in: an owner in all, anybody else in their own."""
    shops = Shop.objects.filter(is_active=True)
    return shops if staff.role == Staff.Role.OWNER else shops.filter(staff=staff)


def may(staff: Staff, action: str) -> bool:
    """Whether this person's role allows the action; an action nobody knows is a programming error.

    Where they may do it is ``staff_shops``'s business.
    """
    if action not in _OWNER:
        raise ValueError(f"unknown action {action}")
    return staff.is_active and action in _ALLOWED[Staff.Role(staff.role)]


def require(staff: Staff, action: str) -> None:
    """Refuse with ``not_allowed`` what this person may not do."""
    if not may(staff, action):
        raise Refusal(
            "not_allowed",
            _("Your role does not allow this. Ask a manager or the owner."),
            status=403,
        )


def set_pin(*, staff_id: int, pin: str, actor: Staff, at: dt.datetime) -> None:
    """Set a PIN of 4 to 6 digits, kept as a hash; one event ``pin_set``.

    Refuses with ``pin_unusable`` what is no such number, or what anybody would try first.
    """
    pin = plain_digits(pin)
    if not _PIN.fullmatch(pin) or _is_guessable(pin):
        raise Refusal(
            "pin_unusable",
            _("Choose a PIN of 4 to 6 digits that are neither all alike nor in a row."),
            field="pin",
        )
    with transaction.atomic():
        Staff.objects.filter(pk=staff_id).update(pin_hash=make_password(pin))
        events.record(kind="pin_set", at=at, staff_id=actor.pk, data={"staff": staff_id})
    _forget_tries(staff_id)


def colleagues(*, shop: Shop, staff: Staff) -> QuerySet[Staff]:
    """Who else may take over a counter of this shop by their PIN, by name."""
    serves = Q(role=Staff.Role.OWNER) | Q(shops=shop)
    others = Staff.objects.filter(serves, is_active=True).exclude(pk=staff.pk).exclude(pin_hash="")
    return others.order_by("display_name", "pk").distinct()


def check_pin(*, staff: Staff, pin: str) -> None:
    """Return when the PIN is this person's.

    Refuses with ``pin_wrong``, or ``pin_locked`` after ``PIN_TRIES`` wrong ones in a row, for
    ``PIN_PAUSE`` from the first, ``pins_away`` while tries cannot be counted. Counted before it
    is compared: parallel guesses all count.
    """
    key = _tries_key(staff.pk)
    try:
        cache.add(key, 0, timeout=PIN_PAUSE.total_seconds())
        tried = cache.incr(key)
    except store.StoreError as error:
        raise Refusal(
            "pins_away",
            _("PINs cannot be checked right now. Try again in a moment."),
            status=503,
            field="pin",
        ) from error
    if tried > PIN_TRIES:
        raise Refusal(
            "pin_locked",
            _("Too many wrong PINs. Wait %(minutes)s minutes, or log in with the password.")
            % {"minutes": int(PIN_PAUSE.total_seconds() // 60)},
            status=429,
            field="pin",
        )
    if not (
        staff.is_active and staff.pin_hash and check_password(plain_digits(pin), staff.pin_hash)
    ):
        raise Refusal("pin_wrong", _("This PIN is wrong. Try again."), status=403, field="pin")
    _forget_tries(staff.pk)


def _forget_tries(staff_id: int) -> None:
    # Where they cannot be, they end by themselves.
    with suppress(store.StoreError):
        cache.delete(_tries_key(staff_id))


def _tries_key(staff_id: int) -> str:
    return f"pin-tries:{staff_id}"


def _is_guessable(pin: str) -> bool:
    steps = {int(b) - int(a) for a, b in pairwise(pin)}
    return len(steps) == 1 and steps <= {-1, 0, 1}
