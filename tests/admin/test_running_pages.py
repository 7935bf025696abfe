"""What runs by itself, in plain words; what a night found; coupons with where they were used."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from loyalty.models import Coupon, CouponUse, NightlyRun
from tests.admin.conftest import House, SignedIn
from tests.factories import AT

pytestmark = pytest.mark.django_db

HEALTH = reverse("admin:loyalty_nightlyrun_changelist")


def ask_for(task: str, **more: object) -> PeriodicTask:
    """A row as beat writes it."""
    row: PeriodicTask = PeriodicTask.objects.create(name=task, task=task, **more)
    return row


def test_the_schedule_is_told_in_words(house: House, signed_in: SignedIn) -> None:
    PeriodicTask.objects.all().delete()
    ten = IntervalSchedule.objects.create(every=10, period="seconds")
    hourly = CrontabSchedule.objects.create(minute="5", hour="*")
    daily = CrontabSchedule.objects.create(minute="45", hour="4")
    ask_for("loyalty.nightly_expiry", crontab=hourly, last_run_at=AT)
    ask_for("members.drain_outbox", interval=ten)
    ask_for("loyalty.tidy", crontab=daily)
    ask_for("loyalty.sweep_bulk", interval=ten, enabled=False)
    ask_for("celery.backend_cleanup", crontab=daily)
    rows = signed_in("manager").get(HEALTH).context["schedules"]
    assert [(row.words, row.often, row.last, row.is_on) for row in rows] == [
        (
            "Does what follows from purchases and other events",
            "every 10 seconds",
            None,
            True,
        ),
        ("Goes on giving coupons to many", "every 10 seconds", None, False),
        ("Tidies away held sales and logins that are over", "every day at 04:45", None, True),
        (
            "Expiry of points and coupons",
            "once a night after three, asked for every hour",
            AT,
            True,
        ),
    ]
    page = signed_in("owner", "zh-hans").get(HEALTH).content.decode()
    assert "每 10 秒" in page
    assert "已关闭" in page


def test_a_silent_worker_is_said(house: House, owner: Client) -> None:
    page = owner.get(HEALTH)
    # Database, Valkey, worker, clock: of these no worker and no clock run beside the tests.
    assert [program.is_well for program in page.context["programs"]()] == [
        *(True, True),
        *(False, False),
    ]
    assert "not heard of: start Huitou again" in page.content.decode()


def test_what_a_night_found_is_named_and_leads_to_the_member(house: House, owner: Client) -> None:
    run = NightlyRun.objects.create(
        job=NightlyRun.Job.RECONCILE,
        local_date=AT.date() - dt.timedelta(days=1),
        started_at=AT,
        finished_at=AT,
        result={
            "counted": {"members": 1},
            "totals": {"member_stats": 1},
            "differences": [
                {
                    "check": "member_stats",
                    "member_id": house.member.pk,
                    "subject": "member",
                    "subject_id": house.member.pk,
                    "what": "net_fen",
                    "stored": "7",
                    "recomputed": "0",
                }
            ],
        },
    )
    page = owner.get(reverse("admin:loyalty_nightlyrun_change", args=[run.pk])).content.decode()
    assert "A member&#x27;s figures are not those of their orders and check-ins." in page
    assert "stored 7, recomputed 0" in page
    assert reverse("admin:members_member_change", args=[house.member.pk]) in page


def test_coupons_being_given_are_shown(house: House, owner: Client) -> None:
    page = owner.get(HEALTH).content.decode()
    assert reverse("admin:loyalty_bulkissue_change", args=[house.bulk_issue.pk]) in page


def test_a_coupon_says_where_it_was_used(house: House, owner: Client) -> None:
    coupon = Coupon.objects.get()
    CouponUse.objects.filter(coupon=coupon).delete()
    CouponUse.objects.create(order=house.order, coupon=coupon, saved_fen=1)
    page = owner.get(reverse("admin:loyalty_coupon_changelist")).content.decode()
    assert reverse("admin:loyalty_order_change", args=[house.order.pk]) in page


def test_the_trail_is_searched_by_member_and_by_purchase(house: House, owner: Client) -> None:
    trail = reverse("admin:members_event_changelist")
    found = owner.get(f"{trail}?q=%23{house.order.pk}").context["cl"].result_list
    assert {event.kind for event in found} == {"settled", "refunded"}
    assert {event.data["order"] for event in found} == {house.order.pk}
    by_member = owner.get(f"{trail}?q=1234").context["cl"].result_list
    assert {event.member_id for event in by_member} == {house.member.pk}
    for nothing in ("%23999999", "%23x", "%23" + "9" * 30):
        assert not list(owner.get(f"{trail}?q={nothing}").context["cl"].result_list)
