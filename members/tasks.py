"""Work behind the pages. Tasks take ids or nothing, call one service, and may run twice."""

from __future__ import annotations

from celery import shared_task

from members import clock
from members.services import outbox

# A task ends long before the broker would hand it out a second time; the sweep goes on.
_BATCHES = 100


@shared_task(name=outbox.DRAIN_TASK)  # type: ignore[untyped-decorator,unused-ignore]
def drain_outbox() -> None:
    """Act on due events; sent after each commit that wrote one, and by the sweep."""
    outbox.drain_begins()
    for _round in range(_BATCHES):
        if not outbox.drain_batch(at=clock.now()).claimed:
            return
