"""Into the card by a phone that was just proved: a member comes back, anybody else joins.

Proved by a texted code, or by WeChat's one tap in the mini-program. The WeChat account that it was
proved from opens the card by itself from then on.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.services import joining
from members.errors import Refusal
from members.models import Member, Shop
from members.selectors import find
from members.services import consent, identities, login_codes, members, wechat_entry
from members.services.consent import Question
from members.wechat import App, Subject


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
    subject: Subject | None = None,
    at: dt.datetime,
) -> Entered:
    """The member with this phone (E.164), joined now if there was none; their consents kept.

    ``subject`` is the WeChat account of the browser, where it is known. Of two phones that join at
    the same moment both get the one member. An empty tick takes nothing back from somebody who
    agreed before. Refuses as ``login_codes.check``, and ``terms_needed``, ``busy``.
    """
    if consent.TERMS not in agreed:
        raise terms_needed()
    login_codes.check(phone=phone, code=code, address=address, at=at)
    with locks.waiting_politely():
        entered = _let_in(phone, agreed, channel=channel, shop=shop, language=language, at=at)
        if subject is not None:
            identities.link(member_id=entered.member.pk, subject=subject, at=at)
    return entered


def enter_by_mini_program(
    *,
    app: App,
    login_code: str,
    phone_code: str,
    address: str,
    agreed: frozenset[Question],
    channel: str,
    shop: Shop | None,
    language: str = "",
    at: dt.datetime,
) -> Entered:
    """As ``enter``, with a phone that its holder authorised in the mini-program by one tap.

    Who it is is asked first: the phone is WeChat's to charge for. Refuses ``terms_needed``,
    ``too_many_tries``, ``wechat_code_spent``, ``wechat_blocked``, ``wechat_away``, ``busy``.
    """
    if consent.TERMS not in agreed:
        raise terms_needed()
    subject = wechat_entry.of_mini_program(app=app, login_code=login_code, address=address, at=at)
    phone = wechat_entry.authorised_phone(app=app, phone_code=phone_code)
    with locks.waiting_politely():
        entered = _let_in(phone, agreed, channel=channel, shop=shop, language=language, at=at)
        identities.link(member_id=entered.member.pk, subject=subject, at=at)
    return entered


def _let_in(
    phone: str,
    agreed: frozenset[Question],
    *,
    channel: str,
    shop: Shop | None,
    language: str,
    at: dt.datetime,
) -> Entered:
    member = find.of_phone(phone)
    is_new = member is None
    if member is None:
        try:
            member = joining.join(
                phone=phone,
                shop=shop,
                actor=None,
                at=at,
                channel=channel,
                is_phone_proved=True,
            )
            if language and language != member.language:
                member = members.update(
                    member_id=member.pk, changes={"language": language}, actor=None, at=at
                )
        except Refusal as refusal:
            if refusal.code != "already_member":
                raise
            member, is_new = find.by_phone(phone), False
    if member.phone_proved_at is None:
        members.prove_phone(member_id=member.pk, phone=phone, at=at)
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
