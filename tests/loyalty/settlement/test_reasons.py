"""Why a benefit, a coupon or a sale is refused: the stable codes and what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loyalty.settlement.calculator import settle
from loyalty.settlement.prices import MAX_NTH
from loyalty.settlement.types import (
    Ask,
    Benefit,
    BenefitKind,
    Buyer,
    Coupon,
    CouponKind,
    Line,
    NotApplied,
    PointsRule,
    Refused,
    Sale,
    Scope,
    ScopeKind,
    ValueLot,
)

MEMBER = Buyer(is_member=True, points=1000)
OPEN = (Line(amount_fen=10000),)
TEA = Line(2, 1500, product_id=1, category_ids=frozenset({1}))
CAKE = Line(1, 3600, product_id=2, category_ids=frozenset({2}))
BASKET = (TEA, CAKE)
ALL = Scope()
DRINKS = Scope(ScopeKind.CATEGORIES, frozenset({1}))
BOOKS = Scope(ScopeKind.CATEGORIES, frozenset({9}))
GOLD = Benefit(1, BenefitKind.PERCENT, rate_pm=900)
OFF_20 = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=2000)


def percent(number: int, rate_pm: int, scope: Scope = ALL) -> Benefit:
    return Benefit(number, BenefitKind.PERCENT, rate_pm=rate_pm, scope=scope)


def nth(number: int, scope: Scope = ALL, n: int = 2) -> Benefit:
    return Benefit(number, BenefitKind.NTH_UNIT, nth_n=n, rate_pm=500, scope=scope)


def amount_off(number: int, fen: int, threshold_fen: int = 0) -> Benefit:
    return Benefit(number, BenefitKind.AMOUNT_OFF, amount_fen=fen, threshold_fen=threshold_fen)


UNUSED_BENEFITS: list[tuple[str, tuple[Line, ...], tuple[Benefit, ...], NotApplied]] = [
    (
        "callers-reason",
        BASKET,
        (replace(GOLD, name="金卡", unavailable="wrong_day", unavailable_detail="18"),),
        NotApplied("wrong_day", benefit_id=1, name="金卡", detail="18"),
    ),
    (
        "first-order",
        BASKET,
        (replace(GOLD, first_order_only=True),),
        NotApplied("first_order_only", benefit_id=1),
    ),
    ("open-scope", OPEN, (percent(1, 900, DRINKS),), NotApplied("needs_articles", benefit_id=1)),
    ("open-nth", OPEN, (nth(1),), NotApplied("needs_articles", benefit_id=1)),
    ("scope", BASKET, (percent(1, 900, BOOKS),), NotApplied("not_in_scope", benefit_id=1)),
    (
        "member-price-of-others",
        BASKET,
        (Benefit(1, BenefitKind.MEMBER_PRICE, prices=((5, 100),)),),
        NotApplied("not_in_scope", benefit_id=1),
    ),
    (
        "member-price-above-list",
        BASKET,
        (Benefit(1, BenefitKind.MEMBER_PRICE, prices=((1, 1500),)),),
        NotApplied("saves_nothing", benefit_id=1),
    ),
    ("full-price", BASKET, (percent(1, 1000),), NotApplied("saves_nothing", benefit_id=1)),
    ("beaten", BASKET, (GOLD, percent(2, 800)), NotApplied("beaten", benefit_id=1)),
    (
        "too-few-units",
        BASKET,
        (nth(1, DRINKS, 5),),
        NotApplied("too_few_units", benefit_id=1, detail="missing_units=3"),
    ),
    (
        "threshold",
        BASKET,
        (amount_off(1, 1000, 10000),),
        NotApplied("threshold_short", benefit_id=1, missing_fen=3400),
    ),
    (
        "second-best-amount-off",
        BASKET,
        (amount_off(1, 500), amount_off(2, 1000)),
        NotApplied("beaten", benefit_id=1),
    ),
    (
        "not-paid-by-stored-value",
        BASKET,
        (replace(GOLD, only_stored_value=True),),
        NotApplied("only_stored_value", benefit_id=1),
    ),
    (
        "smaller-multiplier",
        BASKET,
        (
            Benefit(1, BenefitKind.MULTIPLIER, multiplier_pm=1500),
            Benefit(2, BenefitKind.MULTIPLIER, multiplier_pm=2000),
        ),
        NotApplied("beaten", benefit_id=1),
    ),
]


@pytest.mark.parametrize(
    ("lines", "benefits", "reason"),
    [case[1:] for case in UNUSED_BENEFITS],
    ids=[case[0] for case in UNUSED_BENEFITS],
)
def test_unused_benefit(
    lines: tuple[Line, ...], benefits: tuple[Benefit, ...], reason: NotApplied
) -> None:
    assert settle(Sale(lines, MEMBER, benefits)).not_applied == (reason,)


def test_benefit_switched_off_by_hand() -> None:
    result = settle(Sale(BASKET, MEMBER, (GOLD,), ask=Ask(without_benefits=frozenset({1}))))
    assert result.not_applied == (NotApplied("switched_off", benefit_id=1),)
    assert result.other_fen == 6600


def test_special_benefit_takes_no_part() -> None:
    special = Benefit(1, BenefitKind.SPECIAL, name="借书两本")
    result = settle(Sale(BASKET, MEMBER, (special,)))
    assert (result.steps[0].amount_fen, result.not_applied) == (6600, ())


def test_more_nth_benefits_than_are_tried() -> None:
    benefits = tuple(nth(number) for number in range(MAX_NTH + 1))
    result = settle(Sale((TEA,), MEMBER, benefits))
    assert result.other_fen == 2250
    assert NotApplied("too_many_rules", benefit_id=MAX_NTH) in result.not_applied


COUPONS: list[tuple[str, tuple[Line, ...], Coupon, NotApplied]] = [
    (
        "callers-reason",
        BASKET,
        replace(OFF_20, unavailable="wrong_shop"),
        NotApplied("wrong_shop", coupon_id=1),
    ),
    ("used-up", BASKET, replace(OFF_20, uses_left=0), NotApplied("used_up", coupon_id=1)),
    (
        "first-order",
        BASKET,
        replace(OFF_20, first_order_only=True),
        NotApplied("first_order_only", coupon_id=1),
    ),
    ("open-scope", OPEN, replace(OFF_20, scope=DRINKS), NotApplied("needs_articles", coupon_id=1)),
    (
        "open-exchange",
        OPEN,
        Coupon(1, CouponKind.EXCHANGE),
        NotApplied("needs_articles", coupon_id=1),
    ),
    (
        "open-nth",
        OPEN,
        Coupon(1, CouponKind.NTH_UNIT, nth_n=2, rate_pm=0),
        NotApplied("needs_articles", coupon_id=1),
    ),
    ("scope", BASKET, replace(OFF_20, scope=BOOKS), NotApplied("not_in_scope", coupon_id=1)),
    (
        "threshold",
        BASKET,
        replace(OFF_20, threshold_fen=4000, scope=DRINKS),
        NotApplied("threshold_short", coupon_id=1, missing_fen=1000),
    ),
    (
        "threshold-at-list-price",
        BASKET,
        replace(OFF_20, threshold_fen=4000, threshold_on_list=True, scope=DRINKS),
        NotApplied("threshold_short", coupon_id=1, missing_fen=1000, detail="on_list"),
    ),
    (
        "saves-nothing",
        BASKET,
        Coupon(1, CouponKind.NTH_UNIT, nth_n=4, rate_pm=0),
        NotApplied("saves_nothing", coupon_id=1),
    ),
    (
        "multiplier-of-one",
        BASKET,
        Coupon(1, CouponKind.MULTIPLIER, multiplier_pm=1000),
        NotApplied("saves_nothing", coupon_id=1),
    ),
]


@pytest.mark.parametrize(
    ("lines", "coupon", "reason"), [case[1:] for case in COUPONS], ids=[c[0] for c in COUPONS]
)
def test_unused_coupon_and_the_same_asked_for(
    lines: tuple[Line, ...], coupon: Coupon, reason: NotApplied
) -> None:
    sale = Sale(lines, MEMBER, coupons=(coupon,))
    assert settle(sale).not_applied == (reason,)
    with pytest.raises(Refused) as refused:
        settle(replace(sale, ask=Ask(coupons=(1,))))
    assert refused.value.code == reason.reason
    assert refused.value.details["coupon_id"] == 1
    assert refused.value.details.get("missing_fen", 0) == reason.missing_fen


def test_coupons_left_out() -> None:
    better = replace(OFF_20, id=2, amount_fen=3000)
    sale = Sale(BASKET, MEMBER, coupons=(OFF_20, better))
    assert settle(sale).not_applied == (NotApplied("beaten", coupon_id=1, detail="alone_fen=2000"),)
    off = settle(replace(sale, ask=Ask(without_coupons=frozenset({2}))))
    assert off.other_fen == 4600
    assert off.not_applied == (NotApplied("switched_off", coupon_id=2),)
    asked = settle(replace(sale, ask=Ask(coupons=(1,))))
    assert asked.not_applied == (NotApplied("not_asked", coupon_id=2),)
    none = settle(replace(sale, ask=Ask(coupons=())))
    assert (none.other_fen, none.coupon_uses) == (6600, ())


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (Ask(coupons=(9,)), "coupon_unknown"),
        (Ask(coupons=(1, 1)), "coupon_repeated"),
        (Ask(coupons=(1, 2)), "coupons_not_stackable"),
        (Ask(coupons=(1,), without_coupons=frozenset({1})), "coupon_unknown"),
        (Ask(points=-1), "points_negative"),
        (Ask(points=1001), "points_short"),
        (Ask(use_stored_value=True, stored_value_fen=-1), "stored_value_negative"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_ask(ask: Ask, code: str) -> None:
    sale = Sale(BASKET, MEMBER, coupons=(OFF_20, replace(OFF_20, id=2)), ask=ask)
    with pytest.raises(Refused) as refused:
        settle(sale)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("asked", "rule", "reason"),
    [
        (400, PointsRule(minimum_points=500), NotApplied("points_minimum", missing_points=100)),
        (99, PointsRule(), NotApplied("points_step", missing_points=1)),
        (100, PointsRule(cap_pm=10), NotApplied("points_cap")),
    ],
)
def test_points_not_used(asked: int, rule: PointsRule, reason: NotApplied) -> None:
    result = settle(Sale(BASKET, MEMBER, points_rule=rule, ask=Ask(points=asked)))
    assert (result.points_used, result.not_applied) == (0, (reason,))


def test_stored_value_that_is_empty_or_has_a_worse_discount() -> None:
    ask = Ask(use_stored_value=True)
    empty = settle(Sale(BASKET, MEMBER, ask=ask))
    assert empty.not_applied == (NotApplied("stored_value_empty"),)
    buyer = replace(MEMBER, lots=(ValueLot(1, 10000, 0),))
    benefits = (
        replace(percent(1, 900), only_stored_value=True),
        replace(percent(2, 800), only_stored_value=True),
    )
    paid = settle(Sale(BASKET, buyer, benefits, ask=ask))
    assert paid.stored_paid_fen == 5280
    assert paid.not_applied == (NotApplied("beaten", benefit_id=1),)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((), "nothing_to_settle"),
        ((Line(amount_fen=0),), "amount_zero"),
        ((Line(amount_fen=-1),), "amount_negative"),
        ((Line(1, -1, product_id=1),), "amount_negative"),
        ((Line(-2, -1, product_id=1),), "quantity_negative"),
        ((Line(product_id=1),), "price_missing"),
        ((Line(amount_fen=100_000_000),), "amount_too_large"),
        ((Line(2, 50_000_000, product_id=1),), "amount_too_large"),
    ],
)
def test_bad_lines(lines: tuple[Line, ...], code: str) -> None:
    with pytest.raises(Refused) as refused:
        settle(Sale(lines, MEMBER))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "benefit",
    [
        percent(1, 0),
        percent(1, 1001),
        nth(1, n=1),
        amount_off(1, 0),
        amount_off(1, 100, -1),
        Benefit(1, BenefitKind.MULTIPLIER, multiplier_pm=900),
        Benefit(1, BenefitKind.MEMBER_PRICE, prices=((1, -1),)),
        replace(percent(1, 900, DRINKS), only_stored_value=True),
        replace(amount_off(1, 100), only_stored_value=True),
    ],
)
def test_benefit_nobody_could_explain(benefit: Benefit) -> None:
    with pytest.raises(Refused) as refused:
        settle(Sale(BASKET, MEMBER, (benefit,)))
    assert (refused.value.code, refused.value.details) == (
        "rule_unexplainable",
        {"benefit_id": 1},
    )


@pytest.mark.parametrize(
    "coupon",
    [
        Coupon(1, CouponKind.PERCENT, rate_pm=0),
        Coupon(1, CouponKind.PERCENT, rate_pm=900, cap_fen=0),
        Coupon(1, CouponKind.AMOUNT_OFF),
        Coupon(1, CouponKind.NTH_UNIT, nth_n=1),
        Coupon(1, CouponKind.MULTIPLIER, multiplier_pm=0),
        replace(OFF_20, threshold_fen=-1),
        replace(OFF_20, threshold_on_list=True),
    ],
)
def test_coupon_nobody_could_explain(coupon: Coupon) -> None:
    for ask in (Ask(), Ask(coupons=(1,))):
        with pytest.raises(Refused) as refused:
            settle(Sale(BASKET, MEMBER, coupons=(coupon,), ask=ask))
        assert refused.value.code == "rule_unexplainable"


@pytest.mark.parametrize(
    "rule",
    [
        PointsRule(step_points=0),
        PointsRule(step_value_fen=0),
        PointsRule(cap_pm=1001),
        PointsRule(minimum_points=-1),
        PointsRule(earn_per_yuan_pm=-1),
    ],
)
def test_points_rule_nobody_could_explain(rule: PointsRule) -> None:
    with pytest.raises(Refused) as refused:
        settle(Sale(BASKET, MEMBER, points_rule=rule))
    assert refused.value.code == "rule_unexplainable"
