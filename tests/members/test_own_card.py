"""What members do themselves: data, freezing, PIN, and being logged in."""

from __future__ import annotations

import datetime as dt

import pytest

from members.errors import Refusal
from members.models import Event, Member
from members.services import member_pin, member_sessions, members, own_card
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

PIN = "482915"


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_a_birthday_is_given_once() -> None:
    member = factories.member()
    own_card.correct(
        member_id=member.pk,
        changes={"name": "王敏", "birth_year": None, "birth_month": 5, "birth_day": 21},
        at=AT,
    )
    with pytest.raises(Refusal) as refused:
        own_card.correct(member_id=member.pk, changes={"birth_day": 22}, at=AT)
    assert refused.value.code == "birthday_locked"
    own_card.correct(member_id=member.pk, changes={"name": "王小敏", "birth_day": 21}, at=AT)
    member.refresh_from_db()
    assert (member.name, member.birth_month, member.birth_day) == ("王小敏", 5, 21)


def test_only_ones_own_fields() -> None:
    member = factories.member()
    with pytest.raises(ValueError, match="not to be changed"):
        own_card.correct(member_id=member.pk, changes={"is_test": True}, at=AT)


def test_freeze_and_take_up_again() -> None:
    member = factories.member()
    own_card.freeze(member_id=member.pk, at=AT)
    assert Member.objects.get().status == "frozen"
    own_card.unfreeze(member_id=member.pk, at=AT)
    assert Member.objects.get().status == "active"
    assert kinds() == ["frozen", "unfrozen"]


def test_what_the_shop_froze_only_the_shop_takes_up() -> None:
    member = factories.member()
    members.freeze(member_id=member.pk, actor=factories.manager(), at=AT)
    with pytest.raises(Refusal) as refused:
        own_card.unfreeze(member_id=member.pk, at=AT)
    assert refused.value.code == "frozen_by_shop"
    assert Member.objects.get().status == "frozen"


def set_pin(member: Member, pin: str, **more: object) -> None:
    member_pin.set_pin(
        member_id=member.pk,
        pin=pin,
        old_pin=str(more.get("old_pin", "")),
        is_proved=bool(more.get("is_proved", False)),
        at=AT,
    )


def test_a_pin_is_kept_as_a_hash_and_checked() -> None:
    member = factories.member()
    set_pin(member, "４８２９１５")
    member.refresh_from_db()
    assert PIN not in member.pin_hash
    member_pin.check(member=member, pin=PIN, at=AT)
    assert kinds() == ["member_pin_set"]


@pytest.mark.parametrize("pin", ["", "12345", "1234567", "abcdef", "111111", "123456", "987654"])
def test_unusable_pins(pin: str) -> None:
    member = factories.member()
    with pytest.raises(Refusal) as refused:
        set_pin(member, pin)
    assert refused.value.code == "pin_unusable"
    assert Member.objects.get().pin_hash == ""


def test_a_new_pin_needs_the_old_one_or_the_phone() -> None:
    member = factories.member()
    set_pin(member, PIN)
    with pytest.raises(Refusal) as refused:
        set_pin(member, "770031")
    assert refused.value.code == "pin_wrong"
    set_pin(member, "770031", old_pin=PIN)
    set_pin(member, "880042", is_proved=True)
    member_pin.check(member=Member.objects.get(), pin="880042", at=AT)


def test_five_wrong_pins_lock_for_a_quarter_of_an_hour() -> None:
    member = factories.member()
    set_pin(member, PIN)
    member.refresh_from_db()
    codes = []
    for pin in ["000000"] * 5 + [PIN]:
        with pytest.raises(Refusal) as refused:
            member_pin.check(member=member, pin=pin, at=AT)
        codes.append(refused.value.code)
    assert codes == ["pin_wrong"] * 5 + ["pin_locked"]
    member_pin.check(member=member, pin=PIN, at=AT + member_pin.WINDOW)


def test_right_pins_do_not_add_up_to_a_lock() -> None:
    member = factories.member()
    set_pin(member, PIN)
    member.refresh_from_db()
    for _time in range(7):
        member_pin.check(member=member, pin=PIN, at=AT)


def test_no_pin_no_check() -> None:
    with pytest.raises(Refusal) as refused:
        member_pin.check(member=factories.member(), pin="", at=AT)
    assert refused.value.code == "pin_not_set"


def token(member: Member) -> str:
    return member_sessions.token(member=member, proved_at=AT, at=AT)


def test_a_token_opens_the_card_for_half_a_year() -> None:
    member = factories.member()
    found = member_sessions.read(token=token(member), at=AT + member_sessions.LIFE)
    assert found is not None
    assert found.member == member
    assert not found.is_fresh(AT + member_sessions.LIFE)
    late = AT + member_sessions.LIFE + dt.timedelta(seconds=1)
    assert member_sessions.read(token=token(member), at=late) is None


def test_logged_out_everywhere_no_older_token_holds() -> None:
    member = factories.member()
    old = token(member)
    member_sessions.end_all(member_id=member.pk, at=AT)
    assert member_sessions.read(token=old, at=AT) is None
    assert member_sessions.read(token=token(Member.objects.get()), at=AT) is not None
    assert kinds() == ["logged_out_everywhere"]


@pytest.mark.parametrize("forged", ["", "x", "WzEsMCwxLDFd:1:abc"])
def test_a_forged_token_opens_nothing(forged: str) -> None:
    factories.member()
    assert member_sessions.read(token=forged, at=AT) is None


def test_a_closed_membership_opens_nothing() -> None:
    member = factories.member()
    held = token(member)
    members.close(member_id=member.pk, actor=None, at=AT)
    assert member_sessions.read(token=held, at=AT) is None
    assert Member.objects.get().pin_hash == ""
