"""Into the card by a phone and its code: a member comes back, anybody else joins."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from loyalty.services import joining
from members.errors import Refusal
from members.models import Member, Shop
from members.selectors import find
from members.services import consent, login_codes, members
from members.services.consent import Question


@dataclass(frozen=True, slots=True)
class Entered:
    member: Member
    is_new: bool


def enter(
    *,
    phone: str,
    code: str,
    address: str,
    agreed: frozenset[Question],
    channel: str,
    shop: Shop | None,
    language: str = "",
    at: dt.datetime,
) -> Entered:
    """The member with this phone (E.164), joined now if there was none; their consents kept.

    Of two phones that join at the same moment both get the one member. An empty tick takes
    nothing back from somebody who agreed before. Refuses as ``login_codes.check``, and
    ``terms_needed``.
    """
    if consent.TERMS not in agreed:
        raise terms_needed()
    login_codes.check(phone=phone, code=code, address=address, at=at)
    member = find.of_phone(phone)
    is_new = member is None
    if member is None:
        try:
            member = joining.join(phone=phone, shop=shop, actor=None, at=at, channel=channel)
            if language and language != member.language:
                member = members.update(
                    member_id=member.pk, changes={"language": language}, actor=None, at=at
                )
        except Refusal as refusal:
            if refusal.code != "already_member":
                raise
            member, is_new = find.by_phone(phone), False
    consent.answer(
        member_id=member.pk,
        answers=dict.fromkeys(agreed, True),
        source=f"join:{channel}"[:16],
        actor=None,
        at=at,
    )
    return Entered(member, is_new)


def terms_needed() -> Refusal:
    return Refusal(
        "terms_needed",
        _("Agree to the membership terms first; without them there is no card."),
        field="terms",
    )
