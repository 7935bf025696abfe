"""Quote and settle: SETTLEMENT row 13 as rows in the database, guests, replays, refusals."""

from __future__ import annotations

import uuid

import pytest

from loyalty.models import Account, Benefit, CouponTemplate, Entry, Lot, MemberStats, Order, RuleSet
from loyalty.services import checkout, coupons, rules
from loyalty.services.checkout import Cart, CartLine
from loyalty.settlement import calculator
from loyalty.settlement.replay import inputs_from_json
from loyalty.settlement.rulebook import RuleBook
from members.errors import Refusal
from members.models import Event
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

KEY = uuid.UUID("00000000-0000-4000-8000-000000000001")


def open_amount(fen: int) -> tuple[CartLine, ...]:
    return (CartLine(amount_fen=fen),)


def balances(member_id: int | None) -> dict[str, int]:
    assert member_id is not None
    return dict(Account.objects.filter(member_id=member_id).values_list("kind", "balance"))


def row_13() -> Cart:
    """Gold 900‰, 满80减20, 500 points, stored value 900‰; principal ¥100, bonus ¥20."""
    factories.policy()
    member = factories.member(tier="金卡", points=500, principal_fen=10000, bonus_fen=2000)
    gold = factories.tiers()["金卡"]
    percent = Benefit.objects.create(name="金卡9折", kind="percent", rate_pm=900)
    percent.tiers.add(gold)
    stored = Benefit.objects.create(
        name="储值再9折", kind="percent", rate_pm=900, only_stored_value=True
    )
    stored.tiers.add(gold)
    CouponTemplate.objects.create(
        name="满80减20", kind="amount_off", amount_fen=2000, threshold_fen=8000, valid_days=7
    )
    rules.publish(actor=None, at=AT)
    coupons.issue(
        member_id=member.pk,
        template=RuleSet.objects.get().snapshot["templates"][0],
        count=1,
        source="test",
        order_id=None,
        at=AT,
    )
    return Cart(
        lines=(
            CartLine(name="拿铁", quantity=2, unit_price_fen=3200),
            CartLine(name="蛋糕", quantity=1, unit_price_fen=3600),
        ),
        member_id=member.pk,
        points=500,
        use_stored_value=True,
    )


def test_row_13_is_settled_and_can_be_replayed() -> None:
    cart = row_13()
    shop, cashier = factories.shop(), factories.cashier()
    quote = checkout.quote(cart=cart, shop=shop, at=AT)
    answer = checkout.settle(
        key=KEY, cart=cart, expected_hash=quote.hash, tender="cash", shop=shop, actor=cashier, at=AT
    )
    assert answer["base_fen"] == 7000
    assert (answer["principal_fen"], answer["bonus_fen"]) == (4875, 975)
    assert answer["to_pay_fen"] == 0
    assert answer["points_earned"] == 48
    assert answer["balances"] == {"points": 48, "principal_fen": 5125, "bonus_fen": 1025}
    assert balances(cart.member_id) == {"points": 48, "principal": 5125, "bonus": 1025}
    order = Order.objects.get()
    assert [s.amount_fen for s in order.steps.order_by("index") if s.kind != "earn"][:4] == [
        1000,
        2000,
        500,
        650,
    ]
    assert order.coupon_uses.get().saved_fen == 2000
    stats = MemberStats.objects.get()
    assert (stats.orders_count, stats.net_fen, stats.basis_fen) == (1, 4875, 4875)
    assert Event.objects.filter(kind="settled", member_id=cart.member_id or 0).count() == 1
    # The calculator repeats it from what is stored.
    again = calculator.settle(
        RuleBook(order.ruleset.snapshot).sale(inputs_from_json(order.inputs or {}))
    )
    assert again == quote.settlement
    # The same key again: the same answer, nothing new.
    entries = Entry.objects.count()
    replay = checkout.settle(
        key=KEY, cart=cart, expected_hash=quote.hash, tender="cash", shop=shop, actor=cashier, at=AT
    )
    assert replay == {**answer, "replayed": True}
    assert (Order.objects.count(), Entry.objects.count()) == (1, entries)


def test_same_key_with_other_content_is_refused_and_changes_nothing() -> None:
    factories.policy()
    shop = factories.shop()
    checkout.settle(
        key=KEY,
        cart=Cart(open_amount(1000)),
        expected_hash=None,
        tender="cash",
        shop=shop,
        actor=None,
        at=AT,
    )
    with pytest.raises(Refusal) as refused:
        checkout.settle(
            key=KEY,
            cart=Cart(open_amount(2000)),
            expected_hash=None,
            tender="cash",
            shop=shop,
            actor=None,
            at=AT,
        )
    assert (refused.value.code, refused.value.status) == ("key_reused", 422)
    assert Order.objects.count() == 1


def test_a_stale_quote_is_refused_with_the_new_one() -> None:
    cart = row_13()
    shop = factories.shop()
    seen = checkout.quote(cart=cart, shop=shop, at=AT)
    Benefit.objects.filter(name="金卡9折").update(rate_pm=800)
    rules.publish(actor=None, at=AT)
    with pytest.raises(checkout.QuoteChanged) as refused:
        checkout.settle(
            key=KEY,
            cart=cart,
            expected_hash=seen.hash,
            tender="cash",
            shop=shop,
            actor=None,
            at=AT,
        )
    assert refused.value.status == 409
    assert refused.value.worked.settlement.base_fen == 6000
    assert not Order.objects.exists()
    assert balances(cart.member_id) == {"points": 500, "principal": 10000, "bonus": 2000}


def test_a_guest_sale_earns_nothing_and_needs_no_account() -> None:
    factories.policy(rounding="jiao")
    answer = checkout.settle(
        key=KEY,
        cart=Cart(open_amount(1999)),
        expected_hash=None,
        tender="wechat",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    assert (answer["to_pay_fen"], answer["rounding_fen"]) == (1990, 9)
    assert answer["balances"] == {}
    assert not Lot.objects.exists()
