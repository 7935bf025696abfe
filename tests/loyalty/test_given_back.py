"""Quotas, passes and coupons after an order is undone: free again, once, and never revived."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from loyalty.models import Account, Coupon, Entry, MemberStats, Order, QuotaUse
from loyalty.services import adjusting, checkout, redeeming, rules, undoing
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Member
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


def key(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


def sell(number: int, member: Member, fen: int = 1000, **cart: object) -> dict[str, object]:
    return checkout.settle(
        key=key(number),
        cart=Cart((CartLine(amount_fen=fen),), member_id=member.pk, **cart),  # type: ignore[arg-type]
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def refund(number: int, order: object) -> None:
    undoing.refund(
        key=key(number),
        order_id=int(str(order)),
        lines=None,
        amount_fen=None,
        reason="",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def use_special(number: int, member: Member, benefit_id: int, *, at: dt.datetime = AT) -> None:
    redeeming.redeem_special(
        key=key(number),
        member_id=member.pk,
        benefit_id=benefit_id,
        shop=factories.shop(),
        actor=None,
        at=at,
    )


def adjust_points(number: int, member: Member, delta: int) -> None:
    adjusting.adjust(
        key=key(number),
        member_id=member.pk,
        kind="points",
        delta=delta,
        reason="by hand",
        shop=None,
        actor=None,
        at=AT,
    )


def test_nobody_hands_a_special_benefit_to_themselves() -> None:
    factories.policy()
    member, cashier = factories.member(), factories.cashier()
    cashier.member = member
    cashier.save()
    books = factories.benefit("新书", "special", text="新书", quota=2, quota_period="month")
    rules.publish(actor=None, at=AT)
    with pytest.raises(Refusal, match="own_card"):
        redeeming.redeem_special(
            key=key(1),
            member_id=member.pk,
            benefit_id=books.pk,
            shop=factories.shop(),
            actor=cashier,
            at=AT,
        )
    assert not QuotaUse.objects.exists()


def test_a_use_given_back_in_between_is_the_next_to_be_taken() -> None:
    factories.policy()
    member = factories.member()
    factories.benefit("减1元", "amount_off", amount_fen=100, quota=2, quota_period="month")
    rules.publish(actor=None, at=AT)
    first = sell(1, member)
    assert sell(2, member)["to_pay_fen"] == 900
    refund(3, first["order"])
    assert sell(4, member)["to_pay_fen"] == 900
    assert sorted(QuotaUse.objects.values_list("number", flat=True)) == [1, 2]
    assert sell(5, member)["to_pay_fen"] == 1000


@pytest.mark.parametrize(
    ("period", "first", "second"),
    [
        ("ever", AT, AT + dt.timedelta(days=400)),
        # A leap year: 365 days and some hours lie between its first and its last day.
        (
            "year",
            dt.datetime(2028, 1, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2028, 12, 31, 4, tzinfo=dt.UTC),
        ),
    ],
)
def test_a_use_counts_to_the_end_of_its_period(
    period: str, first: dt.datetime, second: dt.datetime
) -> None:
    factories.policy()
    member = factories.member()
    benefit = factories.benefit("体验课", "special", text="x", quota=1, quota_period=period)
    rules.publish(actor=None, at=first)
    use_special(1, member, benefit.pk, at=first)
    with pytest.raises(Refusal) as refused:
        use_special(2, member, benefit.pk, at=second)
    assert refused.value.code == "quota_used_up"
    assert QuotaUse.objects.count() == 1


def test_a_pass_redeemed_alone_can_be_undone_once() -> None:
    factories.policy()
    member = factories.member()
    times = factories.coupon(member, factories.coupon_template("次卡", kind="pass", uses=3))
    rules.publish(actor=None, at=AT)
    answer = redeeming.redeem_pass(
        key=key(1),
        member_id=member.pk,
        coupon_id=times.pk,
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    times.refresh_from_db()
    assert (times.uses_left, MemberStats.objects.get().orders_count) == (2, 1)
    refund(2, answer["order"])
    times.refresh_from_db()
    assert (times.uses_left, MemberStats.objects.get().orders_count) == (3, 0)
    assert Order.objects.get().status == "refunded"
    with pytest.raises(Refusal) as refused:
        refund(3, answer["order"])
    assert refused.value.code == "already_undone"


def test_a_coupon_does_not_survive_the_order_that_brought_it() -> None:
    """Used before its giver was undone, given back afterwards: it is withdrawn, not usable."""
    factories.policy()
    member = factories.member()
    template = factories.coupon_template("减5元", amount_fen=500)
    rules.publish(actor=None, at=AT)
    giver = sell(1, member)
    order = Order.objects.get()
    coupon = factories.coupon(member, template, given_by_order=order)
    user = sell(2, member, coupons=(coupon.pk,))
    assert user["to_pay_fen"] == 500
    refund(3, giver["order"])
    refund(4, user["order"])
    assert Coupon.objects.values_list("status", "uses_left").get() == ("withdrawn", 1)


def test_points_that_are_owed_cannot_be_taken_by_hand() -> None:
    factories.policy()
    member = factories.member()
    order = sell(1, member, 15000)
    adjust_points(2, member, -150)
    refund(3, order["order"])
    later = factories.give_points(member, 100)
    entries = Entry.objects.count()
    with pytest.raises(Refusal) as refused:
        adjust_points(4, member, -50)
    assert (refused.value.code, refused.value.details) == ("balance_short", {"held": 0})
    account = Account.objects.get(member=member, kind="points")
    assert (account.balance, account.debt, later.points_left) == (-50, 150, 100)
    assert Entry.objects.count() == entries
