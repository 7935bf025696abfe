"""The birthday gift of a tier: whose it is, on which night, once a year."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import time_machine

from loyalty import tasks
from loyalty.models import (
    BirthdayGift,
    Coupon,
    CouponTemplate,
    GiftPack,
    GiftPackCoupon,
    Lot,
    MemberStats,
    NightlyRun,
    Tier,
)
from loyalty.selectors import reconciliation
from loyalty.services import birthdays, merging, rules
from loyalty.services.birthdays import Gifts
from loyalty.settlement.rulebook import RuleBook, birthdays_on, is_birthday
from members.models import Event, InboxMessage, Member
from members.services import members, outbox, own_card
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
JOINED = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def night(day: str) -> dt.datetime:
    """03:20 in Shanghai on this day."""
    return dt.datetime.fromisoformat(f"{day}T03:20:00+08:00")


@pytest.fixture(autouse=True)
def _rules() -> None:
    factories.policy()
    coupon = factories.coupon_template("生日券", 1500)
    for tier, points in (("银卡", 0), ("金卡", 200)):
        pack = GiftPack.objects.create(name=f"{tier}生日礼", points=points)
        GiftPackCoupon.objects.create(pack=pack, template=coupon)
        Tier.objects.filter(pk=factories.tiers()[tier].pk).update(birthday_pack=pack)
    rules.publish(actor=None, at=AT)


def born(month: int | None, day: int | None, tier: str = "金卡", **columns: object) -> Member:
    number = Member.objects.count()
    member = factories.member(f"+86139{number:08}", tier=tier)
    values = {"joined_at": JOINED, "birth_month": month, "birth_day": day, **columns}
    Member.objects.filter(pk=member.pk).update(**values)
    return member


def done(day: str) -> None:
    """This day's night was gone through."""
    NightlyRun.objects.create(
        job="birthdays", local_date=day, started_at=AT, finished_at=AT, result={}
    )


def test_a_birthday_is_found_where_it_is_kept() -> None:
    """Each birthday on one day of each year: the two ways of looking agree."""
    everyone = [(month, day) for month in range(1, 13) for day in range(1, 32)]
    for year in (2027, 2028):
        start, days = dt.date(year, 1, 1), 365 + (year == 2028)
        found = [one for number in range(days) for one in birthdays_on(start + number * DAY)]
        assert sorted(found) == everyone
    assert birthdays_on(dt.date(2027, 2, 28)) == [(2, day) for day in (28, 29, 30, 31)]
    assert is_birthday(dt.date(2027, 2, 28), (2, 29))
    assert birthdays_on(dt.date(2028, 2, 28)) == [(2, 28)]


# The night, the last night before it that was gone through, the birthday; whether it is given.
NIGHTS = [
    ("2026-06-01", None, (6, 1), True),
    ("2026-06-01", None, (6, 2), False),
    ("2026-06-01", None, (5, 31), False),  # the first night of all looks at its own day
    ("2026-06-01", "2026-05-31", (5, 31), False),
    ("2026-06-01", "2026-05-30", (5, 31), True),
    ("2026-06-01", "2026-01-05", (5, 25), True),  # a week, however long it stood still
    ("2026-06-01", "2026-01-05", (5, 24), False),
    ("2026-06-01", "2026-06-05", (6, 1), True),  # the clock was set back
    ("2027-02-28", "2027-02-27", (2, 29), True),
    ("2028-02-28", "2028-02-27", (2, 29), False),
    ("2028-02-29", "2028-02-28", (2, 29), True),
    ("2028-03-01", "2028-02-27", (2, 29), True),
    ("2027-03-02", "2027-02-26", (2, 29), True),
    ("2027-01-02", "2026-12-30", (12, 31), True),
    ("2026-06-01", None, (None, None), False),
]


def test_the_nights() -> None:
    for today, last, birthday, is_given in NIGHTS:
        NightlyRun.objects.all().delete()
        if last:
            done(last)
        member = born(*birthday)
        found = birthdays.give_due(at=night(today))
        words = (today, last, birthday)
        assert (found, words) == (Gifts(given=int(is_given)), words)
        assert birthdays.give_due(at=night(today)) == Gifts(), words
        years = list(BirthdayGift.objects.values_list("member", "year"))
        year = int(today[:4]) - (birthday == (12, 31))
        assert years == ([(member.pk, year)] if is_given else []), words
        BirthdayGift.objects.all().delete()
        Member.objects.update(birth_month=None, birth_day=None)


def test_who_gets_what_and_who_does_not() -> None:
    silver, gold = born(6, 1, "银卡"), born(6, 1, "金卡")
    turning_14 = born(6, 1, birth_year=2012)
    frozen = born(6, 1, status="frozen")
    born(6, 1, "普通")  # this tier gives nothing
    born(6, 1, birth_year=2013)
    born(6, 1, joined_at=night("2026-06-01") - 2 * HOUR)
    assert birthdays.give_due(at=night("2026-06-01")) == Gifts(given=3)
    given = BirthdayGift.objects.order_by("member_id").values_list("member", "tier__name")
    assert list(given) == [(silver.pk, "银卡"), (gold.pk, "金卡"), (turning_14.pk, "金卡")]
    assert set(Coupon.objects.values_list("member", "source")) == {
        (member.pk, "birthday") for member in (silver, gold, turning_14)
    }
    lots = Lot.objects.values_list("member", "points_left", "source")
    assert set(lots) == {(gold.pk, 200, "birthday"), (turning_14.pk, 200, "birthday")}
    [coupon] = Coupon.objects.filter(member=gold)
    event = Event.objects.get(kind="birthday_gift", member=gold)
    pack = GiftPack.objects.get(name="金卡生日礼")
    assert event.data == {
        "year": 2026,
        "in_tier": Tier.objects.get(name="金卡").pk,
        "pack": pack.pk,
        "name": "金卡生日礼",
        "points": 200,
        "bonus_fen": 0,
        "coupons": [coupon.pk],
        "tier": None,
        "tier_days": None,
    }
    # Taken up again within the week, but the night was gone through: next year, then.
    done("2026-06-01")
    Member.objects.filter(pk=frozen.pk).update(status="active")
    # A step up on the day brings what a step up brings, and no second birthday gift.
    MemberStats.objects.filter(member=silver).update(tier=Tier.objects.get(name="金卡"))
    assert birthdays.give_due(at=night("2026-06-02")) == Gifts()
    assert birthdays.give_due(at=night("2027-06-01")).given == 6
    assert reconciliation.run().is_clean


def test_a_day_told_too_late_counts_from_the_next_year() -> None:
    midnight = night("2026-06-01").replace(hour=0, minute=0)
    before, late, corrected, moved, named = (born(None, None) for _number in range(5))
    day = {"birth_month": 6, "birth_day": 1}
    own_card.correct(member_id=before.pk, changes=day, at=midnight - HOUR)
    own_card.correct(member_id=late.pk, changes=day, at=midnight)
    for member, at in ((corrected, midnight + HOUR), (moved, midnight - DAY)):
        Member.objects.filter(pk=member.pk).update(birth_month=6, birth_day=2)
        members.update(member_id=member.pk, changes=day, actor=None, at=at)
    Member.objects.filter(pk=named.pk).update(**day)
    changes = {"name": "小敏", "birth_year": 1990}
    members.update(member_id=named.pk, changes=changes, actor=None, at=midnight + HOUR)
    assert birthdays.give_due(at=night("2026-06-01")).given == 3
    given = BirthdayGift.objects.values_list("member", flat=True)
    assert set(given) == {before.pk, moved.pk, named.pk}
    # Moved by staff to a later day of the same year: it was given, and is not given again.
    day = {"birth_month": 6, "birth_day": 9}
    members.update(member_id=moved.pk, changes=day, actor=None, at=night("2026-06-03"))
    assert birthdays.give_due(at=night("2026-06-09")) == Gifts()
    assert birthdays.give_due(at=night("2027-06-01")).given == 4


def test_nothing_left_is_written_down_and_not_announced() -> None:
    template = CouponTemplate.objects.get()
    CouponTemplate.objects.filter(pk=template.pk).update(stock=1)
    first, second = born(6, 1, "银卡"), born(6, 1, "银卡")
    found = birthdays.give_due(at=night("2026-06-01"))
    assert found == Gifts(given=1, nothing_left=1)
    while outbox.drain_batch(at=night("2026-06-01")).claimed:
        pass
    [message] = InboxMessage.objects.filter(kind="birthday_gift")
    assert (message.member, message.data["coupons"]) == (first, [["生日券", 1]])
    assert BirthdayGift.objects.filter(member=second).count() == 1


def test_two_cards_of_one_person_bring_one_gift() -> None:
    kept, merged, third = born(None, None), born(6, 1), born(6, 1)
    birthdays.give_due(at=night("2026-06-01"))
    owner = factories.owner()
    at = night("2026-06-01") + 8 * HOUR
    for number, other in enumerate((merged, third)):
        merging.merge(
            key=uuid.UUID(int=number), kept_id=kept.pk, merged_id=other.pk, actor=owner, at=at
        )
    done("2026-05-31")
    assert Member.objects.get(pk=kept.pk).birth_month == 6
    assert birthdays.give_due(at=at) == Gifts()
    assert list(kept.birthday_gifts.values_list("year", flat=True)) == [2026]
    assert reconciliation.run().is_clean


def test_batches_and_what_a_kill_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birthdays, "BATCH", 2)
    people = [born(6, 1) for _number in range(5)]
    days = [dt.date(2026, 6, 1)]
    at = night("2026-06-01")
    accounts = birthdays.hold_due(days=days, at=at)
    assert accounts is not None
    assert birthdays.give_held(accounts=accounts, days=days, at=at) == Gifts(given=2)
    assert birthdays.give_held(accounts=accounts, days=days, at=at) == Gifts()  # the other worker
    with time_machine.travel(at, tick=False):
        tasks.nightly_birthdays()
        tasks.nightly_birthdays()
    run = NightlyRun.objects.get()
    assert (run.job, run.result) == ("birthdays", {"given": 3, "nothing_left": 0})
    assert Coupon.objects.count() == BirthdayGift.objects.count() == len(people)
    assert CouponTemplate.objects.get().issued_count == len(people)


def test_rules_of_before_name_no_birthday_gift() -> None:
    snapshot = rules.snapshot()
    gold = next(row for row in snapshot["tiers"] if row["name"] == "金卡")
    assert RuleBook(snapshot).tier_by_id[gold["id"]].birthday_pack == gold["birthday_pack"]
    del gold["birthday_pack"]
    assert RuleBook(snapshot).tier_by_id[gold["id"]].birthday_pack is None
