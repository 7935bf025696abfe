"""The seventh day, many times at once: on the phone, at two tills, while a code is typed."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from typing import Any

import pytest
from django.db import connection

from loyalty.models import CheckIn, Coupon, CouponTemplate, GiftPack, GiftPackCoupon, StreakGift
from loyalty.services import discount_codes, rule_changes, rules
from loyalty.services.checkins import check_in
from members.models import Member
from tests import factories, invariants
from tests.concurrency.crowd import Outcome, is_found_out, together
from tests.conftest import LiveDatabase
from tests.factories import AT

NUMBERS = itertools.count(1)
DAY = dt.timedelta(days=1)
SEVENTH = AT + 6 * DAY


@pytest.fixture(autouse=True)
def _rules(live_db: LiveDatabase) -> None:
    factories.policy(checkin_points=2)
    coupon = factories.coupon_template("签到5元券", 500, code="TIANTIAN", per_member_limit=1)
    pack = GiftPack.objects.create(name="七天礼", points=50)
    GiftPackCoupon.objects.create(pack=pack, template=coupon)
    factories.shop()
    steps = [(7, pack, True)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=AT)


def come(member: Member, at: dt.datetime) -> dict[str, Any]:
    return check_in(member_id=member.pk, shop=None, actor=None, at=at)


def take_code(member: Member) -> None:
    discount_codes.take(
        template=CouponTemplate.objects.get(),
        member_id=member.pk,
        shop=factories.shop(),
        actor=None,
        at=SEVENTH,
    )


def eight_check_ins_and_eight_codes() -> Outcome:
    """One check-in counts and brings its gift; of the coupon, one a member, there is one."""
    member = factories.member(f"+86139{next(NUMBERS):08}")
    for day in range(6):
        come(member, AT + day * DAY)
    works = [lambda: come(member, SEVENTH), lambda: take_code(member)]
    outcome = together(works * 8)
    outcome.expect("checked in", len([one for one in outcome.answers if "streak" in one]), 1)
    outcome.expect("again", outcome.refused["already_checked_in"], 7)
    gifts = StreakGift.objects.filter(checkin__member=member)
    outcome.expect("gifts", Counter(gifts.values_list("days", flat=True)), Counter({7: 1}))
    outcome.expect("coupons", Coupon.objects.filter(member=member).count(), 1)
    outcome.expect("points", member.accounts.get(kind="points").balance, 7 * 2 + 50)
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return outcome


def test_sixteen_at_once_bring_one_gift() -> None:
    assert eight_check_ins_and_eight_codes().problems == []


def test_sixteen_at_once_without_locks_are_found_out() -> None:
    assert is_found_out(eight_check_ins_and_eight_codes)
    # What no lock is needed for: a second gift of the same day has no place in the table.
    per_day = Counter(StreakGift.objects.values_list("checkin", "days"))
    assert set(per_day.values()) == {1}
    assert CheckIn.objects.count() == len(set(CheckIn.objects.values_list("member", "day")))
