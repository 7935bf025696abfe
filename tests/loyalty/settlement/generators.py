"""Small sales for hypothesis: a few lines, benefits and coupons that get in each other's way."""

from __future__ import annotations

from hypothesis import strategies as st

from loyalty.settlement.types import (
    Ask,
    Benefit,
    BenefitKind,
    Buyer,
    Coupon,
    CouponKind,
    Line,
    PointsRule,
    RoundingMode,
    Sale,
    Scope,
    ScopeKind,
    ValueLot,
)

PRODUCTS = range(1, 5)
RATES = st.sampled_from([0, 1, 333, 500, 785, 800, 900, 995, 1000])
PERCENTS = st.sampled_from([1, 333, 500, 785, 800, 900, 995, 1000])
MULTIPLIERS = st.sampled_from([1000, 1500, 2000, 3000])
SMALL = st.integers(1, 400)


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    kind = draw(st.sampled_from(list(ScopeKind)))
    if kind is ScopeKind.ALL:
        return Scope()
    return Scope(kind, frozenset(draw(st.sets(st.integers(1, 3), min_size=1, max_size=2))))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    product = draw(st.sampled_from(PRODUCTS))
    categories = frozenset({1 + product % 3})
    if draw(st.integers(0, 4)) == 0:
        return Line(amount_fen=draw(st.integers(0, 500)), product_id=product)
    return Line(
        draw(st.integers(0, 4)),
        draw(st.integers(0, 300)),
        product_id=product,
        category_ids=categories,
    )


@st.composite
def benefits(draw: st.DrawFn, number: int) -> Benefit:
    kind = draw(st.sampled_from([k for k in BenefitKind if k is not BenefitKind.SPECIAL]))
    only_stored_value = kind is BenefitKind.PERCENT and draw(st.integers(0, 3)) == 0
    rates = PERCENTS if kind is BenefitKind.PERCENT else RATES
    prices = draw(st.dictionaries(st.sampled_from(PRODUCTS), st.integers(0, 300), max_size=3))
    return Benefit(
        id=number,
        kind=kind,
        rank=draw(st.integers(0, 2)),
        scope=Scope() if only_stored_value else draw(scopes()),
        rate_pm=draw(rates),
        nth_n=draw(st.integers(2, 3)),
        amount_fen=draw(SMALL),
        threshold_fen=draw(st.sampled_from([0, 0, 200, 600])),
        multiplier_pm=draw(MULTIPLIERS),
        prices=tuple(prices.items()),
        stacks=draw(st.booleans()),
        only_stored_value=only_stored_value,
    )


@st.composite
def coupons(draw: st.DrawFn, number: int) -> Coupon:
    kind = draw(st.sampled_from(list(CouponKind)))
    threshold_fen = draw(st.sampled_from([0, 0, 200, 600]))
    rates = PERCENTS if kind is CouponKind.PERCENT else RATES
    return Coupon(
        id=number,
        kind=kind,
        scope=draw(scopes()),
        amount_fen=draw(SMALL),
        rate_pm=draw(rates),
        cap_fen=draw(st.sampled_from([None, None, 1, 70])),
        threshold_fen=threshold_fen,
        threshold_on_list=threshold_fen > 0 and draw(st.booleans()),
        nth_n=draw(st.integers(2, 3)),
        multiplier_pm=draw(MULTIPLIERS),
        uses_left=draw(st.integers(1, 3)),
        stackable=draw(st.booleans()),
        not_with_member_discount=draw(st.integers(0, 3)) == 0,
        expires=draw(st.integers(1, 3)),
    )


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    basket = tuple(draw(st.lists(lines(), min_size=1, max_size=4)))
    held = draw(st.integers(0, 600))
    return Sale(
        basket,
        Buyer(
            is_member=True,
            points=held + 1,
            lots=tuple(
                ValueLot(number, draw(st.integers(0, 300)), draw(st.integers(0, 100)))
                for number in range(draw(st.integers(0, 3)))
            ),
            is_first_order=draw(st.booleans()),
        ),
        tuple(draw(benefits(n)) for n in range(draw(st.integers(0, 5)))),
        tuple(draw(coupons(n)) for n in range(draw(st.integers(0, 5)))),
        PointsRule(
            earn_per_yuan_pm=draw(st.sampled_from([0, 1000, 1500])),
            step_points=draw(st.sampled_from([1, 7, 100])),
            step_value_fen=draw(st.sampled_from([1, 3, 100])),
            cap_pm=draw(st.sampled_from([0, 333, 500, 1000])),
            minimum_points=draw(st.sampled_from([0, 50])),
            earn_on_bonus=draw(st.booleans()),
            earn_on_points=draw(st.booleans()),
        ),
        draw(st.sampled_from(list(RoundingMode))),
        Ask(points=draw(st.integers(0, held)), use_stored_value=draw(st.booleans())),
    )
