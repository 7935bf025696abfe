"""A token is good once, for a while, for what it was made for; a ticket for one member."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import redis
from pytest_django import Settings

from members.errors import Refusal
from members.models import Member
from members.services import entry_tickets, member_sessions, members, one_time
from tests import factories
from tests.factories import AT

CONTENT = {"member": 42}
MANY = 20


def keep() -> str:
    return one_time.keep(kind="trial", content=CONTENT, ttl_s=60, at=AT)


def take(token: str, *, seconds: int = 0, kind: str = "trial") -> dict[str, int] | None:
    at = AT + dt.timedelta(seconds=seconds)
    return one_time.take(kind=kind, token=token, ttl_s=60, at=at)


def test_good_once() -> None:
    token = keep()
    assert (take(token), take(token)) == (CONTENT, None)
    assert len(token) == 32
    assert set(token) <= set("0123456789abcdef")  # fit for WeChat's state


@pytest.mark.parametrize(("seconds", "content"), [(60, CONTENT), (61, None)])
def test_good_for_a_minute_by_our_clock(seconds: int, content: object) -> None:
    assert take(keep(), seconds=seconds) == content


def test_good_for_one_thing_only() -> None:
    token = keep()
    assert take(token, kind="other") is None
    assert take(token) == CONTENT


def test_nothing_in_valkey_tells_a_token(settings: Settings) -> None:
    token = keep()
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    [key] = client.keys("once:trial:*")
    assert token not in f"{key!r} {client.get(key)!r}"
    assert 0 < int(client.ttl(key)) <= 120


def issue(member: Member) -> str:
    return entry_tickets.issue(member=member, proved_at=AT, page="/m/coupons", at=AT)


def refused(ticket: str, *, seconds: int = 0) -> str:
    with pytest.raises(Refusal) as refusal:
        entry_tickets.claim(ticket=ticket, at=AT + dt.timedelta(seconds=seconds))
    return refusal.value.code


@pytest.mark.django_db
def test_a_ticket_opens_the_card_once() -> None:
    member = factories.member()
    ticket = issue(member)
    entry = entry_tickets.claim(ticket=ticket, at=AT)
    assert (entry.member, entry.proved_at, entry.page) == (member, AT, "/m/coupons")
    assert refused(ticket) == refused("") == refused("中") == "ticket_spent"


@pytest.mark.django_db
def test_a_ticket_is_good_for_a_minute() -> None:
    assert refused(issue(factories.member()), seconds=61) == "ticket_spent"


@pytest.mark.django_db
def test_logged_out_everywhere_or_closed_a_ticket_opens_nothing() -> None:
    member = factories.member()
    ticket = issue(member)
    member_sessions.end_all(member_id=member.pk, at=AT)
    assert refused(ticket) == "ticket_spent"
    ticket = issue(Member.objects.get())
    members.close(member_id=member.pk, actor=None, at=AT)
    assert refused(ticket) == "ticket_spent"


@pytest.mark.django_db
def test_without_valkey_there_is_no_ticket(settings: Settings) -> None:
    member = factories.member()
    ticket, settings.REDIS_URL = issue(member), "redis://127.0.0.1:1/0"
    assert refused(ticket) == "codes_away"
    with pytest.raises(Refusal) as refusal:
        issue(member)
    assert refusal.value.code == "codes_away"


def test_of_twenty_who_take_one_token_one_gets_it() -> None:
    token = keep()
    barrier = Barrier(MANY)

    def attempt(_number: int) -> bool:
        barrier.wait(20)
        return take(token) is not None

    with ThreadPoolExecutor(MANY) as pool:
        assert sum(pool.map(attempt, range(MANY))) == 1
