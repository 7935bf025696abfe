"""One WeChat account at several doors at the same moment: one member, one link, one way in."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from loyalty.services import merging
from members.errors import Refusal
from members.models import Event, Identity, Member
from members.services import absorbing, consent, entry_tickets, identities
from members.wechat import Subject
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT, PHONE
from tests.wechat import MINI, MINI_ID, FakeWechat, wechat

__all__ = ["wechat"]

DOORS = 8
TICKETS = 20


@pytest.fixture
def house(live_db: LiveDatabase, wechat: FakeWechat) -> FakeWechat:
    factories.shop()
    factories.tiers()
    factories.policy()
    return wechat


def at_once(number: int, act: Any) -> list[Any]:
    barrier = Barrier(number)

    def run(one: int) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(20)
            return act(one)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_first_logins_of_one_account_make_one_member(house: FakeWechat) -> None:
    number = PHONE.removeprefix("+86")
    for one in range(DOORS):
        house.person(f"l{one}", MINI_ID, MINI)
        house.phone(f"p{one}", number)

    def enter(one: int) -> int:
        data = {
            "login_code": f"l{one}",
            "phone_code": f"p{one}",
            "agreed": {"terms": consent.TERMS.version},
        }
        return Client().post("/m/api/mini/join", data, content_type="application/json").status_code

    assert at_once(DOORS, enter) == [200] * DOORS
    assert Identity.objects.get().member == Member.objects.get()
    assert Event.objects.filter(kind="identity_linked").count() == 1


def test_one_account_in_the_hands_of_many_ends_at_one(house: FakeWechat) -> None:
    members = [factories.member(f"+86139{one:08}", f"{one}") for one in range(DOORS)]
    subject = Subject(MINI.app_id, MINI_ID)

    def link(one: int) -> int:
        return identities.link(member_id=members[one].pk, subject=subject, at=AT).member_id

    assert sorted(at_once(DOORS, link)) == sorted(member.pk for member in members)
    last = Identity.objects.get().member_id
    told: dict[str, set[int]] = {kind: set() for kind in ("identity_linked", "identity_removed")}
    for kind, member_id in Event.objects.filter(kind__in=told).values_list("kind", "member"):
        assert member_id not in told[kind]
        told[kind].add(member_id)
    assert told["identity_linked"] == {member.pk for member in members}
    assert told["identity_linked"] - told["identity_removed"] == {last}


def test_accounts_change_hands_while_two_cards_become_one(
    live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds what the other wants next, unless both take members first and by their ids."""
    factories.shop()
    owner = factories.owner()
    kept, merged, third = (factories.member(f"+86139{one:08}", f"{one}") for one in range(3))
    subject, other = Subject(MINI.app_id, MINI_ID), Subject(MINI.app_id, "oMini-0002")
    identities.link(member_id=merged.pk, subject=subject, at=AT)
    identities.link(member_id=third.pk, subject=other, at=AT)
    empty = absorbing._empty
    is_emptied = threading.Event()

    def slowly(*args: Any, **more: Any) -> None:
        empty(*args, **more)  # the phone is gone: nobody else may point at the member now
        is_emptied.set()
        live_db.until_somebody_waits()

    monkeypatch.setattr(absorbing, "_empty", slowly)

    def act(one: int) -> int:
        if one == 0:
            answer = merging.merge(
                key=uuid.uuid4(), kept_id=kept.pk, merged_id=merged.pk, actor=owner, at=AT
            )
            return int(answer["kept"])
        assert is_emptied.wait(20)
        return identities.link(member_id=third.pk, subject=subject, at=AT).member_id

    assert at_once(2, act) == [kept.pk, third.pk]
    assert set(Identity.objects.values_list("subject", "member")) == {
        (subject.openid, third.pk),
        (other.openid, third.pk),
    }


def test_two_accounts_swap_cards_at_once(house: FakeWechat) -> None:
    people = [factories.member(f"+86139{one:08}", f"{one}") for one in range(2)]
    subjects = [Subject(MINI.app_id, f"oMini-{one}") for one in range(2)]
    for turn in range(4):

        def link(one: int, turn: int = turn) -> int:
            member = people[(one + turn) % 2]
            return identities.link(member_id=member.pk, subject=subjects[one], at=AT).member_id

        assert at_once(2, link) == [people[turn % 2].pk, people[(turn + 1) % 2].pk]


def test_of_twenty_who_open_one_ticket_one_gets_in(house: FakeWechat) -> None:
    ticket = entry_tickets.issue(member=factories.member(), proved_at=AT, page="/m/", at=AT)

    def enter(_one: int) -> str:
        try:
            return entry_tickets.claim(ticket=ticket, at=AT).page
        except Refusal as refusal:
            return refusal.code

    assert sorted(at_once(TICKETS, enter)) == ["/m/", *["ticket_spent"] * (TICKETS - 1)]
