"""What happens to members: they join, correct their data, are frozen, leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from members import clock, registry
from members.errors import Refusal
from members.locks import lock_member
from members.models import Card, FormerPhone, Member, Shop, Staff
from members.phones import normalise_phone, tail
from members.services import events, identities
from members.services.codes import new_card_numbers
from members.text import name_key, one_line

# What may be corrected by hand; everything else has a service of its own.
EDITABLE = frozenset(
    {
        "name",
        "gender",
        "birth_year",
        "birth_month",
        "birth_day",
        "region",
        "language",
        "assigned_staff",
        "is_test",
    }
)
NAME_LENGTH = 40
OLDEST_YEAR = 1900


def register(
    *,
    phone: str | None,
    name: str = "",
    shop: Shop | None,
    actor: Staff | None,
    at: dt.datetime,
    channel: str = "counter",
    external_no: str | None = None,
    is_phone_proved: bool = False,
) -> Member:
    """A new member with a numbered e-card; one event ``joined``.

    ``is_phone_proved``: they just showed that the phone is theirs. The shop's own
    ``loyalty.services.joining.join`` adds accounts and figures to it. Refuses with
    ``phone_unreadable``, ``name_unreadable``, ``already_member`` (with ``member_id`` for staff
    only), ``external_no_taken``.
    """
    phone = normalise_phone(phone) if phone else None
    name = _readable_name(name)
    if phone and FormerPhone.objects.filter(phone=phone).exists():
        raise _already_there(phone, external_no, actor)
    with transaction.atomic():
        try:
            with transaction.atomic():
                member = Member.objects.create(
                    phone=phone,
                    phone_tail=tail(phone),
                    phone_proved_at=at if phone and is_phone_proved else None,
                    name=name,
                    pinyin=name_key(name),
                    external_no=external_no or None,
                    joined_at=at,
                    joined_shop=shop,
                    joined_channel=channel,
                )
        except IntegrityError:
            raise _already_there(phone, external_no, actor) from None
        Card.objects.create(number=new_card_numbers(1)[0], member=member, issued_at=at)
        events.record(
            kind="joined",
            at=at,
            member_id=member.pk,
            staff_id=actor.pk if actor else None,
            shop_id=shop.pk if shop else None,
            data={"channel": channel},
        )
    return member


def update(
    *, member_id: int, changes: Mapping[str, Any], actor: Staff | None, at: dt.datetime
) -> Member:
    """Correct a member's data; one event ``member_updated`` naming the fields, not their values.

    ``changes`` may hold the names in ``EDITABLE``. Nothing new: nothing is written. Refuses with
    ``name_unreadable``, ``birthday_impossible``, ``data_unreadable``, ``member_closed``.
    """
    unknown = set(changes) - EDITABLE
    if unknown:
        raise ValueError(f"not to be changed here: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        member = _lock_open(member_id)
        before = {field: getattr(member, field) for field in changes}
        for field, value in changes.items():
            setattr(member, field, _readable_name(value) if field == "name" else value)
        changed = [field for field in changes if getattr(member, field) != before[field]]
        if not changed:
            return member
        _check_birthday(member, at)
        _check_fields(member, changed)
        member.pinyin = name_key(member.name)
        member.save(update_fields=[*changed, "pinyin"])
        _record("member_updated", member, actor, at, {"fields": sorted(changed)})
    return member


def change_phone(*, member_id: int, phone: str, actor: Staff | None, at: dt.datetime) -> Member:
    """Give a member another phone, not proved yet to be theirs; one event ``phone_changed``.

    Refuses with ``phone_unreadable``, ``phone_taken``, ``member_closed``.
    """
    phone = normalise_phone(phone)
    with transaction.atomic():
        member = _lock_open(member_id)
        if member.phone == phone:
            return member
        former = FormerPhone.objects.filter(phone=phone)
        if former.exclude(member=member).exists():
            raise _phone_taken()
        former.delete()
        member.phone, member.phone_tail, member.phone_proved_at = phone, tail(phone), None
        try:
            with transaction.atomic():
                member.save(update_fields=["phone", "phone_tail", "phone_proved_at"])
        except IntegrityError:
            raise _phone_taken() from None
        _record("phone_changed", member, actor, at)
    return member


def prove_phone(*, member_id: int, phone: str, at: dt.datetime) -> None:
    """The member showed that they have the phone (E.164) of their card; one event
    ``phone_proved``, the first time. Another phone than the card's, a former one, proves nothing.
    """
    with transaction.atomic():
        unproved = Member.objects.filter(pk=member_id, phone=phone, phone_proved_at__isnull=True)
        if unproved.update(phone_proved_at=at):
            events.record(kind="phone_proved", at=at, member_id=member_id)


def forget_phone(*, member_id: int, phone_id: int, actor: Staff | None, at: dt.datetime) -> None:
    """A former phone leads to this member no more, and may join anew; one event
    ``former_phone_forgotten``. Refuses with ``phone_forgotten`` one that is gone already.
    """
    with transaction.atomic():
        member = _lock_open(member_id)
        count, _rows = FormerPhone.objects.filter(pk=phone_id, member=member).delete()
        if not count:
            raise Refusal("phone_forgotten", _("This number is gone already."), status=404)
        _record("former_phone_forgotten", member, actor, at)


def freeze(*, member_id: int, reason: str = "", actor: Staff | None, at: dt.datetime) -> Member:
    """Stop all use of a member's card, by staff or by the member; one event ``frozen``.

    Refuses with ``already_frozen``, ``member_closed``.
    """
    with transaction.atomic():
        member = _lock_open(member_id)
        if member.status == Member.Status.FROZEN:
            raise Refusal("already_frozen", _("This member is frozen already."), status=409)
        member.status = Member.Status.FROZEN
        member.save(update_fields=["status"])
        reason = one_line(reason)
        _record("frozen", member, actor, at, {"reason": reason} if reason else None)
    return member


def unfreeze(*, member_id: int, actor: Staff | None, at: dt.datetime) -> Member:
    """Let a frozen member use the card again; one event ``unfrozen``.

    Refuses with ``not_frozen``, ``member_closed``.
    """
    with transaction.atomic():
        member = _lock_open(member_id)
        if member.status != Member.Status.FROZEN:
            raise Refusal("not_frozen", _("This member is not frozen."), status=409)
        member.status = Member.Status.ACTIVE
        member.save(update_fields=["status"])
        _record("unfrozen", member, actor, at)
    return member


def close(*, member_id: int, actor: Staff | None, at: dt.datetime) -> Member:
    """End a membership for good; one event ``closed``.

    What tells who the person was is wiped; orders and ledger stay, of nobody known. Cards stop
    working. Refuses with ``member_closed``, or with what a registered guard says.
    """
    with transaction.atomic():
        member = _lock_open(member_id)
        for guard in registry.closing_guards():
            guard(member, at)
        member.status = Member.Status.CLOSED
        member.name = member.pinyin = member.phone_tail = member.region = member.pin_hash = ""
        member.gender = Member.Gender.UNKNOWN
        member.phone = member.external_no = member.assigned_staff = None
        member.phone_proved_at = None
        member.birth_year = member.birth_month = member.birth_day = None
        member.save()
        member.tags.clear()
        member.notes.all().delete()
        member.former_phones.all().delete()
        identities.drop(member_id=member.pk)
        member.cards.filter(status=Card.Status.ACTIVE).update(status=Card.Status.FROZEN)
        _record("closed", member, actor, at)
    return member


def _lock_open(member_id: int) -> Member:
    member = lock_member(member_id)
    if member.status == Member.Status.CLOSED:
        raise Refusal("member_closed", _("This membership has ended."), status=409)
    return member


def _readable_name(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > NAME_LENGTH or not name.isprintable():
        raise Refusal(
            "name_unreadable",
            _("A name has at most %(length)s characters that can be read.")
            % {"length": NAME_LENGTH},
            field="name",
        )
    return name


def _check_fields(member: Member, changed: Collection[str]) -> None:
    """Lengths and choices as the model has them, with Django's own sentence."""
    others = {field.name for field in Member._meta.fields} - set(changed)
    try:
        member.clean_fields(exclude=others)
    except ValidationError as error:
        field, sentences = next(iter(error.message_dict.items()))
        raise Refusal("data_unreadable", sentences[0], field=field) from None


def _check_birthday(member: Member, at: dt.datetime) -> None:
    year, month, day = member.birth_year, member.birth_month, member.birth_day
    today = clock.local_date(at)
    try:
        # 29 February is a birthday also of somebody who does not tell the year.
        birthday = dt.date(year or 2000, month or 1, day or 1)
    except ValueError:
        birthday = None
    if (
        birthday is None
        or (month is None) != (day is None)
        or (year is not None and year < OLDEST_YEAR)
        or (year is not None and birthday > today)
    ):
        raise Refusal(
            "birthday_impossible",
            _("This birthday cannot be. Give the month and the day, with or without the year."),
            field="birth_day",
        )


def _phone_taken() -> Refusal:
    return Refusal(
        "phone_taken",
        _("Another member has this phone number. Check the number."),
        status=409,
        field="phone",
    )


def _already_there(phone: str | None, external_no: str | None, actor: Staff | None) -> Refusal:
    member_id = Member.objects.filter(phone=phone).values_list("pk", flat=True).first()
    if member_id is None and phone:
        former = FormerPhone.objects.filter(phone=phone)
        member_id = former.values_list("member_id", flat=True).first()
    if phone and member_id:
        return Refusal(
            "already_member",
            _("This phone number has a card already. Use that card."),
            status=409,
            details={"member_id": member_id} if actor else None,
            field="phone",
        )
    return Refusal(
        "external_no_taken",
        _("Another member has the number %(number)s. Check the number.") % {"number": external_no},
        status=409,
        field="external_no",
    )


def _record(
    kind: str,
    member: Member,
    actor: Staff | None,
    at: dt.datetime,
    data: dict[str, Any] | None = None,
) -> None:
    events.record(
        kind=kind, at=at, member_id=member.pk, staff_id=actor.pk if actor else None, data=data
    )
