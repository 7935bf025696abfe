"""The night of a birthday, by several workers at once and beside a till."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from typing import Any

import pytest
from django.db import connection, transaction

from loyalty.models import BirthdayGift, Coupon, CouponTemplate, GiftPack, GiftPackCoupon, Tier
from loyalty.services import birthdays, rules
from loyalty.services.checkins import check_in
from members.models import Member
from tests import factories, invariants
from tests.concurrency.crowd import Outcome, together, without_locks
from tests.conftest import LiveDatabase
from tests.factories import AT

NUMBERS = itertools.count(1)
NIGHT = AT + dt.timedelta(days=1)
PEOPLE = 12


@pytest.fixture(autouse=True)
def _rules(live_db: LiveDatabase) -> None:
    factories.policy(checkin_points=2)
    coupon = factories.coupon_template("生日券", 1500)
    pack = GiftPack.objects.create(name="生日礼", points=100)
    GiftPackCoupon.objects.create(pack=pack, template=coupon)
    Tier.objects.filter(pk=factories.tiers()["金卡"].pk).update(birthday_pack=pack)
    rules.publish(actor=None, at=AT)


def _night() -> dict[str, Any]:
    found = birthdays.give_due(at=NIGHT)
    return {"given": found.given}


def workers_and_a_till() -> Outcome:
    day = (AT + dt.timedelta(hours=8)).date() + dt.timedelta(days=1)
    people = [
        factories.member(f"+86139{next(NUMBERS):08}", tier="金卡") for _number in range(PEOPLE)
    ]
    ids = [member.pk for member in people]
    before = NIGHT - dt.timedelta(days=30)
    rows = Member.objects.filter(pk__in=ids)
    rows.update(birth_month=day.month, birth_day=day.day, joined_at=before)

    def come(member: Member) -> dict[str, Any]:
        return check_in(member_id=member.pk, shop=None, actor=None, at=NIGHT)

    tills = [lambda member=member: come(member) for member in people[:4]]
    outcome = together([_night, _night, _night, _night, *tills])
    given = [answer["given"] for answer in outcome.answers if "given" in answer]
    outcome.expect("given", sum(given), PEOPLE)
    outcome.expect("rows", BirthdayGift.objects.filter(member__in=ids).count(), PEOPLE)
    outcome.expect("coupons", Coupon.objects.filter(member__in=ids).count(), PEOPLE)
    outcome.expect("issued", CouponTemplate.objects.get().issued_count, Coupon.objects.count())
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return outcome


def test_several_workers_give_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birthdays, "BATCH", 5)
    assert workers_and_a_till().problems == []
    # What no lock is needed for: a second gift of a year has no place in the table.
    with without_locks():
        workers_and_a_till()
    assert BirthdayGift.objects.count() == Coupon.objects.count() == 2 * PEOPLE


def test_a_till_with_other_coupons_never_waits_in_a_circle(live_db: LiveDatabase) -> None:
    """The night meets a Gold before a Silver; the till takes a pack of both of their coupons."""
    gold = CouponTemplate.objects.get()
    silver = factories.coupon_template("银卡生日券", 500)
    pack = GiftPack.objects.create(name="银卡生日礼")
    GiftPackCoupon.objects.create(pack=pack, template=gold)
    other = GiftPack.objects.create(name="金卡生日礼")
    GiftPackCoupon.objects.create(pack=other, template=silver)
    Tier.objects.filter(name="银卡").update(birthday_pack=pack)
    Tier.objects.filter(name="金卡").update(birthday_pack=other)
    rules.publish(actor=None, at=AT)
    day = (AT + dt.timedelta(hours=8)).date() + dt.timedelta(days=1)
    for tier in ("金卡", "银卡"):
        member = factories.member(f"+86139{next(NUMBERS):08}", tier=tier)
        Member.objects.filter(pk=member.pk).update(
            birth_month=day.month, birth_day=day.day, joined_at=NIGHT - dt.timedelta(days=30)
        )
    holds = threading.Event()

    def till() -> None:
        with transaction.atomic():
            list(CouponTemplate.objects.select_for_update().filter(pk=gold.pk))
            holds.set()
            live_db.until_somebody_waits()
            list(CouponTemplate.objects.select_for_update(nowait=True).filter(pk=silver.pk))

    def night() -> dict[str, Any]:
        holds.wait(60)
        return _night()

    outcome = together([till, night])
    assert (outcome.problems, outcome.answers) == ([], [{"given": 2}])
