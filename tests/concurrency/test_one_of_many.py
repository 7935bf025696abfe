"""Many want the same thing at the same moment: exactly as many get it as there is.

Each of the first two promises is written once, as a scenario that returns its outcome, and holds
only with the locks: the product itself without them must fail the same scenario.
"""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from loyalty.models import Account, Coupon, CouponUse, Order, QuotaUse, Refund, TopUp
from loyalty.services import checkout, joining, redeeming, rules, top_ups, undoing
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Member
from members.services import members
from tests import factories, invariants
from tests.concurrency.crowd import Answer, Outcome, is_found_out, together
from tests.conftest import LiveDatabase
from tests.factories import AT

MANY = 50
KEYS = itertools.count(1)


@pytest.fixture(autouse=True)
def _rules(live_db: LiveDatabase) -> None:
    factories.policy()
    factories.tiers()
    factories.shop()
    rules.publish(actor=None, at=AT)


def new_key() -> uuid.UUID:
    return uuid.UUID(int=next(KEYS))


def new_member(**balances: int) -> Member:
    return factories.member(f"+86139{next(KEYS):08}", **balances)  # type: ignore[arg-type]


def sale(fen: int, member: Member | None = None, **choices: object) -> Cart:
    return Cart(
        (CartLine(amount_fen=fen),),
        member_id=member.pk if member else None,
        **choices,  # type: ignore[arg-type]
    )


def settle(cart: Cart, *, key: uuid.UUID | None = None, seen: str | None = None) -> Answer:
    return checkout.settle(
        key=key or new_key(),
        cart=cart,
        expected_hash=seen,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def refund(order: int, amount_fen: int | None, *, key: uuid.UUID | None = None) -> Answer:
    return undoing.refund(
        key=key or new_key(),
        order_id=order,
        lines=None,
        amount_fen=amount_fen,
        reason="",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def top_up(member: Member, key: uuid.UUID) -> Answer:
    return top_ups.top_up(
        key=key,
        member_id=member.pk,
        plan_id=None,
        amount_fen=5000,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def check_rows(outcome: Outcome) -> None:
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)


def principal_of(member: Member) -> int:
    return Account.objects.get(member=member, kind="principal").balance


# --- No overspend ---------------------------------------------------------------------------------


def fifty_times_ten_on_a_hundred() -> Outcome:
    """Each cashier saw ¥10 on stored value and nothing to pay, and presses Enter."""
    member = new_member(principal_fen=10000)
    cart = sale(1000, member, use_stored_value=True)
    seen = checkout.quote(cart=cart, shop=factories.shop(), at=AT)
    assert seen.settlement.principal_fen == 1000
    outcome = together([lambda: settle(cart, seen=seen.hash)] * MANY)
    outcome.expect("settled", len(outcome.answers), 10)
    outcome.expect("refused", outcome.refused, Counter(quote_changed=40))
    outcome.expect("left", principal_of(member), 0)
    outcome.expect("orders", Order.objects.filter(member=member).count(), 10)
    check_rows(outcome)
    return outcome


def test_fifty_times_ten_on_a_hundred_is_ten() -> None:
    assert fifty_times_ten_on_a_hundred().problems == []


def test_fifty_times_ten_without_locks_is_found_out() -> None:
    assert is_found_out(fifty_times_ten_on_a_hundred)


# --- One intent, one effect -----------------------------------------------------------------------


def same_key(send: Callable[[uuid.UUID], Answer], count: Callable[[], int]) -> Outcome:
    """Fifty times one key: one effect, forty-nine replays, fifty times the same answer."""
    key, before = new_key(), count()
    outcome = together([lambda: send(key)] * MANY)
    replays = Counter(answer["replayed"] for answer in outcome.answers)
    outcome.expect("answers", replays, Counter({True: MANY - 1, False: 1}))
    outcome.expect("refused", outcome.refused, Counter())
    outcome.expect("effects", count() - before, 1)
    told = {json.dumps({**a, "replayed": None}, sort_keys=True) for a in outcome.answers}
    outcome.expect("different answers", len(told), 1)
    check_rows(outcome)
    return outcome


def same_sale() -> Outcome:
    cart = sale(1000, new_member(points=500, principal_fen=5000), use_stored_value=True, points=100)
    return same_key(lambda key: settle(cart, key=key), Order.objects.count)


def same_guest_sale() -> Outcome:
    return same_key(lambda key: settle(sale(1999), key=key), Order.objects.count)


def same_top_up() -> Outcome:
    member = new_member()
    outcome = same_key(lambda key: top_up(member, key), TopUp.objects.count)
    outcome.expect("principal", principal_of(member), 5000)
    return outcome


def same_refund() -> Outcome:
    order = settle(sale(10000, new_member()))["order"]
    outcome = same_key(lambda key: refund(order, 100, key=key), Refund.objects.count)
    outcome.expect("refunded", Order.objects.get(pk=order).refunded_base_fen, 100)
    return outcome


SAME_KEY = [same_sale, same_guest_sale, same_top_up, same_refund]


@pytest.mark.parametrize("scenario", SAME_KEY)
def test_fifty_with_one_key_are_one(scenario: Callable[[], Outcome]) -> None:
    assert scenario().problems == []


@pytest.mark.parametrize("scenario", SAME_KEY)
def test_one_key_without_locks_is_found_out(scenario: Callable[[], Outcome]) -> None:
    assert is_found_out(scenario)


# --- What there is once is had once ---------------------------------------------------------------


def test_the_second_of_two_simultaneous_refunds_is_refused() -> None:
    member = new_member()
    order = settle(sale(10000, member))["order"]
    outcome = together([lambda: refund(order, 6000)] * 2)
    assert outcome.problems == []
    assert (len(outcome.answers), outcome.refused) == (1, Counter(refund_exceeds_paid=1))
    outcome = together([lambda: refund(order, None)] * 4)
    assert outcome.problems == []
    assert (len(outcome.answers), outcome.refused) == (1, Counter(already_undone=3))
    assert Order.objects.get(pk=order).refunded_base_fen == 10000
    assert Account.objects.get(member=member, kind="points").balance == 0


def test_a_void_and_a_refund_at_once_undo_it_once() -> None:
    order = settle(sale(10000, new_member()))["order"]

    def void() -> Answer:
        return undoing.void(
            key=new_key(), order_id=order, reason="", shop=factories.shop(), actor=None, at=AT
        )

    outcome = together([void, lambda: refund(order, None)] * 3)
    assert outcome.problems == []
    assert (len(outcome.answers), outcome.refused) == (1, Counter(already_undone=5))


def test_a_coupon_is_used_by_one_of_two_sales() -> None:
    member = new_member()
    coupon = factories.coupon(member, factories.coupon_template("减20元", threshold_fen=5000))
    rules.publish(actor=None, at=AT)
    outcome = together([lambda: settle(sale(10000, member, coupons=(coupon.pk,)))] * 4)
    assert outcome.problems == []
    assert (len(outcome.answers), outcome.refused) == (1, Counter(coupon_used=3))
    assert outcome.answers[0]["to_pay_fen"] == 8000
    coupon.refresh_from_db()
    assert (coupon.status, coupon.uses_left) == (Coupon.Status.USED, 0)
    assert CouponUse.objects.filter(coupon=coupon).count() == 1


def test_a_quota_is_kept_by_sales_and_by_redeeming() -> None:
    member = new_member()
    special = factories.benefit("新书", "special", text="两本", quota=2, quota_period="month")
    off = factories.benefit("减1元", "amount_off", amount_fen=100, quota=3, quota_period="day")
    rules.publish(actor=None, at=AT)

    def redeem() -> Answer:
        return redeeming.redeem_special(
            key=new_key(),
            member_id=member.pk,
            benefit_id=special.pk,
            shop=factories.shop(),
            actor=None,
            at=AT,
        )

    outcome = together([redeem] * 8)
    assert outcome.problems == []
    assert (len(outcome.answers), outcome.refused) == (2, Counter(quota_used_up=6))
    outcome = together([lambda: settle(sale(1000, member))] * 8)
    assert outcome.problems == []
    paid = Counter(answer["to_pay_fen"] for answer in outcome.answers)
    assert paid == Counter({900: 3, 1000: 5})
    assert QuotaUse.objects.filter(benefit=off).count() == 3


def test_two_who_join_with_one_phone_are_one_member() -> None:
    def join() -> None:
        joining.join(phone="13900139000", name="李雷", shop=factories.shop(), actor=None, at=AT)

    outcome = together([join] * 6)
    assert outcome.problems == []
    assert outcome.refused == Counter(already_member=5)
    member = Member.objects.get(phone="+8613900139000")
    assert Account.objects.filter(member=member).count() == 3


def test_no_money_is_put_on_a_card_that_is_closed_at_the_same_moment() -> None:
    for _round in range(5):
        member = new_member()

        def close(member: Member = member) -> None:
            members.close(member_id=member.pk, actor=None, at=AT)

        def pay_in(member: Member = member) -> Answer:
            return top_up(member, new_key())

        outcome = together([close, pay_in, pay_in])
        assert outcome.problems == []
        member.refresh_from_db()
        if member.status == Member.Status.CLOSED:
            assert outcome.refused == Counter(member_unknown=2)
            assert principal_of(member) == 0
        else:
            assert outcome.refused == Counter(money_left=1)
            assert principal_of(member) == 10000


# --- Waiting has an end ---------------------------------------------------------------------------


@pytest.mark.parametrize("held", ["key", "accounts"])
def test_what_is_held_too_long_is_answered_with_busy(held: str) -> None:
    member, key = new_member(), new_key()
    taken, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            if held == "key":
                cursor.execute(
                    "INSERT INTO loyalty_clientkey (key, kind, content_hash, at)"
                    " VALUES (%s, 'settle', '', %s)",
                    [key, AT],
                )
            else:
                cursor.execute(
                    "SELECT 1 FROM loyalty_account WHERE member_id = %s FOR UPDATE", [member.pk]
                )
            taken.set()
            enough.wait(30)
            cursor.execute("ROLLBACK")

    def ring_up() -> None:
        taken.wait(30)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
            with pytest.raises(Refusal) as refused:
                settle(sale(1000, member), key=key)
            assert (refused.value.code, refused.value.status) == ("busy", 409)
        finally:
            enough.set()

    outcome = together([hold, ring_up])
    assert outcome.problems == []
    assert not Order.objects.exists()
    # Nothing was kept: the same key settles once the way is free.
    assert settle(sale(1000, member), key=key)["replayed"] is False
