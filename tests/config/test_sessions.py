"""Staff's sessions with Valkey there, away, and back: a real server of the test's own."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from pytest_django import DjangoAssertNumQueries

from config.embedded import ValkeyServer
from config.embedded.valkey import NOT_DURABLE
from config.sessions import SessionStore
from loyalty import tasks
from loyalty.models import HeldSale
from members import clock
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def valkey(tmp_path: Path, settings: Any) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey", settings={**NOT_DURABLE, "appendonly": "yes"})
    server.start()
    default = {**settings.CACHES["default"], "LOCATION": server.url()}
    settings.CACHES = {"default": default}
    yield server
    server.stop()


def opened(**content: Any) -> SessionStore:
    session = SessionStore()
    session.update(content)
    session.save()
    return session


def test_a_session_is_read_without_a_statement(
    valkey: ValkeyServer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = opened(shop_id=1).session_key
    with django_assert_num_queries(0):
        assert SessionStore(key)["shop_id"] == 1


def test_it_outlives_an_outage(valkey: ValkeyServer) -> None:
    key = opened(shop_id=1).session_key
    valkey.stop()
    assert SessionStore(key)["shop_id"] == 1
    valkey.start()
    assert SessionStore(key)["shop_id"] == 1


def test_what_changed_in_an_outage_is_not_undone_by_the_return(valkey: ValkeyServer) -> None:
    old = opened(shop_id=1).session_key
    valkey.stop()
    session = SessionStore(old)
    session["shop_id"] = 2
    session.save()
    assert session.session_key != old
    assert [row.session_key for row in Session.objects.all()] == [session.session_key]
    valkey.start()
    assert SessionStore(session.session_key)["shop_id"] == 2


def test_logging_in_and_out_works_in_an_outage(valkey: ValkeyServer) -> None:
    valkey.stop()
    session = opened(shop_id=1)
    assert SessionStore(session.session_key)["shop_id"] == 1
    session.flush()
    assert not Session.objects.exists()
    assert SessionStore(session.session_key).load() == {}


def test_a_session_that_was_ended_is_gone_from_both(valkey: ValkeyServer) -> None:
    session = opened(shop_id=1)
    key = session.session_key
    session.flush()
    assert SessionStore(key).load() == {}
    assert not Session.objects.exists()


def test_at_night_what_is_over_goes(valkey: ValkeyServer) -> None:
    kept, over = opened(shop_id=1).session_key, opened(shop_id=1).session_key
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    Session.objects.filter(session_key=over).update(expire_date=past)
    held = {"content": {}, "shop": factories.shop(), "staff": factories.cashier()}
    HeldSale.objects.create(key=uuid.UUID(int=1), saved_at=past, **held)
    HeldSale.objects.create(key=uuid.UUID(int=2), saved_at=clock.now(), **held)
    tasks.tidy()
    assert [row.session_key for row in Session.objects.all()] == [kept]
    assert HeldSale.objects.get().key == uuid.UUID(int=2)
