"""How a counter knows whose card it is: by the live code for five minutes, else by a number.

A claimed code is used up whatever becomes of the sale; what it opens is bound to the session it
was scanned in, that is to one counter and one cashier, and ends with the sale.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from loyalty.counter.access import Till
from loyalty.counter.drafts import Draft
from loyalty.services import spending
from loyalty.services.confirmations import LIVE_CODE
from loyalty.services.spending import Identity
from members import store
from members.errors import Refusal
from members.models import Member
from members.selectors import find
from members.services import live_codes
from members.text import plain_digits

LIFE_S = 5 * 60


def claim(*, till: Till, code: str, at: dt.datetime) -> Member:
    """Take a scanned live code. Refuses as ``live_codes.claim`` does, and a card not to be used."""
    member_id = live_codes.claim(code=code, place=till.shop.name, at=at)
    return usable(find.by_id(member_id), till=till)


def usable(member: Member, *, till: Till) -> Member:
    """The member, unless the card is frozen or the cashier's own."""
    if member.status == Member.Status.FROZEN:
        raise Refusal(
            "member_frozen",
            _("This card is frozen. The member can unfreeze it on their phone, or ask a manager."),
            field="member",
        )
    spending.refuse_own_card(member_id=member.pk, actor=till.staff)
    return member


def remember_in(draft: Draft, *, till: Till, code: str, at: dt.datetime) -> None:
    draft.code = code
    draft.coded_at = int(at.timestamp())
    draft.counter = till.counter


def is_by_code(draft: Draft, *, till: Till, at: dt.datetime) -> bool:
    """Whether the live code scanned for this sale still speaks for the member."""
    age = int(at.timestamp()) - draft.coded_at
    return draft.member_id is not None and draft.counter == till.counter and 0 <= age <= LIFE_S


def of_draft(
    draft: Draft,
    *,
    till: Till,
    at: dt.datetime,
    is_pin_proved: bool = False,
    spends: bool | None = None,
) -> Identity:
    """``spends`` says whether something of the member's is spent, if not by the sale itself."""
    spends = draft.spends if spends is None else spends
    is_by = is_by_code(draft, till=till, at=at)
    return Identity(
        by=LIVE_CODE if is_by else "search",
        confirmation_id=draft.confirmation_id,
        is_pin_proved=is_pin_proved,
        is_code_away=not is_by and spends and store.is_away(),
    )


def refuse_spending_unseen(draft: Draft, *, till: Till, at: dt.datetime) -> None:
    """While no live code can be read, who is known by a number alone cannot spend."""
    if of_draft(draft, till=till, at=at).is_code_away:
        raise spending.code_away()


def _key(till: Till, member_id: int) -> str:
    return f"identified:{till.counter}:{till.staff.pk}:{till.shop.pk}:{member_id}"


def _code_key(till: Till, code: str) -> str:
    return f"claimed:{till.counter}:{till.staff.pk}:{till.shop.pk}:{plain_digits(code)[:40]}"


def claimed_before(*, till: Till, code: str) -> int | None:
    """Whose code this was, if this very session claimed it a moment ago."""
    try:
        known: int | None = cache.get(_code_key(till, code))
    except store.StoreError:
        return None
    return known


def remember(*, till: Till, member_id: int, code: str, at: dt.datetime) -> None:
    """For requests of a program: what follows may name the member by id."""
    # Away, the member is found all the same, as by a number; spending waits for the next code.
    with suppress(store.StoreError):
        cache.set(_key(till, member_id), int(at.timestamp()), timeout=LIFE_S)
        cache.set(_code_key(till, code), member_id, timeout=LIFE_S)


def of_session(*, till: Till, member_id: int, at: dt.datetime) -> Identity:
    try:
        claimed_at: int | None = cache.get(_key(till, member_id))
    except store.StoreError:
        return Identity(is_code_away=True)
    if claimed_at is None or not 0 <= int(at.timestamp()) - claimed_at <= LIFE_S:
        return Identity()
    return Identity(by=LIVE_CODE)


def forget(*, till: Till, member_id: int) -> None:
    # Away, it ends by itself after five minutes; the sale is settled.
    with suppress(store.StoreError):
        cache.delete(_key(till, member_id))
