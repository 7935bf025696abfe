"""Each nightly job once a local day of the shop; the tasks that ask for it."""

from __future__ import annotations

import datetime as dt
import hashlib
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.db import IntegrityError
from pytest_django import Settings

from config.celery import app
from loyalty import tasks
from loyalty.models import Account, Coupon, Entry, LedgerSeal, MemberStats, NightlyRun
from loyalty.services import nightly, sealing
from members import clock
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

# 03:00 in Shanghai on the day after AT.
NIGHT = dt.datetime(2026, 5, 20, 19, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def claimed_minutes(day: dt.date) -> list[dt.datetime]:
    """The wall-clock minutes at which a job starts that is asked for every minute of a day."""
    zone = clock.shop_zone()
    at = dt.datetime.combine(day, dt.time.min, tzinfo=zone).astimezone(dt.UTC)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, tzinfo=zone)
    started = []
    while at < end:
        run_id = nightly.claim(job="expiry", at=at)
        if run_id is not None:
            nightly.finish(run_id=run_id, result={}, at=at)
            started.append(at.astimezone(zone).replace(tzinfo=None))
        at += MINUTE
    return started


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Asia/Shanghai", dt.date(2026, 5, 20)),
        ("Asia/Shanghai", dt.date(2028, 2, 29)),
        ("Europe/Berlin", dt.date(2026, 3, 29)),
        ("Europe/Berlin", dt.date(2026, 10, 25)),
        ("America/New_York", dt.date(2026, 3, 8)),
        ("America/New_York", dt.date(2026, 11, 1)),
    ],
)
def test_asked_for_every_minute_it_starts_once(settings: Settings, zone: str, day: dt.date) -> None:
    settings.TIME_ZONE = zone
    assert claimed_minutes(day) == [dt.datetime.combine(day, dt.time(3, 0))]
    assert NightlyRun.objects.get().local_date == day
    assert ZoneInfo(zone) == clock.shop_zone()


def test_a_clock_set_back_over_the_start_does_not_start_it_again() -> None:
    run_id = nightly.claim(job="expiry", at=NIGHT + 4 * MINUTE)
    assert run_id is not None
    nightly.finish(run_id=run_id, result={}, at=NIGHT - MINUTE)
    assert nightly.claim(job="expiry", at=NIGHT - MINUTE) is None
    assert nightly.claim(job="expiry", at=NIGHT) is None
    assert nightly.claim(job="tiers", at=NIGHT) is not None


def test_a_killed_job_is_taken_up_when_its_lease_has_passed() -> None:
    first = nightly.claim(job="expiry", at=NIGHT)
    assert nightly.claim(job="expiry", at=NIGHT + 14 * MINUTE) is None
    assert nightly.claim(job="expiry", at=NIGHT + 15 * MINUTE) == first
    assert nightly.claim(job="expiry", at=NIGHT + 16 * MINUTE) is None


def test_the_night_of_a_shop() -> None:
    factories.policy()
    member = factories.member(points=100)
    factories.give_points(member, 40, expires_at=AT + dt.timedelta(hours=1))
    coupon = factories.coupon(
        member, factories.coupon_template("减20"), expires_at=AT + dt.timedelta(hours=1)
    )
    stats = MemberStats.objects.filter(member=member)
    stats.update(tier=factories.tiers()["金卡"], tier_until=dt.date(2026, 5, 20))
    for _twice in range(2):
        with time_machine.travel(NIGHT, tick=False):
            tasks.nightly_expiry()
            tasks.nightly_tiers_task()
            tasks.nightly_reconcile()
    assert Account.objects.get(member=member, kind="points").balance == 100
    assert Coupon.objects.get(pk=coupon.pk).status == "expired"
    assert stats.values_list("tier__name", "tier_until").get() == ("普通", None)
    runs = {run.job: run.result or {} for run in NightlyRun.objects.all()}
    assert runs["expiry"] == {"members": 1, "lots": 1, "points": 40, "coupons": 1}
    assert runs["tiers"] == {"down": 1, "renewed": 0}
    assert runs["reconcile"]["totals"] == {}
    assert runs["reconcile"]["counted"]["entries"] == 3
    assert runs["reconcile"]["ledger"] == {
        "noted": last_entry(),
        "seals": 0,
        "through": 0,
        "seal": "",
    }


def last_entry() -> int:
    return Entry.objects.latest("pk").pk


def test_the_ledger_is_sealed_through_what_the_night_before_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "RUN", 10**9)
    member = factories.member(points=100)
    noted = []
    for night in range(3):
        noted.append(last_entry())
        with time_machine.travel(NIGHT + dt.timedelta(days=night), tick=False):
            tasks.nightly_reconcile()
        factories.give_points(member, 10)
    first, second = LedgerSeal.objects.order_by("pk")
    assert (first.first_id, first.last_id, second.first_id) == (1, noted[0], noted[0] + 1)
    assert (second.last_id, second.entries) == (noted[1], 1)
    content = hashlib.sha256((first.chain + second.content).encode()).hexdigest()
    result = NightlyRun.objects.latest("local_date").result or {}
    assert result["totals"] == {}
    assert result["ledger"] == {
        "noted": noted[2],
        "seals": 1,
        "through": noted[1],
        "seal": content,
    }
    assert sealing.seal(through=noted[1], at=NIGHT) == 0


def test_before_three_nothing_runs() -> None:
    with time_machine.travel(NIGHT - MINUTE, tick=False):
        tasks.nightly_expiry()
    assert not NightlyRun.objects.exists()


def test_the_reconciliation_keeps_what_it_found() -> None:
    member = factories.member(points=100)
    MemberStats.objects.filter(member=member).update(net_fen=7)
    with time_machine.travel(NIGHT, tick=False):
        tasks.nightly_reconcile()
    result = NightlyRun.objects.get().result or {}
    assert result["totals"] == {"member_stats": 1}
    assert result["differences"] == [
        {
            "check": "member_stats",
            "member_id": member.pk,
            "subject": "member",
            "subject_id": member.pk,
            "what": "net_fen",
            "stored": "7",
            "recomputed": "0",
        }
    ]


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("nightlyrun_job_known", {"job": "naps"}),
        ("nightlyrun_finished_with_result", {"finished_at": NIGHT}),
        ("nightlyrun_once_a_day", {"local_date": AT.date()}),
    ],
)
def test_the_database_refuses(constraint: str, values: dict[str, object]) -> None:
    NightlyRun.objects.create(job="expiry", local_date=AT.date(), started_at=AT)
    row = {"job": "expiry", "local_date": NIGHT.date() + dt.timedelta(days=1), "started_at": AT}
    with pytest.raises(IntegrityError, match=constraint):
        NightlyRun.objects.create(**{**row, **values})


def test_the_schedule_asks_for_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    asked = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert asked - set(app.tasks) == set()
    assert {"loyalty.nightly_expiry", "loyalty.nightly_tiers", "loyalty.nightly_reconcile"} < asked
