"""Work at night. Each task asks whether the day's job is still to do, and may run twice.

The clock is read once for each batch, after the batch's lock is held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from loyalty import locks
from loyalty.demo import fill
from loyalty.models import NightlyRun
from loyalty.selectors import reconciliation
from loyalty.services import (
    birthdays,
    bulk,
    coupons,
    expiry,
    held_sales,
    nightly,
    nightly_tiers,
    planned,
    sealing,
)
from members import clock
from members.errors import Refusal

log = structlog.get_logger(__name__)


@shared_task(name="loyalty.apply_planned")  # type: ignore[untyped-decorator,unused-ignore]
def apply_planned() -> None:
    """Put in force the changes of rules whose day has come; may run twice, and at once."""
    for change in planned.apply_due(at=clock.now()):
        if change.problem:
            log.error("rule_change_not_applied", change=change.pk, problem=change.problem)
        else:
            log.info("rule_change_applied", change=change.pk)


@shared_task(name="loyalty.nightly_expiry")  # type: ignore[untyped-decorator,unused-ignore]
def nightly_expiry() -> None:
    """Take points and coupons past their day."""
    _once_a_day(NightlyRun.Job.EXPIRY, _expire)


@shared_task(name="loyalty.nightly_tiers")  # type: ignore[untyped-decorator,unused-ignore]
def nightly_tiers_task() -> None:
    """Look at the members whose tier has had its time."""
    _once_a_day(NightlyRun.Job.TIERS, _move_tiers)


@shared_task(name="loyalty.nightly_birthdays")  # type: ignore[untyped-decorator,unused-ignore]
def nightly_birthdays() -> None:
    """Give the birthday gifts of the tiers."""
    _once_a_day(NightlyRun.Job.BIRTHDAYS, _give_birthday_gifts)


@shared_task(name="loyalty.nightly_reconcile")  # type: ignore[untyped-decorator,unused-ignore]
def nightly_reconcile() -> None:
    """Recompute everything; differences go into the run's result and, loudly, into the log."""
    _once_a_day(NightlyRun.Job.RECONCILE, _reconcile)


def _once_a_day(job: str, work: Callable[[], dict[str, Any]]) -> None:
    run_id = nightly.claim(job=job, at=clock.now())
    if run_id is not None:
        apply_planned()  # where the minute's task was lost, the night still goes by the rules
        result = work()
        nightly.finish(run_id=run_id, result=result, at=clock.now())
        log.info("nightly_job_done", job=job)


def _expire() -> dict[str, Any]:
    total = expiry.Expired()
    while True:
        with locks.waiting_politely(), transaction.atomic():
            book = expiry.hold_due(at=clock.now())
            if book is None:
                break
            total += expiry.expire_held(book=book, at=clock.now())
    return {**asdict(total), "coupons": coupons.expire(at=clock.now())}


def _move_tiers() -> dict[str, Any]:
    total = nightly_tiers.Moved()
    while True:
        with locks.waiting_politely(), transaction.atomic():
            member_ids = nightly_tiers.hold_due(at=clock.now())
            if not member_ids:
                return asdict(total)
            total += nightly_tiers.move_held(member_ids=member_ids, at=clock.now())


def _give_birthday_gifts() -> dict[str, Any]:
    total, days = birthdays.Gifts(), birthdays.days_due(at=clock.now())
    while True:
        with locks.waiting_politely(), transaction.atomic():
            accounts = birthdays.hold_due(days=days, at=clock.now())
            if accounts is None:
                return asdict(total)
            total += birthdays.give_held(accounts=accounts, days=days, at=clock.now())


def _reconcile() -> dict[str, Any]:
    report = reconciliation.run()
    if not report.is_clean:
        log.error("ledger_differs", differences=report.totals)
    sealed = sealing.nightly(at=clock.now())
    log.info("ledger_sealed", through=sealed["through"], seal=sealed["seal"])
    return {**report.as_dict(), "ledger": sealed}


@shared_task(name="loyalty.tidy", ignore_result=True)  # type: ignore[untyped-decorator,unused-ignore]
def tidy() -> None:
    """Sales that nobody rings up any more, and logins that are over."""
    held_sales.drop_old(at=clock.now())
    call_command("clearsessions")


@shared_task(name="loyalty.fill_demo", ignore_result=True)  # type: ignore[untyped-decorator,unused-ignore]
def fill_demo() -> None:
    """Move the demo shop's members in, once, while the pages are open already."""
    if settings.DEMO_MEMBERS and not fill.is_filled():
        at = clock.now()
        orders = fill.fill(at=at, members=settings.DEMO_MEMBERS)
        fill.hand_back(at=at)
        log.info("demo_filled", members=settings.DEMO_MEMBERS, orders=orders)


# A task ends long before the broker would hand it out a second time; the sweep goes on with it.
_BULK_BATCHES = 200


@shared_task(name=bulk.TASK)  # type: ignore[untyped-decorator,unused-ignore]
def give_bulk(issue_id: int) -> None:
    """Give a coupon to many, batch by batch, unless another worker has it in hand."""
    lease = bulk.claim(issue_id=issue_id, at=clock.now())
    try:
        for _batch in range(_BULK_BATCHES):
            if lease is None:
                return
            lease = bulk.give_batch(issue_id=issue_id, lease=lease, at=clock.now())
    except Refusal as refusal:
        log.warning("bulk_issue_waits", issue=issue_id, code=refusal.code)
    if lease is not None:
        bulk.give_up(issue_id=issue_id, lease=lease)


@shared_task(name="loyalty.sweep_bulk")  # type: ignore[untyped-decorator,unused-ignore]
def sweep_bulk() -> None:
    """Go on with what a lost task or a killed worker left behind."""
    for issue_id in bulk.unfinished(at=clock.now()):
        give_bulk(issue_id)
