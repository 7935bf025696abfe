"""The outbox: events that someone must act on, claimed in batches, deleted when all have acted.

A row is claimed by a lease of our own, kept in the row: a killed worker's rows come back when it
has passed, whatever the broker believes. Each consumer acts in a transaction of its own that
also holds its mark (unique on consumer and event) and the row's lock, so that an effect and its
mark stand or fall together and a late worker cannot act beside the one that took over. What
fails is tried again with growing pauses, for ever: no row is given up.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F

from members import registry
from members.models import ConsumerDone, Event, Outbox
from members.registry import Consumer

LEASE = dt.timedelta(minutes=1)
BATCH = 50  # rows; few enough to be done well within the lease
FIRST_PAUSE = dt.timedelta(seconds=5)
LONGEST_PAUSE = dt.timedelta(hours=1)
DRAIN_TASK = "members.drain_outbox"
# Set in the cache while a task is queued that nobody has begun; a lost one holds up no longer
# than this, and the sweep comes by anyway.
WAITING = "outbox-drain-waits"
WAITING_AT_MOST = 5.0  # seconds
ASK_EVERY = 0.05  # seconds
_asked_at = 0.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Drained:
    """What became of one batch: rows finished and deleted, rows to be tried again."""

    done: int = 0
    failed: int = 0

    @property
    def claimed(self) -> int:
        return self.done + self.failed


def drain_after_commit() -> None:
    """Have the outbox drained once this transaction is committed.

    A task that cannot be enqueued fails nothing: the sweep finds the rows.
    """
    transaction.on_commit(_enqueue)


def _enqueue() -> None:
    """Send the task, unless one that nobody has begun is waiting: it will find these rows too.

    A busy process asks only so often; what is missed in between is the next one's, or the sweep's.
    """
    global _asked_at
    now = time.monotonic()
    if now - _asked_at < ASK_EVERY:
        return
    _asked_at = now
    try:
        if cache.add(WAITING, True, timeout=WAITING_AT_MOST):
            # By name: services do not import tasks.
            current_app.signature(DRAIN_TASK).apply_async()
    except Exception as error:  # whatever the broker's client raises: the sale is committed
        log.warning("outbox_not_enqueued", error=str(error))


def drain_begins() -> None:
    """What is committed from now on needs a task of its own. Before the first batch is claimed."""
    cache.delete(WAITING)


def drain_batch(*, at: dt.datetime, limit: int = BATCH) -> Drained:
    """Claim up to ``limit`` due rows and let their consumers act.

    ``at`` must be read anew for each batch: the lease counts from it.
    """
    leased_until = at + LEASE
    done = failed = 0
    for event in _claim(at=at, leased_until=leased_until, limit=limit):
        if _act_on(event, at=at, leased_until=leased_until):
            done += 1
        else:
            failed += 1
    return Drained(done, failed)


def _claim(*, at: dt.datetime, leased_until: dt.datetime, limit: int) -> list[Event]:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH due AS MATERIALIZED (SELECT event_id FROM members_outbox"
            " WHERE due_at <= %s AND (leased_until IS NULL OR leased_until <= %s)"
            " ORDER BY due_at, event_id LIMIT %s FOR UPDATE SKIP LOCKED)"
            " UPDATE members_outbox o SET leased_until = %s FROM due"
            " WHERE o.event_id = due.event_id RETURNING o.event_id",
            [at, at, limit, leased_until],
        )
        ids = [event_id for (event_id,) in cursor.fetchall()]
    return list(Event.objects.filter(id__in=ids).order_by("id"))


def _act_on(event: Event, *, at: dt.datetime, leased_until: dt.datetime) -> bool:
    """Let every consumer act that has not yet; delete the row, or put it off if one failed."""
    errors: list[str] = []
    for consumer in registry.consumers_of(event.kind):
        try:
            _let_act(consumer, event, at=at, leased_until=leased_until)
        except Exception as error:  # a consumer's failure is its own; the others go on
            log.error("consumer_failed", consumer=consumer.name, event_id=event.pk, exc_info=error)
            errors.append(f"{consumer.name}: {type(error).__name__}: {error}")
    if errors:
        _put_off(event, error="; ".join(errors), at=at, leased_until=leased_until)
    else:
        _finish(event, leased_until=leased_until)
    return not errors


def _hold(event: Event, leased_until: dt.datetime) -> bool:
    """Lock the row; False when another worker took it over, or finished it."""
    return (
        Outbox.objects.select_for_update()
        .filter(event=event, leased_until=leased_until)
        .values_list("pk")
        .first()
        is not None
    )


def _let_act(
    consumer: Consumer, event: Event, *, at: dt.datetime, leased_until: dt.datetime
) -> None:
    with transaction.atomic():
        if not _hold(event, leased_until):
            return
        if ConsumerDone.objects.filter(consumer=consumer.name, event=event).exists():
            return
        ConsumerDone.objects.create(consumer=consumer.name, event=event, at=at)
        consumer.handler(event, at)


def _finish(event: Event, *, leased_until: dt.datetime) -> None:
    with transaction.atomic():
        if _hold(event, leased_until):
            ConsumerDone.objects.filter(event=event).delete()
            Outbox.objects.filter(event=event).delete()


def _put_off(event: Event, *, error: str, at: dt.datetime, leased_until: dt.datetime) -> None:
    with transaction.atomic():
        row = Outbox.objects.select_for_update().filter(event=event, leased_until=leased_until)
        attempts = row.values_list("attempts", flat=True).first()
        if attempts is None:
            return
        pause = min(FIRST_PAUSE * 2 ** min(attempts, 20), LONGEST_PAUSE)
        Outbox.objects.filter(event=event).update(
            attempts=F("attempts") + 1,
            due_at=at + pause,
            leased_until=None,
            last_error=error[:200],
        )
