"""The price in hand is the calculator's own: on a typical cart, or on one the coupon fits."""

from __future__ import annotations

import pytest

from loyalty.models import Coupon, MemberStats
from loyalty.selectors import inputs
from loyalty.selectors.inputs import Standing
from loyalty.services import offers, rules, working
from loyalty.services.offers import BestOffer, InHand
from loyalty.settlement.rulebook import RuleBook
from members.models import Member
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


def shopper(*, orders: int = 0, net_fen: int = 0) -> Member:
    factories.policy()
    factories.menu()
    factories.gold_discount()
    member = factories.member(tier="金卡")
    MemberStats.objects.filter(pk=member.pk).update(
        orders_count=orders, net_fen=net_fen, basis_fen=net_fen
    )
    return member


def hold(member: Member, code: str = "80000000000014", **rule: object) -> Coupon:
    fields = {"name": "券", "amount_fen": 0, **rule}
    return factories.coupon(member, factories.coupon_template(**fields), code)  # type: ignore[arg-type]


def standing(member: Member) -> tuple[Standing, RuleBook]:
    rules.publish(actor=None, at=AT)
    found = inputs.load(member_id=member.pk, at=AT)
    assert found is not None
    return found, working.rules_of(found, AT)[1]


def best(member: Member) -> BestOffer | None:
    found, book = standing(member)
    shop = factories.shop()
    return offers.best_offer(standing=found, book=book, shop_id=shop.pk, at=AT)


def in_hand(member: Member) -> list[InHand | None]:
    found, book = standing(member)
    shop = factories.shop()
    held = offers.wallet(standing=found, book=book, shop_id=shop.pk, at=AT)
    return [one.in_hand for one in held]


def test_the_typical_basket_is_the_average_in_whole_yuan() -> None:
    member = shopper(orders=3, net_fen=10000)
    assert offers.typical_fen(standing(member)[0]) == 3300
    newcomer = factories.member("+8613900005678", "李明")
    found = inputs.load(member_id=newcomer.pk, at=AT)
    assert found is not None
    assert offers.typical_fen(found) == 5000


@pytest.mark.parametrize(
    ("orders", "basis", "missing", "visits"),
    [(3, 30000, 12800, 2), (3, 30000, 10000, 1), (3, 30000, 0, 0), (0, 0, 12800, 0)],
)
def test_visits_are_rounded_up(orders: int, basis: int, missing: int, visits: int) -> None:
    found, _book = standing(shopper(orders=orders, net_fen=basis))
    assert offers.visits_to(found, missing) == visits


def test_the_best_offer_with_nothing_but_the_tier() -> None:
    offer = best(shopper())
    assert offer is not None
    assert offer.in_hand == InHand(5000, 4500)
    assert [step.name for step in offer.steps] == ["金卡 9折"]


def test_nothing_off_is_no_offer() -> None:
    member = shopper()
    MemberStats.objects.update(tier=factories.tiers()["普通"])
    assert best(member) is None


def test_a_threshold_within_reach_is_suggested_one_far_away_is_not() -> None:
    member = shopper(orders=1, net_fen=7000)
    hold(member, amount_fen=2000, threshold_fen=8000)
    offer = best(member)
    assert offer is not None
    assert offer.in_hand == InHand(8000, 6000)
    MemberStats.objects.update(net_fen=4000)
    offer = best(member)
    assert offer is not None
    assert offer.in_hand == InHand(4000, 3600)


def test_an_exchange_names_its_article() -> None:
    member = shopper()
    hold(member, kind="exchange")
    # The middle one of tea ¥28, latte ¥32 and cake ¥36, for nothing.
    assert in_hand(member) == [InHand(3200, 0, "拿铁", 1)]


def test_an_article_is_bought_often_enough_for_the_threshold() -> None:
    member = shopper()
    coupon = hold(member, amount_fen=1000, threshold_fen=6000)
    coupon.template.scope = "products"
    coupon.template.save()
    coupon.template.products.add(factories.menu()["tea"])
    # 3 × ¥28 at 90 % is 75.60, less 10.
    assert in_hand(member) == [InHand(8400, 6560, "红茶", 3)]


def test_a_multiplier_has_no_price_and_a_coupon_for_nothing_on_sale_neither() -> None:
    member = shopper()
    hold(member, kind="multiplier", multiplier_pm=2000)
    other = hold(member, "80000000000028", amount_fen=1000)
    other.template.scope = "products"
    other.template.save()
    assert in_hand(member) == [None, None]


def test_what_the_calculator_refuses_is_told() -> None:
    member = shopper(orders=1, net_fen=5000)
    hold(member, amount_fen=500, first_order_only=True)
    found, book = standing(member)
    held = offers.wallet(standing=found, book=book, shop_id=factories.shop().pk, at=AT)
    assert held[0].in_hand is None
    assert held[0].refusal is not None
    assert held[0].refusal.code == "first_order_only"
