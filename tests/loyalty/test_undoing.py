"""Void and refund as rows: rows 15, 16 and 18 of SETTLEMENT, series of refunds, refusals."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from loyalty.models import Account, Coupon, Entry, Lot, MemberStats, Order
from loyalty.services import adjusting, checkout, undoing
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Event
from tests import factories
from tests.factories import AT
from tests.loyalty.test_settle import balances, row_13

pytestmark = pytest.mark.django_db


def key(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


def settle(number: int, cart: Cart, *, at: dt.datetime = AT) -> int:
    answer = checkout.settle(
        key=key(number),
        cart=cart,
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=at,
    )
    return int(answer["order"])


def refund(number: int, order: int, **what: object) -> dict[str, object]:
    wanted: dict[str, object] = {"lines": None, "amount_fen": None, **what}
    return undoing.refund(
        key=key(number),
        order_id=order,
        reason="test",
        shop=factories.shop(),
        actor=None,
        at=AT + dt.timedelta(minutes=1),
        **wanted,  # type: ignore[arg-type]
    )


def void(number: int, order: int, *, at: dt.datetime = AT) -> dict[str, object]:
    return undoing.void(
        key=key(number), order_id=order, reason="", shop=factories.shop(), actor=None, at=at
    )


def test_void_is_the_mirror_of_row_13() -> None:
    cart = row_13()
    order = settle(1, cart)
    void(2, order)
    assert balances(cart.member_id or 0) == {"points": 500, "principal": 10000, "bonus": 2000}
    row = Order.objects.get()
    assert (row.status, row.is_valid) == ("voided", False)
    coupon = Coupon.objects.get()
    assert (coupon.status, coupon.uses_left) == ("active", 1)
    stats = MemberStats.objects.get()
    assert (stats.orders_count, stats.net_fen, stats.basis_fen) == (0, 0, 0)
    assert (stats.first_order_at, stats.last_order_at) == (None, None)
    for account in Account.objects.all():
        assert account.balance == sum(account.entries.values_list("delta", flat=True))
    assert Event.objects.filter(kind="voided").count() == 1


def test_row_15_one_of_two_units() -> None:
    factories.policy()
    member = factories.member()
    order = settle(1, Cart((CartLine(quantity=2, unit_price_fen=5000),), member_id=member.pk))
    assert balances(member.pk)["points"] == 100
    answer = refund(2, order, lines=[(0, 1)])
    assert (answer["other_fen"], answer["points_clawed_back"]) == (5000, 50)
    assert balances(member.pk)["points"] == 50


@pytest.mark.parametrize(("half", "left"), [(False, 200), (True, 160)])
def test_row_16_points_used_come_back(*, half: bool, left: int) -> None:
    factories.policy(step_points=50, step_value_fen=50)
    member = factories.member(points=200)
    # 150 points pay ¥1.50 of ¥71.50; ¥70.00 earn 70.
    order = settle(1, Cart((CartLine(amount_fen=7150),), member_id=member.pk, points=150))
    assert balances(member.pk)["points"] == 120
    refund(2, order, **({"amount_fen": 3575} if half else {}))
    assert balances(member.pk)["points"] == left


@pytest.mark.parametrize(("clawback", "debt", "taken"), [("debt", 100, 150), ("forgive", 0, 50)])
def test_row_18_debt_or_forgiven(clawback: str, debt: int, taken: int) -> None:
    factories.policy(clawback=clawback)
    member = factories.member()
    order = settle(1, Cart((CartLine(amount_fen=15000),), member_id=member.pk))
    adjusting.adjust(
        key=key(9),
        member_id=member.pk,
        kind="points",
        delta=-100,
        reason="spent elsewhere",
        shop=None,
        actor=None,
        at=AT,
    )
    refund(2, order)
    account = Account.objects.get(member=member, kind="points")
    assert (account.balance, account.debt) == (-debt, debt)
    assert set(Lot.objects.values_list("points_left", flat=True)) == {0}
    clawed = Entry.objects.filter(side="clawback").values_list("delta", flat=True)
    assert -sum(clawed) == taken
    # The next points repay the debt first.
    settle(3, Cart((CartLine(amount_fen=12000),), member_id=member.pk))
    account.refresh_from_db()
    assert (account.balance, account.debt) == (120 - debt, 0)


def test_a_series_of_refunds_ends_in_exactly_everything() -> None:
    cart = row_13()
    order = settle(1, cart)
    refund(2, order, amount_fen=1)
    refund(3, order, lines=[(0, 1)])
    refund(4, order, amount_fen=1234)
    refund(5, order)
    assert balances(cart.member_id or 0) == {"points": 500, "principal": 10000, "bonus": 2000}
    assert Order.objects.get().status == "refunded"
    with pytest.raises(Refusal) as refused:
        refund(6, order)
    assert refused.value.code == "already_undone"


def test_more_than_was_paid_is_refused_and_changes_nothing() -> None:
    cart = row_13()
    order = settle(1, cart)
    entries = Entry.objects.count()
    for what in ({"amount_fen": 7001}, {"lines": [(0, 3)]}, {"amount_fen": 0}, {"lines": [(7, 1)]}):
        with pytest.raises(Refusal):
            refund(2, order, **what)
    assert Entry.objects.count() == entries
    assert Order.objects.get().status == "settled"


def test_yesterdays_sale_is_refunded_not_voided() -> None:
    factories.policy()
    order = settle(1, Cart((CartLine(amount_fen=1000),)))
    with pytest.raises(Refusal) as refused:
        void(2, order, at=AT + dt.timedelta(days=1))
    assert refused.value.code == "void_too_late"
    assert refund(3, order)["other_fen"] == 1000
