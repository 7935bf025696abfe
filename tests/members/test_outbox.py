"""Events reach everyone who must act on them, once, whatever fails on the way."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members import clock, registry, tasks
from members.models import ConsumerDone, Event, Member, Outbox, Tag
from members.services import events, outbox
from tests.conftest import LiveDatabase
from tests.factories import AT

SECOND = dt.timedelta(seconds=1)
ENQUEUE = outbox._enqueue


def write_tag(event: Event, _at: dt.datetime) -> None:
    Tag.objects.create(name=f"event {event.pk}")


def record(kind: str = "joined", **more: Any) -> int:
    with transaction.atomic():
        return events.record(kind=kind, at=AT, **more)


def tags() -> list[str]:
    return list(Tag.objects.values_list("name", flat=True))


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(outbox, "_enqueue", lambda: sent.append("drain"))
    monkeypatch.setattr(outbox, "_asked_at", 0.0)
    return sent


@pytest.mark.django_db
def test_an_event_nobody_acts_on_costs_one_insert() -> None:
    registry.register_consumer("hello", ["settled"], write_tag)
    with CaptureQueriesContext(connection) as queries:
        event = events.record(kind="joined", at=AT, data={"channel": "counter"})
    assert len(queries) == 1
    assert Event.objects.values_list("kind", "at", "data").get(pk=event) == (
        "joined",
        AT,
        {"channel": "counter"},
    )
    assert not Outbox.objects.exists()
    assert not events.outbox_wanted("joined")


@pytest.mark.django_db
def test_an_event_somebody_acts_on_costs_one_statement_too(
    enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    registry.register_consumer("hello", ["joined"], write_tag)
    with (
        django_capture_on_commit_callbacks(execute=True),
        CaptureQueriesContext(connection) as queries,
    ):
        event = events.record(kind="joined", at=AT)
        assert enqueued == []
    assert len(queries) == 1
    assert enqueued == ["drain"]
    assert Outbox.objects.values_list("event_id", "due_at", "leased_until", "attempts").get() == (
        event,
        AT,
        None,
        0,
    )
    assert events.outbox_wanted("joined")


@pytest.mark.django_db
def test_an_import_writes_no_outbox_row() -> None:
    registry.register_consumer("hello", ["joined"], write_tag)
    events.record(kind="joined", at=AT, outbox=False)
    assert not Outbox.objects.exists()


def test_an_event_without_a_transaction_is_refused(live_db: LiveDatabase) -> None:
    with pytest.raises(RuntimeError):
        events.record(kind="joined", at=AT)
    assert not Event.objects.exists()


def test_a_name_is_registered_once() -> None:
    registry.register_consumer("hello", ["joined"], write_tag)
    with pytest.raises(ValueError, match="hello"):
        registry.register_consumer("hello", ["settled"], write_tag)


def test_a_lost_broker_fails_no_request(
    live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_broker(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(outbox, "_enqueue", ENQUEUE)
    monkeypatch.setattr("celery.canvas.Signature.apply_async", no_broker)
    registry.register_consumer("hello", ["joined"], write_tag)
    event = record()
    assert Outbox.objects.filter(event=event).exists()


def test_the_drain_is_sent_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async", lambda self: sent.append(self["task"])
    )
    ENQUEUE()
    assert sent == [tasks.drain_outbox.name] == ["members.drain_outbox"]


def test_every_consumer_acts_once_and_the_row_goes(live_db: LiveDatabase) -> None:
    seen: list[tuple[str, int, dt.datetime]] = []

    def see(name: str) -> registry.EventHandler:
        return lambda event, at: seen.append((name, event.pk, at))

    registry.register_consumer("first", ["joined"], see("first"))
    registry.register_consumer("second", ["joined"], see("second"))
    registry.register_consumer("other", ["settled"], see("other"))
    event = record()
    assert outbox.drain_batch(at=AT - SECOND) == outbox.Drained()
    assert outbox.drain_batch(at=AT) == outbox.Drained(done=1)
    assert outbox.drain_batch(at=AT) == outbox.Drained()
    assert seen == [("first", event, AT), ("second", event, AT)]
    assert not Outbox.objects.exists()
    assert not ConsumerDone.objects.exists()


def test_a_failure_undoes_its_own_effect_and_is_tried_again(live_db: LiveDatabase) -> None:
    fails = True

    def flaky(event: Event, at: dt.datetime) -> None:
        Tag.objects.create(name="flaky")
        if fails:
            raise OSError("gateway away")

    registry.register_consumer("flaky", ["joined"], flaky)
    registry.register_consumer("steady", ["joined"], write_tag)
    event = record()

    assert outbox.drain_batch(at=AT) == outbox.Drained(failed=1)
    assert tags() == [f"event {event}"]
    row = Outbox.objects.get()
    assert (row.attempts, row.due_at, row.leased_until) == (1, AT + 5 * SECOND, None)
    assert row.last_error == "flaky: OSError: gateway away"
    assert list(ConsumerDone.objects.values_list("consumer", flat=True)) == ["steady"]

    assert outbox.drain_batch(at=AT + 4 * SECOND) == outbox.Drained()
    assert outbox.drain_batch(at=AT + 5 * SECOND) == outbox.Drained(failed=1)
    row.refresh_from_db()
    assert (row.attempts, row.due_at) == (2, AT + 15 * SECOND)

    fails = False
    assert outbox.drain_batch(at=AT + 15 * SECOND) == outbox.Drained(done=1)
    assert tags() == [f"event {event}", "flaky"]
    assert not Outbox.objects.exists()


def test_pauses_grow_to_an_hour_and_no_row_is_given_up(live_db: LiveDatabase) -> None:
    def broken(event: Event, at: dt.datetime) -> None:
        raise ValueError("x" * 500)

    registry.register_consumer("broken", ["joined"], broken)
    record()
    pauses = []
    at = AT
    for _attempt in range(12):
        assert outbox.drain_batch(at=at).failed == 1
        row = Outbox.objects.get()
        pauses.append(int((row.due_at - at).total_seconds()))
        at = row.due_at
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert len(row.last_error) == 200


def test_two_workers_share_the_rows(live_db: LiveDatabase) -> None:
    """The second claims what the first has not, without waiting for it."""
    both_claimed = threading.Barrier(2, timeout=20)
    waited = threading.local()
    results: list[outbox.Drained] = []

    def meet(event: Event, at: dt.datetime) -> None:
        if not getattr(waited, "once", False):
            waited.once = True
            both_claimed.wait()
        write_tag(event, at)

    registry.register_consumer("meet", ["joined"], meet)
    made = [record() for _ in range(10)]

    def work() -> None:
        try:
            results.append(outbox.drain_batch(at=AT, limit=5))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert results == [outbox.Drained(done=5), outbox.Drained(done=5)]
    assert sorted(tags()) == sorted(f"event {pk}" for pk in made)


def test_who_lost_the_lease_no_longer_acts(live_db: LiveDatabase) -> None:
    registry.register_consumer("hello", ["joined"], write_tag)
    event = record()
    slow = outbox._claim(at=AT, leased_until=AT + outbox.LEASE, limit=1)
    assert outbox.drain_batch(at=AT + outbox.LEASE - SECOND) == outbox.Drained()
    assert outbox.drain_batch(at=AT + outbox.LEASE) == outbox.Drained(done=1)
    assert tags() == [f"event {event}"]
    outbox._act_on(slow[0], at=AT, leased_until=AT + outbox.LEASE)
    assert tags() == [f"event {event}"]


KILLED = """
import os, datetime as dt, django
django.setup()
from members import registry
from members.models import Tag
from members.services import outbox
def half(event, at):
    Tag.objects.create(name="half")
    os.kill(os.getpid(), 9)
registry.register_consumer("hello", ["joined"], half)
outbox.drain_batch(at=dt.datetime.fromisoformat("{at}"))
"""


def test_a_killed_workers_rows_come_back_after_the_lease(live_db: LiveDatabase) -> None:
    registry.register_consumer("hello", ["joined"], write_tag)
    made = [record() for _ in range(3)]
    worker = subprocess.run(
        [sys.executable, "-c", KILLED.format(at=AT.isoformat())], env=live_db.env, timeout=60
    )
    assert worker.returncode == -9
    assert tags() == []
    assert Outbox.objects.filter(leased_until=AT + outbox.LEASE).count() == 3
    assert outbox.drain_batch(at=AT + SECOND) == outbox.Drained()
    assert outbox.drain_batch(at=AT + outbox.LEASE) == outbox.Drained(done=3)
    assert sorted(tags()) == sorted(f"event {pk}" for pk in made)


def test_the_task_drains_all_batches(
    live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT)
    registry.register_consumer("hello", ["joined"], write_tag)
    with transaction.atomic():
        for _ in range(outbox.BATCH + 1):
            events.record(kind="joined", at=AT)
    tasks.drain_outbox()
    assert Tag.objects.count() == outbox.BATCH + 1
    assert not Outbox.objects.exists()


@pytest.mark.django_db
def test_many_events_are_written_as_one_is(enqueued: list[str]) -> None:
    first, second = (Member.objects.create(name=name, joined_at=AT) for name in ("一", "二"))
    facts = {second.pk: {"points": 2}, first.pk: {"points": 1}}
    events.record_many(kind="points_expired", at=AT, data_by_member=facts)
    assert not Outbox.objects.exists()
    registry.register_consumer("hello", ["points_expired"], write_tag)
    events.record_many(kind="points_expired", at=AT, data_by_member=facts)
    events.record_many(kind="points_expired", at=AT, data_by_member={})
    rows = Event.objects.order_by("pk").values_list("kind", "at", "member_id", "data")
    assert list(rows) == 2 * [
        ("points_expired", AT, first.pk, {"points": 1}),
        ("points_expired", AT, second.pk, {"points": 2}),
    ]
    latest = Event.objects.order_by("-pk").values_list("pk", flat=True)[:2]
    assert set(Outbox.objects.values_list("pk", "due_at")) == {(pk, AT) for pk in latest}
