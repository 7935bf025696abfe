"""Who works here: added, changed, sent away; always somebody left who may do everything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events, rows
from members.services.staff import require, set_pin


def check_staff(*, person: Staff, shops: Iterable[Shop], actor: Staff) -> None:
    """Refuse ``own_role``, ``last_owner``, ``shops_missing``."""
    loses = person.role != Staff.Role.OWNER or not person.is_active
    if person.pk == actor.pk and loses:
        raise Refusal(
            "own_role",
            _("You cannot take your own rights away. Let another owner do it."),
            field="role",
        )
    if loses and not _other_owners(person):
        raise Refusal(
            "last_owner",
            _("Somebody must stay owner. Make another person owner first."),
            field="role",
        )
    if person.role != Staff.Role.OWNER and not list(shops):
        raise Refusal("shops_missing", _("Choose the shops this person works in."), field="shops")


def _other_owners(person: Staff) -> bool:
    owners = Staff.objects.filter(role=Staff.Role.OWNER, is_active=True)
    return owners.exclude(pk=person.pk).exists() if person.pk else owners.exists()


def first_owner(*, login: str, password: str, at: dt.datetime) -> Staff | None:
    """The first person of a shop in which nobody works yet, else None; one event."""
    with transaction.atomic():
        if Staff.objects.exists():
            return None
        person = Staff(username=login, role=Staff.Role.OWNER, is_staff=True, is_superuser=True)
        person.set_password(password)
        person.save()
        facts = {"model": "staff", "id": person.pk, "name": str(person)}
        events.record(kind="row_added", at=at, staff_id=person.pk, data=facts, outbox=False)
    return person


def opens(*, login: str, password: str) -> bool:
    """Whether somebody still comes in by this first password."""
    person = Staff.objects.filter(username=login, is_active=True).first()
    return person is not None and person.check_password(password)


def save_staff(
    *,
    person: Staff,
    shops: Iterable[Shop],
    password: str = "",
    pin: str = "",
    actor: Staff,
    at: dt.datetime,
) -> None:
    """Store a person with shops, and, where given, a new password and PIN.

    Refuses ``not_allowed``, what ``check_staff`` refuses, ``password_missing``,
    ``password_weak`` and what ``set_pin`` refuses.
    """
    require(actor, "staff")
    shops = list(shops)
    check_staff(person=person, shops=shops, actor=actor)
    if password:
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise Refusal("password_weak", " ".join(error.messages), field="new_password") from None
        person.set_password(password)
    elif person.pk is None:
        raise Refusal("password_missing", _("Choose a first password."), field="new_password")
    person.is_staff = person.role != Staff.Role.CASHIER
    person.is_superuser = False
    with transaction.atomic():
        rows.store(row=person, relations={"shops": shops}, actor=actor, at=at)
        if pin:
            set_pin(staff_id=person.pk, pin=pin, actor=actor, at=at)
