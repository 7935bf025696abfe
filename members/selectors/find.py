"""Finding a member the way people at the counter do.

What is shown of whom was found is masked: ``Member.masked_name``, ``Member.masked_phone``.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from members.codes import is_card_number
from members.errors import Refusal, member_unknown
from members.models import Card, FormerPhone, Member
from members.phones import normalise_phone
from members.text import name_key, plain, plain_digits

LIMIT = 8


def by_id(member_id: int) -> Member:
    """The member with this id, closed ones too. Refuses with ``member_unknown``."""
    return _one(Member.objects.filter(pk=member_id))


def by_phone(text: str) -> Member:
    """The member with this phone. Refuses with ``phone_unreadable``, ``member_unknown``."""
    found = of_phone(normalise_phone(text))
    if found is None:
        raise member_unknown()
    return found


def of_phone(phone: str) -> Member | None:
    """The member with this phone (E.164), also by one from a membership merged into theirs."""
    found = Member.objects.filter(phone=phone).first()
    if found is None:
        former = FormerPhone.objects.select_related("member").filter(phone=phone).first()
        found = former.member if former else None
    return found


def kept_id(member_id: int) -> int:
    """The member whose this membership is now: itself, or what it was merged into."""
    merged = Member.objects.filter(pk=member_id, merged_into__isnull=False)
    return merged.values_list("merged_into_id", flat=True).first() or member_id


def is_merged(member_id: int) -> bool:
    """Whether this membership ended by being merged into another."""
    return Member.objects.filter(pk=member_id, merged_into__isnull=False).exists()


def _kept(member: Member) -> Member:
    return member.merged_into or member


def by_card(text: str) -> Member:
    """The member whose card has this number.

    Refuses with ``member_unknown``, or ``card_not_in_use`` for one that was lost or replaced.
    """
    number = plain_digits(text)
    card = None
    if number.isascii() and number.isdigit():
        card = Card.objects.select_related("member").filter(number=number).first()
    member = _kept(card.member) if card is not None and card.member is not None else None
    if card is None or member is None or member.status == Member.Status.CLOSED:
        raise member_unknown()
    if card.status in (Card.Status.LOST, Card.Status.REPLACED):
        raise Refusal(
            "card_not_in_use",
            _("This card was reported lost or replaced. Ask for the phone number instead."),
            status=409,
        )
    return member


def by_external_no(text: str) -> Member:
    """The member with this number in another system. Refuses with ``member_unknown``."""
    return _kept(_one(Member.objects.filter(external_no=text.strip())))


def by_tail(text: str, *, limit: int = LIMIT) -> list[Member]:
    """Members whose phone ends with these four digits, the longest known first."""
    tail = plain_digits(text)
    if len(tail) != 4:
        return []
    found = list(Member.objects.filter(phone_tail=tail).order_by("id")[:limit])
    former = FormerPhone.objects.select_related("member").filter(tail=tail)
    known = {member.pk for member in found}
    found += [row.member for row in former[:limit] if row.member_id not in known]
    return found[:limit]


def search(text: str, *, limit: int = LIMIT) -> list[Member]:
    """Members found by phone, card number, last four digits, name, or its pinyin initials.

    At most ``limit``; none is an empty list, never a refusal.
    """
    digits = plain_digits(text)
    if digits.isdigit() or digits.startswith("+"):
        return _by_digits(digits, limit)
    words = "".join(plain(text).split())
    key = name_key(words)
    if not key:
        return []
    found = Member.objects.filter(pinyin__startswith=key)
    if not words.isascii():
        # The initials narrow it by their index; the characters decide.
        found = found.filter(name__startswith=words)
    return list(found.order_by("id")[:limit])


def _by_digits(digits: str, limit: int) -> list[Member]:
    if len(digits) == 4:
        return by_tail(digits, limit=limit)
    try:
        return [by_card(digits) if is_card_number(digits) else by_phone(digits)]
    except Refusal:
        return []


def _one(found: QuerySet[Member]) -> Member:
    member = found.first()
    if member is None:
        raise member_unknown()
    return member
