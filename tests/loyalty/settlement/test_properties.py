"""What is always true of a settlement and of any series of refunds, on generated sales."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.settlement.calculator import settle
from loyalty.settlement.cart import Articles, Cart
from loyalty.settlement.coupons import candidate, threshold_missing
from loyalty.settlement.prices import apply_price_benefits
from loyalty.settlement.refunds import (
    Parts,
    RefundRequest,
    SoldOrder,
    after,
    order_of,
    refund,
)
from loyalty.settlement.rules import usable_benefits, why_no_coupon
from loyalty.settlement.search import Search
from loyalty.settlement.types import (
    Ask,
    BenefitKind,
    CouponKind,
    LineResult,
    Sale,
    Settlement,
    StepKind,
    ValueLot,
)
from loyalty.settlement.units import charge_nth, free_dearest
from tests.loyalty.settlement import generators, naive

fixed = settings(derandomize=True, deadline=None, database=None, max_examples=150)

PRICE_KINDS = (BenefitKind.PERCENT, BenefitKind.MEMBER_PRICE, BenefitKind.NTH_UNIT)
TAKEN_OFF = (StepKind.PRICE, StepKind.AMOUNT_OFF, StepKind.COUPON)


def with_coupons_as_chosen(sale: Sale, result: Settlement) -> Sale:
    chosen = tuple(use.coupon_id for use in result.coupon_uses if use.saved_fen)
    return replace(sale, ask=replace(sale.ask, coupons=chosen))


@fixed
@given(generators.sales())
def test_parts_and_shares_add_up(sale: Sale) -> None:
    result = settle(sale)
    off = sum(step.amount_fen for step in result.steps if step.kind in TAKEN_OFF)
    assert result.gross_fen == sum(line.list_fen for line in sale.lines)
    assert result.base_fen == result.gross_fen - off
    assert result.base_fen == (
        result.points_fen + result.stored_cover_fen + result.rounding_fen + result.other_fen
    )
    assert result.stored_paid_fen == result.principal_fen + result.bonus_fen
    assert result.stored_paid_fen <= result.stored_cover_fen
    for step in result.steps:
        assert sum(step.shares_fen) == step.amount_fen
        assert min(step.shares_fen) >= 0
    for line in result.lines:
        assert all(getattr(line, field.name) >= 0 for field in fields(LineResult))
        assert line.base_fen == (
            line.list_fen - line.price_off_fen - line.amount_off_fen - line.coupon_off_fen
        )
        assert line.base_fen == (
            line.points_fen + line.stored_cover_fen + line.rounding_fen + line.other_fen
        )
        assert line.principal_fen <= line.stored_paid_fen <= line.stored_cover_fen
    for name in (
        *("base_fen", "points_used", "points_fen", "stored_cover_fen", "stored_paid_fen"),
        *("principal_fen", "rounding_fen", "other_fen", "points_earned", "basis_fen"),
    ):
        assert sum(getattr(line, name) for line in result.lines) == getattr(result, name)


@fixed
@given(generators.sales())
def test_nothing_counts_twice_and_everything_is_explained(sale: Sale) -> None:
    result = settle(sale)
    benefits = [s.benefit_id for s in result.steps if s.benefit_id is not None]
    coupons = [s.coupon_id for s in result.steps if s.coupon_id is not None]
    assert len(set(benefits)) == len(benefits)
    assert len(set(coupons)) == len(coupons)
    assert sorted(use.coupon_id for use in result.coupon_uses) == sorted(coupons)
    assert result.benefit_ids == tuple(benefits)
    refused = [n.benefit_id for n in result.not_applied if n.benefit_id is not None]
    assert sorted(benefits + refused) == sorted(benefit.id for benefit in sale.benefits)
    unused = [n.coupon_id for n in result.not_applied if n.coupon_id is not None]
    assert sorted(coupons + unused) == sorted(coupon.id for coupon in sale.coupons)


@fixed
@given(generators.sales())
def test_lots_are_drawn_in_order_and_never_beyond_what_they_hold(sale: Sale) -> None:
    result = settle(sale)
    lots = {lot.id: lot for lot in sale.buyer.lots}
    for draw in result.draws:
        assert 0 <= draw.principal_fen <= lots[draw.lot_id].principal_fen
        assert 0 <= draw.bonus_fen <= lots[draw.lot_id].bonus_fen
        assert 0 <= draw.list_fen <= result.gross_fen
    for draw in result.draws[:-1]:  # each but the last is emptied
        lot = lots[draw.lot_id]
        assert (draw.principal_fen, draw.bonus_fen) == (lot.principal_fen, lot.bonus_fen)
    assert sum(draw.principal_fen for draw in result.draws) == result.principal_fen
    assert sum(draw.bonus_fen for draw in result.draws) == result.bonus_fen


@fixed
@given(generators.sales())
def test_one_more_coupon_never_raises_the_amount(sale: Sale) -> None:
    base = settle(sale).base_fen
    for coupon in sale.coupons:
        fewer = tuple(c for c in sale.coupons if c is not coupon)
        assert base <= settle(replace(sale, coupons=fewer)).base_fen


@fixed
@given(generators.sales())
def test_asking_for_what_was_chosen_gives_the_same_amount(sale: Sale) -> None:
    result = settle(sale)
    asked = settle(with_coupons_as_chosen(sale, result))
    assert asked.base_fen == result.base_fen
    assert asked.other_fen == result.other_fen
    assert asked.draws == result.draws


@fixed
@given(generators.sales())
def test_one_more_point_or_fen_never_raises_the_rest(sale: Sale) -> None:
    sale = with_coupons_as_chosen(sale, settle(sale))
    rest = settle(sale).other_fen
    ask = sale.ask
    assert settle(replace(sale, ask=replace(ask, points=ask.points + 1))).other_fen <= rest
    more_asked = replace(sale, ask=replace(ask, points=ask.points + 1, use_stored_value=False))
    assert (
        settle(more_asked).other_fen
        <= settle(replace(sale, ask=replace(ask, use_stored_value=False))).other_fen
    )
    lots = (*sale.buyer.lots, ValueLot(99, 1, 0))
    richer = replace(sale, buyer=replace(sale.buyer, lots=lots))
    assert settle(richer).other_fen <= rest


@fixed
@given(generators.sales())
def test_prices_against_every_combination_unit_by_unit(sale: Sale) -> None:
    articles = Articles(sale.lines)
    usable, _ = usable_benefits(sale.benefits, articles, sale.buyer, Ask())
    exclusive = [
        replace(b, stacks=False)
        for b in usable
        if b.kind in PRICE_KINDS and not b.only_stored_value
    ]
    cart = Cart.at_list_price(articles)
    if exclusive:
        apply_price_benefits(cart, articles, exclusive)
    assert articles.gross_fen - cart.total() == naive.best_saving(articles, exclusive)
    for i, prices in enumerate(cart.prices(i) for i in range(len(cart.amounts))):
        assert sum(units for units, _ in prices) == articles.units[i]
        assert sum(units * price for units, price in prices) == cart.amounts[i]


@fixed
@given(generators.sales())
def test_coupons_against_every_choice(sale: Sale) -> None:
    articles = Articles(sale.lines)
    usable, _ = usable_benefits(sale.benefits, articles, sale.buyer, Ask())
    with_benefits = Cart.at_list_price(articles)
    apply_price_benefits(
        with_benefits,
        articles,
        [b for b in usable if b.kind in PRICE_KINDS and not b.only_stored_value],
    )
    search = Search()
    branches = []
    for branch, cart in enumerate((with_benefits, Cart.at_list_price(articles))):
        candidates = [
            candidate(coupon, cart, articles)
            for coupon in sale.coupons
            if coupon.kind is not CouponKind.MULTIPLIER
            and not why_no_coupon(coupon, articles, sale.buyer)
            and not threshold_missing(coupon, cart, articles)
            and not (coupon.not_with_member_discount and branch == 0)
        ]
        branches.append((branch, cart, candidates))
        search.try_branch(branch, cart, candidates)
    assert search.cart is not None
    chosen = [applied.candidate.coupon for applied in search.applied]
    assert naive.best_choice(branches) == (
        search.cart.total(),
        search.branch,
        len(chosen),
        tuple(sorted(coupon.expires for coupon in chosen)),
        tuple(sorted(coupon.id for coupon in chosen)),
    )


@fixed
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=4),
    st.integers(2, 4),
    st.integers(0, 6),
)
def test_rules_on_runs_are_those_on_units(
    line_units: list[tuple[int, int]], n: int, uses: int
) -> None:
    def cart() -> Cart:
        return Cart(
            [units * price for units, price in line_units],
            [[(units, units * price)] if units else [] for units, price in line_units],
        )

    positions = range(len(line_units))
    prices = sorted((price for units, price in line_units for _ in range(units)), reverse=True)
    charged = prices[n - 1 :: n]
    nth = cart()
    assert sum(charge_nth(nth, positions, n, 500)) == sum(p - p // 2 for p in charged)
    passed = cart()
    shares, used = free_dearest(passed, positions, uses)
    assert sum(shares) == sum(prices[:uses])
    assert used == min(uses, sum(price > 0 for price in prices))


# --- refunds ---------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn, order: SoldOrder) -> RefundRequest | None:
    """A partial refund that the order still allows."""
    left = sum(line.left_fen for line in order.lines)
    if draw(st.booleans()):
        return RefundRequest(amount_fen=draw(st.integers(1, left))) if left else None
    open_lines = [line for line in order.lines if line.left_quantity]
    if not open_lines:
        return None
    chosen = draw(st.lists(st.sampled_from(open_lines), min_size=1, max_size=3, unique=True))
    return RefundRequest(
        lines=tuple((line.key, draw(st.integers(1, line.left_quantity))) for line in chosen)
    )


@fixed
@given(generators.sales(), st.data())
def test_any_series_of_refunds_returns_exactly_everything(sale: Sale, data: st.DataObject) -> None:
    result = settle(sale)
    order = order_of(
        result, keys=range(len(sale.lines)), quantities=[line.units for line in sale.lines]
    )
    total = Parts()
    is_full = not result.base_fen and not any(line.units for line in sale.lines)
    for number in range(data.draw(st.integers(1, 5))):
        last = number == 4
        request = RefundRequest(everything=True) if last else data.draw(requests(order))
        if is_full or request is None:
            break
        back = refund(order, request)
        total += back.total
        order = after(order, back)
        _check_refund(order, request, back.total)
        is_full = back.is_full
    if not is_full:
        back = refund(order, RefundRequest(everything=True))
        assert back.is_full
        total += back.total
        order = after(order, back)
    assert all(getattr(total, f.name) == getattr(result, f.name) for f in fields(Parts))
    assert total.bonus_fen == result.bonus_fen
    assert all(line.sold == line.returned for line in order.lines)
    for draw in order.draws:
        assert draw.principal_fen == draw.returned_principal_fen
        assert draw.bonus_fen == draw.returned_bonus_fen
        assert draw.list_fen == draw.returned_list_fen


def _check_refund(order: SoldOrder, request: RefundRequest, parts: Parts) -> None:
    """``order`` after the refund: nothing below zero or beyond what was sold, parts add up."""
    assert all(getattr(parts, field.name) >= 0 for field in fields(Parts))
    assert parts.base_fen == (
        parts.points_fen + parts.stored_cover_fen + parts.rounding_fen + parts.other_fen
    )
    assert parts.bonus_fen >= 0
    if request.amount_fen is not None:
        assert parts.base_fen == request.amount_fen
    for line in order.lines:
        for field in fields(Parts):
            assert 0 <= getattr(line.returned, field.name) <= getattr(line.sold, field.name)
    for draw in order.draws:
        assert 0 <= draw.returned_principal_fen <= draw.principal_fen
        assert 0 <= draw.returned_bonus_fen <= draw.bonus_fen
        assert 0 <= draw.returned_list_fen <= draw.list_fen
