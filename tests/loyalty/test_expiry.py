"""Points past their day: row 17 of SETTLEMENT, debt, batches, repeats."""

from __future__ import annotations

import datetime as dt

import pytest

from loyalty.models import Account, Entry, Lot
from loyalty.selectors import reconciliation
from loyalty.services import expiry
from loyalty.services.checkout import Cart, CartLine
from loyalty.services.expiry import Expired
from members.models import Event
from tests import factories
from tests.factories import AT
from tests.loyalty.test_undoing import settle

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def lots() -> list[tuple[int, int]]:
    return list(Lot.objects.order_by("pk").values_list("points_issued", "points_left"))


def points(member_id: int) -> tuple[int, int]:
    return Account.objects.values_list("balance", "debt").get(member_id=member_id, kind="points")


def test_row_17_two_lots_spent_first_in_first_out_and_expired() -> None:
    factories.policy(earn_per_yuan_pm=0)
    member = factories.member(points=575)
    spend = Cart((CartLine(amount_fen=1000),), member_id=member.pk, points=500)
    settle(1, spend)
    later = factories.give_points(member, 805, expires_at=AT + dt.timedelta(days=400))
    settle(2, spend)
    assert points(member.pk) == (380, 0)
    assert lots() == [(575, 0), (805, 380)]

    expires_at = later.expires_at
    assert expires_at is not None
    assert expiry.expire_points(at=expires_at - dt.timedelta(microseconds=1)) == Expired()
    assert expiry.expire_points(at=expires_at) == Expired(members=1, lots=1, points=380)
    assert points(member.pk) == (0, 0)
    assert lots() == [(575, 0), (805, 0)]
    last = Entry.objects.order_by("pk").last()
    assert last is not None
    assert (last.side, last.delta, last.balance_after, last.at) == ("expired", -380, 0, expires_at)
    assert reconciliation.run().totals == {}


def test_a_second_run_finds_nothing() -> None:
    member = factories.member(points=575)
    at = AT + dt.timedelta(days=365)
    assert expiry.expire_points(at=at).points == 575
    assert expiry.expire_points(at=at) == Expired()
    assert Entry.objects.filter(side="expired").count() == 1
    assert [event.data for event in Event.objects.filter(member=member)] == [{"points": 575}]


def test_only_what_has_expired_goes_and_stored_value_never_does() -> None:
    member = factories.member(principal_fen=10000, bonus_fen=2000)
    for number, days in ((10, 1), (20, 2), (30, 3)):
        factories.give_points(member, number, expires_at=AT + days * DAY)
    assert expiry.expire_points(at=AT + 2 * DAY) == Expired(members=1, lots=2, points=30)
    assert points(member.pk) == (30, 0)
    assert Account.objects.get(member=member, kind="principal").balance == 10000
    assert [event.data for event in Event.objects.filter(kind="points_expired")] == [{"points": 30}]


def test_debt_stays_when_points_expire() -> None:
    member = factories.member(points=50)
    account = Account.objects.get(member=member, kind="points")
    Entry.objects.create(account=account, side="clawback", delta=-80, balance_after=-30, at=AT)
    Account.objects.filter(pk=account.pk).update(balance=-30, debt=80)
    expiry.expire_points(at=AT + dt.timedelta(days=365))
    assert points(member.pk) == (-80, 80)
    assert reconciliation.run().totals == {}


def test_batches_go_on_until_nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    people = [factories.member(f"+861380000{number:04}", points=number) for number in range(1, 6)]
    assert expiry.expire_points(at=AT + dt.timedelta(days=365)) == Expired(5, 5, 15)
    assert [points(person.pk) for person in people] == [(0, 0)] * 5
    assert reconciliation.run().totals == {}
