"""The steps one by one, beyond the numbers of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loyalty.settlement.calculator import settle
from loyalty.settlement.types import (
    Ask,
    Benefit,
    BenefitKind,
    Buyer,
    Coupon,
    CouponKind,
    CouponUse,
    Line,
    LotDraw,
    NotApplied,
    PointsRule,
    Refused,
    RoundingMode,
    Sale,
    Scope,
    ScopeKind,
    Settlement,
    StepKind,
    ValueLot,
)

MEMBER = Buyer(is_member=True)
GOLD = Benefit(1, BenefitKind.PERCENT, rate_pm=900)
DRINKS = Scope(ScopeKind.CATEGORIES, frozenset({1}))
ALL_HALF = Benefit(2, BenefitKind.NTH_UNIT, nth_n=2, rate_pm=500)


def drink(quantity: int, fen: int, product_id: int = 1) -> Line:
    return Line(quantity, fen, product_id=product_id, category_ids=frozenset({1}))


def food(quantity: int, fen: int, product_id: int = 9) -> Line:
    return Line(quantity, fen, product_id=product_id, category_ids=frozenset({2}))


def bases(result: Settlement) -> list[int]:
    return [line.base_fen for line in result.lines]


# --- step 2 ----------------------------------------------------------------------------------


def test_a_line_of_89638_units_is_one_run() -> None:
    petrol = Line(89_638, 1, product_id=1)
    result = settle(Sale((petrol,), MEMBER, (GOLD, ALL_HALF)))
    assert result.other_fen == 44_819  # half of a fen is none: the second unit is free
    assert result.benefit_ids == (2,)


def test_buy_two_get_one_free_leaves_the_fourth_to_the_percent() -> None:
    third_free = replace(ALL_HALF, nth_n=3, rate_pm=0)
    result = settle(Sale((drink(4, 1000),), MEMBER, (GOLD, third_free)))
    assert [(s.benefit_id, s.amount_fen) for s in result.steps[:2]] == [(2, 1000), (1, 100)]
    assert result.other_fen == 2900


def test_two_nth_benefits_take_units_by_rank() -> None:
    third_free = Benefit(3, BenefitKind.NTH_UNIT, rank=1, nth_n=3, rate_pm=0)
    result = settle(Sale((drink(5, 1000),), MEMBER, (third_free, ALL_HALF)))
    # rank 0 takes 4 of 5 and leaves too few for the other, which alone would save as much
    assert result.other_fen == 4000
    assert result.benefit_ids == (2,)


def test_of_equal_savings_the_fewest_benefits_and_the_lowest_rank() -> None:
    same = replace(ALL_HALF, id=3, rank=1)
    result = settle(Sale((drink(4, 1000),), MEMBER, (same, ALL_HALF)))
    assert (result.benefit_ids, result.other_fen) == ((2,), 3000)
    assert result.not_applied == (NotApplied("beaten", benefit_id=3),)


def test_member_price_against_percent() -> None:
    prices = Benefit(3, BenefitKind.MEMBER_PRICE, prices=((1, 2500), (2, 3000)))
    result = settle(Sale((drink(2, 3000, 1), drink(1, 3200, 2)), MEMBER, (GOLD, prices)))
    assert bases(result) == [5000, 2880]
    # a weighed article is an amount: there is no unit price to compare
    weighed = Line(amount_fen=5000, product_id=1, category_ids=frozenset({1}))
    assert settle(Sale((weighed,), MEMBER, (prices,))).other_fen == 5000


def test_equal_simple_benefits_go_by_rank_then_id() -> None:
    others = (replace(GOLD, id=5), replace(GOLD, id=4), replace(GOLD, id=3, rank=1))
    assert settle(Sale((drink(1, 1000),), MEMBER, others)).benefit_ids == (4,)


def test_stacking_benefits_apply_to_what_is_left_in_rank_order() -> None:
    stacked = replace(GOLD, id=3, rate_pm=800, stacks=True)
    prices = Benefit(4, BenefitKind.MEMBER_PRICE, rank=1, prices=((1, 2200),), stacks=True)
    half = replace(ALL_HALF, id=5, rank=2, stacks=True)
    result = settle(Sale((drink(2, 3200),), MEMBER, (GOLD, stacked, prices, half)))
    # 6400 → 5760 → 4608 → 2 × 2200 → 2200 + 1100
    assert [s.amount_fen for s in result.steps[:4]] == [640, 1152, 208, 1100]
    assert result.other_fen == 3300


# --- step 3 ----------------------------------------------------------------------------------


def test_the_best_amount_off_and_those_that_stack() -> None:
    ten = Benefit(2, BenefitKind.AMOUNT_OFF, amount_fen=1000, threshold_fen=9000)
    five = Benefit(3, BenefitKind.AMOUNT_OFF, amount_fen=500)
    two = Benefit(4, BenefitKind.AMOUNT_OFF, amount_fen=200, threshold_fen=9000, stacks=True)
    result = settle(Sale((food(1, 10000),), MEMBER, (GOLD, ten, five, two)))
    # both thresholds look at 9000, the amount after step 2
    assert result.other_fen == 7800
    assert result.benefit_ids == (1, 2, 4)


def test_first_order_only() -> None:
    first = Benefit(2, BenefitKind.AMOUNT_OFF, amount_fen=1000, first_order_only=True)
    newcomer = replace(MEMBER, is_first_order=True)
    assert settle(Sale((food(1, 3000),), newcomer, (first,))).other_fen == 2000
    assert settle(Sale((food(1, 3000),), MEMBER, (first,))).other_fen == 3000


# --- step 4 ----------------------------------------------------------------------------------


def test_percent_comes_before_amount_off() -> None:
    coupons = (
        Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=2000, stackable=True),
        Coupon(2, CouponKind.PERCENT, rate_pm=800),
    )
    result = settle(Sale((food(1, 10000),), MEMBER, coupons=coupons))
    assert [(s.coupon_id, s.amount_fen) for s in result.steps[:2]] == [(2, 2000), (1, 2000)]


def test_exchange_frees_the_cheapest_unit_that_costs_something() -> None:
    coupon = Coupon(1, CouponKind.EXCHANGE, scope=DRINKS)
    lines = (drink(2, 3200, 1), drink(1, 2800, 2), drink(1, 0, 3), food(1, 100))
    result = settle(Sale(lines, MEMBER, (GOLD,), (coupon,)))
    assert result.coupon_uses == (CouponUse(1, 2520),)  # at its price after step 3
    assert bases(result) == [5760, 0, 0, 90]


def test_of_equal_units_the_last_is_exchanged() -> None:
    coupon = Coupon(1, CouponKind.EXCHANGE)
    result = settle(Sale((food(2, 500, 1), food(1, 500, 2)), MEMBER, coupons=(coupon,)))
    assert bases(result) == [1000, 0]


def test_pass_covers_the_dearest_units_as_often_as_it_has_uses() -> None:
    ten_coffees = Coupon(1, CouponKind.PASS, scope=DRINKS, uses_left=2)
    lines = (drink(2, 2800, 1), drink(1, 3200, 2), food(1, 1000))
    result = settle(Sale(lines, MEMBER, coupons=(ten_coffees,)))
    assert result.coupon_uses == (CouponUse(1, 6000, uses=2),)
    assert bases(result) == [2800, 0, 1000]


def test_pass_redeemed_alone_is_an_order_of_nothing() -> None:
    ten_coffees = Coupon(1, CouponKind.PASS, uses_left=2)
    sale = Sale((), MEMBER, coupons=(ten_coffees,), ask=Ask(coupons=(1,)))
    result = settle(sale)
    assert (result.gross_fen, result.other_fen, result.lines) == (0, 0, ())
    assert result.coupon_uses == (CouponUse(1, 0, uses=1),)
    assert [(s.kind, s.coupon_id) for s in result.steps] == [(StepKind.COUPON, 1)]


@pytest.mark.parametrize(
    ("coupon", "code"),
    [
        (Coupon(1, CouponKind.PASS, uses_left=0), "used_up"),
        (Coupon(1, CouponKind.PASS, unavailable="expired"), "expired"),
        (Coupon(1, CouponKind.PASS, first_order_only=True), "first_order_only"),
        (Coupon(1, CouponKind.EXCHANGE), "nothing_to_settle"),
    ],
)
def test_what_cannot_be_redeemed_alone(coupon: Coupon, code: str) -> None:
    with pytest.raises(Refused) as refused:
        settle(Sale((), MEMBER, coupons=(coupon,), ask=Ask(coupons=(1,))))
    assert refused.value.code == code


def test_nth_unit_coupon_goes_by_the_prices_of_step_3() -> None:
    coupon = Coupon(1, CouponKind.NTH_UNIT, nth_n=2, rate_pm=500, scope=DRINKS)
    result = settle(Sale((drink(2, 3200, 1), drink(1, 2800, 2)), MEMBER, (GOLD,), (coupon,)))
    assert result.coupon_uses == (CouponUse(1, 1440),)


def test_equal_coupons_go_by_expiry_then_id() -> None:
    def coupon(number: int, expires: int) -> Coupon:
        return Coupon(number, CouponKind.AMOUNT_OFF, amount_fen=500, expires=expires)

    wallet = (coupon(1, 9), coupon(4, 5), coupon(3, 5), coupon(2, 7))
    result = settle(Sale((food(1, 3000),), MEMBER, coupons=wallet))
    assert result.coupon_uses == (CouponUse(3, 500),)
    stackable = tuple(replace(c, stackable=True) for c in wallet)
    result = settle(Sale((food(1, 1000),), MEMBER, coupons=stackable))
    assert [use.coupon_id for use in result.coupon_uses] == [3, 4]


def test_equal_amounts_take_the_first_branch_and_fewer_coupons() -> None:
    ten_off = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=1000, not_with_member_discount=True)
    result = settle(Sale((food(1, 10000),), MEMBER, (GOLD,), (ten_off,)))
    assert (result.other_fen, result.benefit_ids, result.coupon_uses) == (9000, (1,), ())
    two = tuple(
        Coupon(n, CouponKind.AMOUNT_OFF, amount_fen=fen, stackable=True)
        for n, fen in ((1, 500), (2, 500), (3, 1000))
    )
    result = settle(Sale((food(1, 1000),), MEMBER, coupons=two))
    assert result.coupon_uses == (CouponUse(3, 1000),)


def test_not_with_member_discount_is_fine_where_there_is_none() -> None:
    coupon = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=1000, not_with_member_discount=True)
    books = replace(GOLD, scope=Scope(ScopeKind.CATEGORIES, frozenset({7})))
    assert settle(Sale((food(1, 3000),), MEMBER, (books,), (coupon,))).other_fen == 2000


def test_asked_coupons_take_the_cheaper_branch_that_allows_them_all() -> None:
    plain = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=2000, threshold_fen=10000)
    sale = Sale((food(1, 10000),), MEMBER, (GOLD,), (plain,), ask=Ask(coupons=(1,)))
    result = settle(sale)
    assert (result.other_fen, result.benefit_ids) == (8000, ())
    with pytest.raises(Refused) as refused:
        settle(replace(sale, lines=(food(1, 9500),)))
    assert refused.value.code == "threshold_short"
    assert refused.value.details == {"coupon_id": 1, "missing_fen": 500}


def test_an_open_amount_takes_what_is_for_all() -> None:
    coupon = Coupon(1, CouponKind.PERCENT, rate_pm=850)
    drinks_only = replace(GOLD, id=2, scope=DRINKS)
    result = settle(Sale((Line(amount_fen=9999),), MEMBER, (GOLD, drinks_only), (coupon,)))
    assert result.other_fen == 7649  # 9999 → 8999 → 7649
    assert result.not_applied == (NotApplied("needs_articles", benefit_id=2),)


# --- steps 5 to 8 ----------------------------------------------------------------------------


def test_lots_are_drawn_first_in_first_out_with_the_list_price_they_cover() -> None:
    buyer = replace(MEMBER, lots=(ValueLot(7, 1000, 200), ValueLot(8, 0, 300), ValueLot(9, 90, 9)))
    ask = Ask(use_stored_value=True)
    result = settle(Sale((food(2, 1000),), buyer, (GOLD,), ask=ask))
    # 1800 to pay: 1200 of lot 7, all of lot 8, all of lot 9, the rest otherwise
    assert result.draws == (
        LotDraw(7, 1000, 200, 1334),
        LotDraw(8, 0, 300, 333),
        LotDraw(9, 90, 9, 110),
    )
    assert (result.other_fen, result.principal_fen, result.bonus_fen) == (201, 1090, 509)


def test_the_cap_on_stored_value_is_a_cap_on_what_is_drawn() -> None:
    buyer = replace(MEMBER, lots=(ValueLot(1, 10000, 0),))
    ask = Ask(use_stored_value=True, stored_value_fen=500)
    result = settle(Sale((food(1, 2000),), buyer, ask=ask))
    assert (result.stored_paid_fen, result.other_fen) == (500, 1500)


@pytest.mark.parametrize(
    ("mode", "rounding", "other"),
    [(RoundingMode.NONE, 0, 1166), (RoundingMode.JIAO, 6, 1160), (RoundingMode.YUAN, 66, 1100)],
)
def test_rounding(mode: RoundingMode, rounding: int, other: int) -> None:
    result = settle(Sale((food(1, 1166),), MEMBER, rounding=mode))
    assert (result.rounding_fen, result.other_fen) == (rounding, other)


def test_free_articles_and_lines_without_units_are_a_sale() -> None:
    result = settle(Sale((food(1, 0), food(0, 500)), MEMBER, (GOLD,)))
    assert (result.gross_fen, result.other_fen, result.points_earned) == (0, 0, 0)
    assert [step.kind for step in result.steps] == []


# --- step 9 ----------------------------------------------------------------------------------


def test_policy_may_let_bonus_and_points_earn() -> None:
    buyer = Buyer(is_member=True, points=500, lots=(ValueLot(1, 1000, 1000),))
    ask = Ask(points=500, use_stored_value=True)
    sale = Sale((food(1, 3000),), buyer, ask=ask)
    assert settle(sale).points_earned == 15
    both = PointsRule(earn_on_bonus=True, earn_on_points=True)
    assert settle(replace(sale, points_rule=both)).points_earned == 30
    assert settle(replace(sale, points_rule=both)).basis_fen == 3000


def test_the_largest_multiplier_counts_line_by_line() -> None:
    benefits = (
        Benefit(1, BenefitKind.MULTIPLIER, multiplier_pm=1500),
        Benefit(2, BenefitKind.MULTIPLIER, multiplier_pm=3000, scope=DRINKS),
    )
    result = settle(Sale((drink(1, 1050), food(1, 1050)), MEMBER, benefits))
    assert result.points_earned == 47  # 31.5 + 15.75, floored once
    assert [line.points_earned for line in result.lines] == [31, 16]
    assert result.benefit_ids == (1, 2)


def test_a_multiplier_coupon_is_used_when_it_earns_more() -> None:
    double = Coupon(1, CouponKind.MULTIPLIER, multiplier_pm=2000)
    sale = Sale((food(1, 1000),), MEMBER, coupons=(double,))
    result = settle(sale)
    assert (result.points_earned, result.coupon_uses) == (20, (CouponUse(1, 0),))
    triple = Benefit(1, BenefitKind.MULTIPLIER, multiplier_pm=3000)
    result = settle(replace(sale, benefits=(triple,)))
    assert (result.points_earned, result.coupon_uses) == (30, ())
    assert result.not_applied == (NotApplied("saves_nothing", coupon_id=1),)


def test_a_multiplier_coupon_takes_the_one_place_of_an_ordinary_coupon() -> None:
    double = Coupon(1, CouponKind.MULTIPLIER, multiplier_pm=2000)
    off = Coupon(2, CouponKind.AMOUNT_OFF, amount_fen=100)
    sale = Sale((food(1, 1000),), MEMBER, coupons=(double, off))
    result = settle(sale)
    assert (result.points_earned, result.other_fen) == (9, 900)
    assert result.not_applied == (NotApplied("beaten", coupon_id=1),)
    stackable = replace(sale, coupons=(replace(double, stackable=True), off))
    assert settle(stackable).points_earned == 18
    asked = settle(replace(sale, ask=Ask(coupons=(1,))))
    assert (asked.points_earned, asked.other_fen) == (20, 1000)


def test_a_guest_earns_nothing_but_the_basis_is_kept() -> None:
    result = settle(Sale((food(1, 1000),)))
    assert (result.points_earned, result.basis_fen, result.other_fen) == (0, 1000, 1000)
