"""Staff: rights by role, shops, and the PIN of a shared counter."""

from __future__ import annotations

import threading
from unittest.mock import MagicMock

import pytest

from members.errors import Refusal
from members.models import Event, Shop, Staff
from members.services import staff
from members.store import StoreError
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


def code_of(person: Staff, pin: str) -> str:
    try:
        staff.check_pin(staff=person, pin=pin)
    except Refusal as refusal:
        return refusal.code
    return ""


def test_shops() -> None:
    main = factories.shop()
    branch = factories.shop("branch", "回头咖啡二店")
    Shop.objects.create(code="old", name="旧店", is_active=False)
    assert list(staff.staff_shops(factories.cashier())) == [main]
    assert list(staff.staff_shops(factories.owner())) == [branch, main]
    nobody = factories.staff("new", "cashier", shops=())
    assert list(staff.staff_shops(nobody)) == []


def test_who_sets_the_shop_up_owns_it() -> None:
    first = Staff.objects.create_superuser("zhou", password="a-long-pass-word")
    assert (first.role, first.is_staff, first.is_superuser) == (Staff.Role.OWNER, True, True)
    assert Staff.objects.create_user("lin").role == Staff.Role.CASHIER


@pytest.mark.parametrize(
    ("action", "cashier", "manager", "owner"),
    [
        ("sell", True, True, True),
        ("freeze", True, True, True),
        ("adjust", False, True, True),
        ("close_member", False, True, True),
        ("rules", False, False, True),
        ("staff", False, False, True),
    ],
)
def test_rights(action: str, cashier: bool, manager: bool, owner: bool) -> None:
    people = (factories.cashier(), factories.manager(), factories.owner())
    assert tuple(staff.may(person, action) for person in people) == (cashier, manager, owner)


def test_who_left_may_nothing() -> None:
    person = factories.owner()
    person.is_active = False
    assert not staff.may(person, "sell")
    with pytest.raises(Refusal) as caught:
        staff.require(person, "sell")
    assert (caught.value.code, caught.value.status) == ("not_allowed", 403)


def test_an_action_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="fly"):
        staff.may(factories.owner(), "fly")


def test_a_pin() -> None:
    person = factories.cashier()
    boss = factories.owner()
    assert code_of(person, "") == "pin_wrong"
    staff.set_pin(staff_id=person.pk, pin="２５８０", actor=boss, at=AT)
    person.refresh_from_db()
    assert "2580" not in person.pin_hash
    assert code_of(person, "2580") == ""
    assert code_of(person, "2581") == "pin_wrong"
    event = Event.objects.get()
    assert (event.kind, event.staff, event.data) == ("pin_set", boss, {"staff": person.pk})
    person.is_active = False
    assert code_of(person, "2580") == "pin_wrong"


@pytest.mark.parametrize(
    "pin", ["", "123", "1234567", "1111", "1234", "987654", "12a4", "²⁵⁸a", "٢٥٨٠"]
)
def test_pins_that_are_refused(pin: str) -> None:
    person = factories.cashier()
    with pytest.raises(Refusal) as caught:
        staff.set_pin(staff_id=person.pk, pin=pin, actor=person, at=AT)
    assert caught.value.code == "pin_unusable"
    person.refresh_from_db()
    assert person.pin_hash == ""
    assert not Event.objects.exists()


def test_five_wrong_ones_lock() -> None:
    person, other = factories.cashier(), factories.manager()
    for one in (person, other):
        staff.set_pin(staff_id=one.pk, pin="2580", actor=one, at=AT)
        one.refresh_from_db()
    assert [code_of(person, "1470") for _ in range(6)] == ["pin_wrong"] * 5 + ["pin_locked"]
    assert code_of(person, "2580") == "pin_locked"
    assert code_of(other, "2580") == ""
    staff.set_pin(staff_id=person.pk, pin="3690", actor=other, at=AT)
    person.refresh_from_db()
    assert code_of(person, "3690") == ""


def test_without_the_store_a_pin_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    person = factories.cashier()
    away = MagicMock(**{f"{name}.side_effect": StoreError for name in ("add", "incr", "delete")})
    monkeypatch.setattr(staff, "cache", away)
    staff.set_pin(staff_id=person.pk, pin="2580", actor=person, at=AT)
    person.refresh_from_db()
    assert code_of(person, "2580") == "pins_away"


def test_a_right_one_forgives_the_wrong_ones() -> None:
    person = factories.cashier()
    staff.set_pin(staff_id=person.pk, pin="2580", actor=person, at=AT)
    person.refresh_from_db()
    for _round in range(3):
        assert [code_of(person, "1470") for _ in range(4)] == ["pin_wrong"] * 4
        assert code_of(person, "2580") == ""


def test_guesses_at_the_same_moment_all_count() -> None:
    person = factories.cashier()
    staff.set_pin(staff_id=person.pk, pin="2580", actor=person, at=AT)
    person.refresh_from_db()
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(code_of(person, "1470"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == ["pin_locked"] * 15 + ["pin_wrong"] * 5
