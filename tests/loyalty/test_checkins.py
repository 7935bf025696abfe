"""Checking in: once a local day, a streak, points, and the second track of the tiers."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection

from loyalty.models import CheckIn, Entry, GiftPack, Lot, MemberStats
from loyalty.services import rules
from loyalty.services.checkins import check_in
from members.errors import Refusal
from members.models import Event, Member
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT

DAY = dt.timedelta(days=1)


def come(member: Member, at: dt.datetime = AT) -> dict[str, object]:
    return check_in(member_id=member.pk, shop=factories.shop(), actor=None, at=at)


@pytest.mark.django_db
def test_a_check_in() -> None:
    member = factories.member()
    cashier = factories.cashier()
    answer = check_in(member_id=member.pk, shop=factories.shop(), actor=cashier, at=AT)
    assert answer == {
        "day": "2026-05-20",
        "streak": 1,
        "checkins": 1,
        "points": 0,
        "promotion": None,
        "gifts": [],
    }
    row = CheckIn.objects.get()
    assert (row.member, row.day, row.at, row.streak) == (member, dt.date(2026, 5, 20), AT, 1)
    assert MemberStats.objects.get(member=member).checkins_count == 1
    assert not Entry.objects.exists()
    events = Event.objects.filter(member=member).values_list("kind", "staff", "data")
    assert list(events) == [("checked_in", cashier.pk, {"streak": 1, "points": 0})]


@pytest.mark.django_db
def test_days_running_and_a_day_missed() -> None:
    member = factories.member()
    streaks = [come(member, AT + n * DAY)["streak"] for n in (0, 1, 2, 4, 5)]
    assert streaks == [1, 2, 3, 1, 2]
    assert MemberStats.objects.get(member=member).checkins_count == 5


@pytest.mark.django_db
def test_the_day_is_the_shops() -> None:
    member = factories.member()
    before_midnight = dt.datetime(2026, 5, 20, 15, 59, tzinfo=dt.UTC)
    come(member, before_midnight)
    answer = come(member, before_midnight + dt.timedelta(minutes=1))
    assert (answer["day"], answer["streak"]) == ("2026-05-21", 2)


@pytest.mark.django_db
def test_twice_a_day_is_refused() -> None:
    factories.policy(checkin_points=5)
    rules.publish(actor=None, at=AT)
    member = factories.member()
    come(member)
    with pytest.raises(Refusal) as caught:
        come(member, AT + dt.timedelta(hours=5))
    assert (caught.value.code, caught.value.status) == ("already_checked_in", 409)
    assert CheckIn.objects.count() == Entry.objects.count() == 1
    assert MemberStats.objects.get(member=member).checkins_count == 1
    assert Event.objects.filter(member=member).count() == 1


@pytest.mark.django_db
def test_points_of_the_policy() -> None:
    factories.policy(checkin_points=5)
    rules.publish(actor=None, at=AT)
    member = factories.member()
    assert come(member)["points"] == 5
    entry = Entry.objects.get()
    assert (entry.account.kind, entry.side, entry.delta, entry.balance_after) == (
        "points",
        "issued",
        5,
        5,
    )
    lot = Lot.objects.get()
    assert (lot.points_left, lot.source, lot.expires_at) == (
        5,
        "check_in",
        dt.datetime(2027, 5, 20, 16, 0, tzinfo=dt.UTC),
    )


@pytest.mark.django_db
def test_points_repay_debt_first() -> None:
    factories.policy(checkin_points=5)
    rules.publish(actor=None, at=AT)
    member = factories.member()
    member.accounts.filter(kind="points").update(balance=-3, debt=3)
    come(member)
    account = member.accounts.get(kind="points")
    assert (account.balance, account.debt) == (2, 0)
    assert Lot.objects.get().points_left == 2


@pytest.mark.django_db
def test_the_second_track_promotes_with_its_gift() -> None:
    silver = factories.tiers()["银卡"]
    silver.dual_threshold_fen, silver.dual_checkins = 30000, 2
    silver.upgrade_pack = GiftPack.objects.create(name="升级礼", points=20)
    silver.save()
    rules.publish(actor=None, at=AT)
    member = factories.member()
    MemberStats.objects.filter(member=member).update(basis_fen=30000)
    factories.policy(progress="lifetime")
    rules.publish(actor=None, at=AT)

    assert come(member)["promotion"] is None
    promotion = come(member, AT + DAY)["promotion"]
    assert isinstance(promotion, dict)
    assert (promotion["after"], promotion["points"]) == (silver.pk, 20)
    stats = MemberStats.objects.get(member=member)
    assert (stats.tier, stats.tier_since, stats.tier_until) == (
        silver,
        dt.date(2026, 5, 21),
        dt.date(2027, 5, 21),
    )
    assert member.accounts.get(kind="points").balance == 20
    kinds = Event.objects.filter(member=member).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["checked_in", "tier_changed", "checked_in"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "code"), [("frozen", "member_frozen"), ("closed", "member_unknown")]
)
def test_who_cannot_use_the_card_cannot_check_in(status: str, code: str) -> None:
    member = factories.member(phone=None, name="", status=status)
    with pytest.raises(Refusal) as caught:
        come(member)
    assert caught.value.code == code
    assert not CheckIn.objects.exists()


@pytest.mark.django_db
def test_nobody_checks_in() -> None:
    with pytest.raises(Refusal) as caught:
        check_in(member_id=4711, shop=None, actor=None, at=AT)
    assert caught.value.code == "member_unknown"


def test_ten_at_once_count_once(live_db: LiveDatabase) -> None:
    factories.policy(checkin_points=5)
    rules.publish(actor=None, at=AT)
    member = factories.member()
    start = threading.Barrier(10, timeout=30)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            start.wait()
            come(member)
            outcomes.append("done")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["already_checked_in"] * 9 + ["done"]
    assert member.accounts.get(kind="points").balance == 5
    assert MemberStats.objects.get(member=member).checkins_count == 1
