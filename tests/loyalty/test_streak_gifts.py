"""Gifts for checking in days running: on their day, once, by the rules of that day."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from loyalty.models import (
    CheckIn,
    Coupon,
    CouponTemplate,
    Entry,
    GiftPack,
    GiftPackCoupon,
    Lot,
    MemberStats,
    Policy,
    RuleSet,
    StreakGift,
    StreakStep,
)
from loyalty.services import merging, planned, rule_changes, rules
from loyalty.services.checkins import check_in
from members import clock
from members.errors import Refusal
from members.models import Event, Member, Staff
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def member() -> Member:
    factories.policy()
    return factories.member()


def pack(
    name: str, *, points: int = 0, coupon: CouponTemplate | None = None, **more: Any
) -> GiftPack:
    row = GiftPack.objects.create(name=name, points=points, **more)
    if coupon is not None:
        GiftPackCoupon.objects.create(pack=row, template=coupon)
    return row


def set_up(*steps: tuple[int, GiftPack, bool], at: dt.datetime = AT) -> None:
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=at)


def come(member: Member, day: int, at: dt.datetime = AT) -> dict[str, Any]:
    """Check in on a day counted from 1."""
    return check_in(member_id=member.pk, shop=None, actor=None, at=at + (day - 1) * DAY)


def days_of(member: Member, days: int, *, missed: tuple[int, ...] = ()) -> dict[int, list[str]]:
    """On which of so many days which packs came."""
    found: dict[int, list[str]] = {}
    for day in range(1, days + 1):
        if day not in missed:
            gifts = [gift["name"] for gift in come(member, day)["gifts"]]
            if gifts:
                found[day] = gifts
    return found


def test_the_seventh_day_brings_the_coupon(member: Member) -> None:
    coupon = factories.coupon_template("签到5元券", 500)
    weekly = pack("七天礼", points=20, coupon=coupon)
    set_up((7, weekly, True))
    for day in range(1, 7):
        assert come(member, day)["gifts"] == []
    assert (Coupon.objects.count(), StreakGift.objects.count()) == (0, 0)
    answer = come(member, 7)
    held = Coupon.objects.get()
    gift = {
        "days": 7,
        "pack": weekly.pk,
        "name": "七天礼",
        "points": 20,
        "bonus_fen": 0,
        "coupons": [held.pk],
        "tier": None,
        "tier_days": None,
    }
    assert (answer["streak"], answer["gifts"]) == (7, [gift])
    assert (held.member, held.template, held.source) == (member, coupon, "streak")
    assert held.issued_at == AT + 6 * DAY
    lot = Lot.objects.get()
    assert (lot.points_left, lot.source) == (20, "streak")
    entry = Entry.objects.get()
    assert (entry.side, entry.delta, entry.reason) == ("given", 20, "七天礼")
    row = StreakGift.objects.get()
    assert (row.checkin.day, row.days) == (dt.date(2026, 5, 26), 7)
    event = Event.objects.filter(kind="checked_in").latest("pk")
    assert event.data == {"streak": 7, "points": 0, "gifts": [gift]}


def test_again_each_time_or_once_until_a_day_is_missed(member: Member) -> None:
    set_up((3, pack("三天", points=1), True), (5, pack("五天", points=1), False))
    assert days_of(member, 15, missed=(11,)) == {
        3: ["三天"],
        5: ["五天"],
        6: ["三天"],
        9: ["三天"],
        # Day 11 was missed: 12 is the first day of a new streak.
        14: ["三天"],
    }


def test_where_two_steps_meet_both_are_given(member: Member) -> None:
    set_up((2, pack("两天", points=1), True), (4, pack("四天", points=10), True))
    assert days_of(member, 4) == {2: ["两天"], 4: ["两天", "四天"]}
    assert member.accounts.get(kind="points").balance == 12
    assert list(StreakGift.objects.order_by("pk").values_list("days", flat=True)) == [2, 2, 4]


def test_nothing_is_given_where_nothing_is_set_up(member: Member) -> None:
    rules.publish(actor=None, at=AT)
    assert days_of(member, 8) == {}
    assert not StreakGift.objects.exists()


def test_an_older_version_of_the_rules_knows_of_none(member: Member) -> None:
    snapshot = rules.snapshot()
    del snapshot["policy"]["streaks"]
    old = RuleSet.objects.create(content_hash="old", snapshot=snapshot, created_at=AT)
    Policy.objects.update(ruleset=old)
    assert days_of(member, 7) == {}


def test_the_second_check_in_of_the_day_brings_nothing(member: Member) -> None:
    set_up((2, pack("两天", points=5), True))
    come(member, 1)
    come(member, 2)
    with pytest.raises(Refusal) as caught:
        come(member, 2, at=AT + dt.timedelta(hours=3))
    assert caught.value.code == "already_checked_in"
    assert StreakGift.objects.count() == Entry.objects.count() == 1


@pytest.mark.parametrize("short", ["stock", "per_member_limit", "archived"])
def test_what_there_is_none_of_is_left_out_and_the_rest_is_given(
    member: Member, short: str
) -> None:
    coupon = factories.coupon_template("签到5元券", 500)
    set_up((2, pack("两天", points=5, coupon=coupon), True))
    change = {"stock": 0} if short == "stock" else {"per_member_limit": 0}
    if short == "archived":
        change = {"is_active": False}
    CouponTemplate.objects.update(**change)
    come(member, 1)
    [gift] = come(member, 2)["gifts"]
    assert (gift["points"], gift["coupons"]) == (5, [])
    assert not Coupon.objects.exists()
    assert StreakGift.objects.count() == 1


def test_a_tier_of_the_pack_is_not_pushed_down_by_a_promotion(member: Member) -> None:
    tiers = factories.tiers()
    silver = tiers["银卡"]
    silver.dual_threshold_fen, silver.dual_checkins = 1, 2
    silver.save()
    factories.policy(progress="lifetime")
    MemberStats.objects.update(basis_fen=1)
    set_up((2, pack("金卡体验", tier=tiers["金卡"], tier_days=30), False))
    come(member, 1)
    answer = come(member, 2)
    assert answer["promotion"]["after"] == silver.pk
    [gift] = answer["gifts"]
    assert (gift["tier"], gift["tier_days"]) == (tiers["金卡"].pk, 30)
    stats = MemberStats.objects.get()
    assert (stats.tier, stats.tier_until) == (tiers["金卡"], dt.date(2026, 6, 20))


@pytest.mark.parametrize(
    ("days", "code"),
    [
        ((1,), "streak_days_out_of_range"),
        ((366,), "streak_days_out_of_range"),
        ((7, 7), "streak_days_twice"),
    ],
)
def test_steps_nobody_could_explain_are_refused(
    member: Member, days: tuple[int, ...], code: str
) -> None:
    weekly = pack("七天礼", points=1)
    set_up((7, weekly, True))
    before = (list(StreakStep.objects.values()), RuleSet.objects.count(), Event.objects.count())
    with pytest.raises(Refusal) as caught:
        set_up(*((day, weekly, True) for day in days))
    assert caught.value.code == code
    after = (list(StreakStep.objects.values()), RuleSet.objects.count(), Event.objects.count())
    assert after == before


def test_a_change_is_written_down_and_published(member: Member) -> None:
    actor = factories.owner()
    weekly, monthly = pack("七天礼", points=1), pack("三十天礼", points=9)
    sheet = rules.policy()
    rule_changes.save_policy(
        policy=sheet, streaks=[(30, monthly, False), (7, weekly, True)], actor=actor, at=AT
    )
    steps = [[7, weekly.pk, True], [30, monthly.pk, False]]
    event = Event.objects.get(kind="row_changed")
    assert (event.data["before"], event.data["after"]) == ({"streaks": []}, {"streaks": steps})
    assert RuleSet.objects.latest("pk").snapshot["policy"]["streaks"] == steps
    # What does not name them leaves them.
    sheet.checkin_points = 3
    rule_changes.save_policy(policy=sheet, actor=actor, at=AT)
    assert rules.streaks(sheet) == steps


def test_a_pack_of_a_streak_is_in_use(member: Member) -> None:
    weekly = pack("七天礼", points=1)
    set_up((7, weekly, True))
    with pytest.raises(Refusal) as caught:
        rule_changes.retire(row=weekly, actor=None, at=AT)
    assert caught.value.code == "in_use"


def test_from_a_date(member: Member) -> None:
    actor = factories.owner()
    weekly = pack("两天礼", points=5)
    rules.publish(actor=actor, at=AT)
    sheet = rules.policy()
    day = clock.local_date(AT) + 2 * DAY
    change = planned.plan(
        rows=[sheet],
        store=lambda: rule_changes.save_policy(
            policy=sheet, streaks=[(2, weekly, True)], actor=actor, at=AT
        ),
        from_date=day,
        actor=actor,
        at=AT,
    )
    assert change.lines[0]["after"] == {"streaks": [[2, weekly.pk, True]]}
    assert not StreakStep.objects.exists()
    assert days_of(member, 2) == {}
    assert planned.apply_due(at=clock.start_of_day(day)) == [change]
    change.refresh_from_db()
    assert change.status == "applied"
    assert [gift["days"] for day in (3, 4) for gift in come(member, day)["gifts"]] == [2]


class TestMerging:
    """The days come together and are counted anew; what a day brought it brings once."""

    @pytest.fixture
    def other(self, member: Member) -> Member:
        return factories.member("+8613900005678", "小敏")

    @pytest.fixture
    def owner(self) -> Staff:
        return factories.owner()

    def merge(self, kept: Member, merged: Member, owner: Staff, day: int) -> None:
        merging.merge(
            key=uuid.uuid4(),
            kept_id=kept.pk,
            merged_id=merged.pk,
            actor=owner,
            at=AT + (day - 1) * DAY,
        )

    def test_two_halves_are_one_streak(self, member: Member, other: Member, owner: Staff) -> None:
        set_up((7, pack("七天礼", points=5), True))
        for day in (1, 3, 5):
            come(member, day)
        for day in (2, 4, 6):
            come(other, day)
        self.merge(member, other, owner, 6)
        rows = CheckIn.objects.filter(member=member).order_by("day")
        assert list(rows.values_list("streak", flat=True)) == [1, 2, 3, 4, 5, 6]
        assert not StreakGift.objects.exists()
        assert [gift["days"] for gift in come(member, 7)["gifts"]] == [7]

    def test_what_was_given_is_not_given_again(
        self, member: Member, other: Member, owner: Staff
    ) -> None:
        set_up((3, pack("三天礼", points=5), True))
        for day in (1, 2, 3):
            come(other, day)
        for day in (2, 3):
            come(member, day)
        assert StreakGift.objects.count() == 1
        self.merge(member, other, owner, 3)
        assert member.accounts.get(kind="points").balance == 5
        assert [bool(come(member, day)["gifts"]) for day in (4, 5, 6)] == [False, False, True]
        assert member.accounts.get(kind="points").balance == 10
