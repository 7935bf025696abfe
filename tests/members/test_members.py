"""What happens to members: corrected, frozen, given another phone, closed."""

from __future__ import annotations

import datetime as dt
import threading
from importlib import import_module

import pytest
from django.db import connection

from loyalty.services.closing import refuse_while_money_is_left
from members import registry
from members.errors import Refusal
from members.models import Card, Consent, Event, Identity, Member, Tag
from members.services import members
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT, PHONE


def kinds() -> list[tuple[str, dict[str, object]]]:
    return list(Event.objects.order_by("id").values_list("kind", "data"))


@pytest.mark.django_db
def test_correcting_data() -> None:
    person = factories.member()
    clerk = factories.cashier()
    members.update(
        member_id=person.pk,
        changes={"name": " 曾  小敏", "gender": "f", "birth_month": 2, "birth_day": 29},
        actor=clerk,
        at=AT,
    )
    person.refresh_from_db()
    assert (person.name, person.pinyin, person.gender) == ("曾 小敏", "zxm", "f")
    assert (person.birth_year, person.birth_month, person.birth_day) == (None, 2, 29)
    event = Event.objects.get()
    assert (event.kind, event.member, event.staff, event.at) == (
        "member_updated",
        person,
        clerk,
        AT,
    )
    assert event.data == {"fields": ["birth_day", "birth_month", "gender", "name"]}


@pytest.mark.django_db
def test_nothing_new_writes_nothing() -> None:
    person = factories.member()
    members.update(member_id=person.pk, changes={"name": "王小敏"}, actor=None, at=AT)
    assert kinds() == []


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["phone", "status", "public_id", "joined_at", "cards"])
def test_what_has_a_service_of_its_own_is_not_changed_here(field: str) -> None:
    person = factories.member()
    with pytest.raises(ValueError, match=field):
        members.update(member_id=person.pk, changes={field: "x"}, actor=None, at=AT)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"birth_month": 2, "birth_day": 30}, "birthday_impossible"),
        ({"birth_year": 2025, "birth_month": 2, "birth_day": 29}, "birthday_impossible"),
        ({"birth_month": 13, "birth_day": 1}, "birthday_impossible"),
        ({"birth_month": 5}, "birthday_impossible"),
        ({"birth_day": 5}, "birthday_impossible"),
        ({"birth_year": 1899}, "birthday_impossible"),
        ({"birth_year": 0}, "birthday_impossible"),
        ({"birth_year": 2026, "birth_month": 5, "birth_day": 21}, "birthday_impossible"),
        ({"name": "王" * 41}, "name_unreadable"),
        ({"name": "王\x00小"}, "name_unreadable"),
        ({"gender": "x"}, "data_unreadable"),
        ({"region": "上" * 41}, "data_unreadable"),
    ],
)
def test_data_that_cannot_be(changes: dict[str, object], code: str) -> None:
    person = factories.member()
    with pytest.raises(Refusal) as caught:
        members.update(member_id=person.pk, changes=changes, actor=None, at=AT)
    assert caught.value.code == code
    assert Member.objects.values_list("name", "birth_year", "birth_month", "birth_day").get() == (
        "王小敏",
        None,
        None,
        None,
    )
    assert kinds() == []


@pytest.mark.django_db
def test_born_today() -> None:
    person = factories.member()
    changes = {"birth_year": 2026, "birth_month": 5, "birth_day": 20}
    members.update(member_id=person.pk, changes=changes, actor=None, at=AT)
    assert Member.objects.values_list("birth_year", flat=True).get() == 2026


@pytest.mark.django_db
def test_another_phone() -> None:
    person = factories.member()
    members.change_phone(member_id=person.pk, phone="139 0000 5678", actor=None, at=AT)
    person.refresh_from_db()
    assert (person.phone, person.phone_tail) == ("+8613900005678", "5678")
    assert kinds() == [("phone_changed", {})]
    members.change_phone(member_id=person.pk, phone="13900005678", actor=None, at=AT)
    assert len(kinds()) == 1


@pytest.mark.django_db
def test_a_phone_of_somebody_else_is_refused_without_saying_whose() -> None:
    factories.member()
    other = factories.member(phone="+8613900005678", name="李四")
    with pytest.raises(Refusal) as caught:
        members.change_phone(member_id=other.pk, phone=PHONE, actor=factories.cashier(), at=AT)
    assert (caught.value.code, caught.value.details) == ("phone_taken", {})
    other.refresh_from_db()
    assert other.phone == "+8613900005678"
    assert kinds() == []


@pytest.mark.django_db
def test_freezing_and_back() -> None:
    person = factories.member()
    members.freeze(member_id=person.pk, reason="手机丢了", actor=None, at=AT)
    with pytest.raises(Refusal) as caught:
        members.freeze(member_id=person.pk, actor=None, at=AT)
    assert caught.value.code == "already_frozen"
    person.refresh_from_db()
    assert person.status == "frozen"
    members.unfreeze(member_id=person.pk, actor=factories.manager(), at=AT)
    with pytest.raises(Refusal) as caught:
        members.unfreeze(member_id=person.pk, actor=None, at=AT)
    assert caught.value.code == "not_frozen"
    person.refresh_from_db()
    assert person.status == "active"
    assert kinds() == [("frozen", {"reason": "手机丢了"}), ("unfrozen", {})]


@pytest.mark.django_db
def test_closing_wipes_who_it_was() -> None:
    person = factories.member(
        card="9012000000000011",
        external_no="H-1",
        gender="f",
        birth_year=1990,
        birth_month=5,
        birth_day=4,
        region="上海",
        assigned_staff=factories.manager(),
    )
    person.tags.add(Tag.objects.create(name="常客"))
    members.close(member_id=person.pk, actor=None, at=AT)
    person.refresh_from_db()
    assert (person.status, person.name, person.pinyin, person.phone, person.phone_tail) == (
        "closed",
        "",
        "",
        None,
        "",
    )
    assert (person.external_no, person.gender, person.region, person.assigned_staff) == (
        None,
        "",
        "",
        None,
    )
    assert (person.birth_year, person.birth_month, person.birth_day) == (None, None, None)
    assert not person.tags.exists()
    assert Card.objects.get().status == "frozen"
    assert kinds() == [("closed", {})]


@pytest.mark.django_db
@pytest.mark.parametrize("act", ["update", "change_phone", "freeze", "unfreeze", "close"])
def test_a_closed_membership_is_over(act: str) -> None:
    person = factories.member(phone=None, name="", status="closed")
    asked: dict[str, dict[str, object]] = {
        "update": {"changes": {"name": "王"}},
        "change_phone": {"phone": PHONE},
    }
    with pytest.raises(Refusal) as caught:
        getattr(members, act)(member_id=person.pk, actor=None, at=AT, **asked.get(act, {}))
    assert caught.value.code == "member_closed"
    assert kinds() == []


@pytest.mark.django_db
def test_nobody_is_not_frozen() -> None:
    with pytest.raises(Refusal) as caught:
        members.freeze(member_id=4711, actor=None, at=AT)
    assert (caught.value.code, caught.value.status) == ("member_unknown", 404)


@pytest.mark.django_db
def test_money_is_paid_back_before_closing() -> None:
    registry.register_closing_guard("money", refuse_while_money_is_left)
    person = factories.member(principal_fen=1250, bonus_fen=100, points=7)
    with pytest.raises(Refusal) as caught:
        members.close(member_id=person.pk, actor=None, at=AT)
    assert (caught.value.code, caught.value.details) == ("money_left", {"principal_fen": 1250})
    person.refresh_from_db()
    assert (person.status, person.phone) == ("active", PHONE)
    assert kinds() == []


@pytest.mark.django_db
def test_points_and_bonus_hold_nobody_back() -> None:
    registry.register_closing_guard("money", refuse_while_money_is_left)
    person = factories.member(bonus_fen=100, points=7)
    members.close(member_id=person.pk, actor=None, at=AT)
    person.refresh_from_db()
    assert person.status == "closed"


def test_a_phone_wanted_by_two_at_once(live_db: LiveDatabase) -> None:
    wanting = [
        factories.member(phone=f"+861390000000{n}", name=f"客{n}", tier=None) for n in range(8)
    ]
    start = threading.Barrier(8, timeout=30)
    outcomes: list[str] = []

    def want(person: Member) -> None:
        try:
            start.wait()
            members.change_phone(member_id=person.pk, phone=PHONE, actor=None, at=AT)
            outcomes.append("done")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=want, args=(person,)) for person in wanting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["done"] + ["phone_taken"] * 7
    assert Member.objects.filter(phone=PHONE).count() == 1
    assert kinds() == [("phone_changed", {})]


def test_frozen_once_by_two_at_once(live_db: LiveDatabase) -> None:
    person = factories.member(tier=None)
    start = threading.Barrier(6, timeout=30)
    outcomes: list[str] = []

    def freeze() -> None:
        try:
            start.wait()
            members.freeze(member_id=person.pk, actor=None, at=AT + dt.timedelta(seconds=1))
            outcomes.append("done")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=freeze) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["already_frozen"] * 5 + ["done"]
    assert kinds() == [("frozen", {})]


@pytest.mark.django_db
def test_who_came_by_a_code_before_it_was_kept_counts_as_proved() -> None:
    """What the upgrade finds in an older shop's rows."""
    migration = import_module("members.migrations.0011_phone_proved")
    day = dt.timedelta(days=1)
    cast: dict[str, tuple[list[str], dt.datetime | None]] = {
        "came by code": (["consent"], AT),
        "came by WeChat": (["consent", "wechat"], AT + day),
        "another phone since": (["consent", "phone_changed"], None),
        "proved after the change": (["phone_changed", "wechat"], AT + day),
        "two cards became one": (["consent", "wechat", "merged"], None),
        "agreed in the card only": (["card"], None),
        "opened at the counter": ([], None),
        "without a phone": (["consent"], None),
    }
    for number, (name, (traces, _at)) in enumerate(cast.items()):
        phone = None if name == "without a phone" else f"+861390000000{number}"
        person = factories.member(phone, name, phone_proved_at=None)
        for trace in traces:
            match trace:
                case "consent" | "card":
                    source = "join:poster" if trace == "consent" else "card"
                    Consent.objects.create(
                        member=person,
                        purpose="terms",
                        granted=True,
                        text_version="1",
                        source=source,
                        at=AT,
                    )
                case "wechat":
                    Identity.objects.create(
                        member=person, provider="wechat", app_id="a", subject=name, at=AT + day
                    )
                case kind:
                    Event.objects.create(kind=kind, member=person, at=AT)
    with connection.cursor() as cursor:
        cursor.execute(migration.KNOWN)
    found = dict(Member.objects.values_list("name", "phone_proved_at"))
    assert found == {name: at for name, (_traces, at) in cast.items()}
