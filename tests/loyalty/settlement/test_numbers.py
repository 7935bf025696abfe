"""Every number of ALGORITHM.md, one row each; the row's id is the test's id."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loyalty.settlement import lots
from loyalty.settlement.calculator import settle
from loyalty.settlement.law import Cause, Prepaid, refund_working
from loyalty.settlement.refunds import RefundRequest, order_of, refund
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
    RoundingMode,
    Sale,
    Scope,
    ScopeKind,
    Settlement,
    StepKind,
    ValueLot,
)

Lots = tuple[lots.PointsLot, ...]

ALGORITHM = Path(__file__).parents[3] / "loyalty" / "settlement" / "ALGORITHM.md"

GOLD = Benefit(1, BenefitKind.PERCENT, rate_pm=900)
DRINKS = Scope(ScopeKind.CATEGORIES, frozenset({1}))
SECOND_HALF = Benefit(2, BenefitKind.NTH_UNIT, nth_n=2, rate_pm=500, scope=DRINKS)
FULL_100_OFF_20 = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=2000, threshold_fen=10000)
FULL_80_OFF_15 = Coupon(2, CouponKind.AMOUNT_OFF, amount_fen=1500, threshold_fen=8000)
STACKABLE_5 = Coupon(3, CouponKind.AMOUNT_OFF, amount_fen=500, stackable=True)
MEMBER = Buyer(is_member=True)


def drink(quantity: int, fen: int, product_id: int = 1) -> Line:
    return Line(quantity, fen, product_id=product_id, category_ids=frozenset({1}))


def food(quantity: int, fen: int, product_id: int = 9) -> Line:
    return Line(quantity, fen, product_id=product_id, category_ids=frozenset({2}))


def amount(fen: int) -> Line:
    return Line(amount_fen=fen)


def shares(result: Settlement, kind: StepKind) -> list[tuple[int, ...]]:
    return [step.shares_fen for step in result.steps if step.kind is kind]


def uses(result: Settlement) -> dict[int, int]:
    return {use.coupon_id: use.saved_fen for use in result.coupon_uses}


def row_1() -> None:
    by_the_fen = PointsRule(step_points=1, step_value_fen=1)
    buyer = Buyer(is_member=True, points=100)
    result = settle(
        Sale((food(2, 100), food(3, 50)), buyer, points_rule=by_the_fen, ask=Ask(points=100))
    )
    assert shares(result, StepKind.POINTS) == [(57, 43)]
    assert (result.points_fen, result.points_used, result.other_fen) == (100, 100, 250)


def row_2() -> None:
    scope = Scope(ScopeKind.PRODUCTS, frozenset({1, 2}))
    half = Coupon(1, CouponKind.PERCENT, rate_pm=500, cap_fen=70, threshold_fen=350, scope=scope)
    lines = (food(1, 200, 1), food(1, 150, 2), food(1, 120, 3))
    result = settle(Sale(lines, MEMBER, coupons=(half,)))
    assert shares(result, StepKind.COUPON) == [(40, 30, 0)]
    assert result.other_fen == 400


def row_3() -> None:
    off = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=400)
    result = settle(Sale((food(1, 200, 1), food(1, 200, 2), food(1, 200, 3)), coupons=(off,)))
    assert shares(result, StepKind.COUPON) == [(133, 133, 134)]


def row_4() -> None:
    off = Benefit(1, BenefitKind.AMOUNT_OFF, amount_fen=300)
    result = settle(Sale((food(1, 100), food(1, 150)), MEMBER, (off,)))
    assert shares(result, StepKind.AMOUNT_OFF) == [(100, 150)]
    assert result.other_fen == 0


def row_5() -> None:
    lattes = Benefit(2, BenefitKind.PERCENT, rate_pm=800, scope=DRINKS)
    result = settle(Sale((drink(1, 3200), food(1, 3600)), MEMBER, (GOLD, lattes)))
    assert [line.base_fen for line in result.lines] == [2560, 3240]
    assert result.other_fen == 5800


def row_6() -> None:
    sale = Sale((drink(2, 3200, 1), drink(1, 2800, 2)), MEMBER, (GOLD, SECOND_HALF))
    result = settle(sale)
    assert shares(result, StepKind.PRICE) == [(1600, 0), (0, 280)]
    assert result.other_fen == 7320


def row_7() -> None:
    wallet = (FULL_100_OFF_20, FULL_80_OFF_15, STACKABLE_5)
    result = settle(Sale((amount(10000),), MEMBER, (GOLD,), wallet))
    assert uses(result) == {2: 1500, 3: 500}
    assert [(s.kind, s.amount_fen) for s in result.steps[:3]] == [
        (StepKind.PRICE, 1000),
        (StepKind.COUPON, 1500),
        (StepKind.COUPON, 500),
    ]
    assert result.other_fen == 7000
    assert result.not_applied == (NotApplied("threshold_short", coupon_id=1, missing_fen=1000),)


def row_8() -> None:
    without = replace(FULL_100_OFF_20, not_with_member_discount=True)
    wallet = (without, FULL_80_OFF_15, STACKABLE_5)
    result = settle(Sale((amount(10000),), MEMBER, (GOLD,), wallet))
    assert (result.other_fen, uses(result)) == (7000, {2: 1500, 3: 500})
    assert result.not_applied == (NotApplied("not_with_member_discount", coupon_id=1),)
    second = settle(Sale((amount(10000),), MEMBER, (GOLD,), wallet, ask=Ask(coupons=(1, 3))))
    assert second.other_fen == 7500


def row_8a() -> None:
    for coupon in (FULL_100_OFF_20, replace(FULL_100_OFF_20, not_with_member_discount=True)):
        result = settle(Sale((amount(10000),), MEMBER, (GOLD,), (coupon,)))
        assert (result.other_fen, uses(result), result.benefit_ids) == (8000, {1: 2000}, ())
        assert result.not_applied == (NotApplied("coupon_better", benefit_id=1),)


def row_8b() -> None:
    lines = (food(1, 100, 1), food(3, 10, 2))
    all_800 = Benefit(1, BenefitKind.PERCENT, rate_pm=800)
    half = Benefit(2, BenefitKind.NTH_UNIT, nth_n=2, rate_pm=500)
    assert settle(Sale(lines, MEMBER, (all_800, half))).other_fen == 104
    assert settle(Sale(lines, MEMBER, (half,))).other_fen == 120


def row_8c() -> None:
    lines = (food(1, 5, 1), food(1, 5, 2), food(1, 5, 3))
    result = settle(Sale(lines, MEMBER, (GOLD,)))
    assert result.other_fen == 13
    assert shares(result, StepKind.PRICE) == [(0, 1, 1)]


AT_LIST_PRICE = replace(FULL_100_OFF_20, threshold_on_list=True)
SILVER = Benefit(1, BenefitKind.PERCENT, rate_pm=850)


def row_8d() -> None:
    result = settle(Sale((amount(10000),), MEMBER, (SILVER,), (AT_LIST_PRICE,)))
    assert [(s.kind, s.amount_fen) for s in result.steps[:2]] == [
        (StepKind.PRICE, 1500),
        (StepKind.COUPON, 2000),
    ]
    assert (result.other_fen, uses(result), result.benefit_ids) == (6500, {1: 2000}, (1,))
    short = settle(Sale((amount(9900),), MEMBER, (SILVER,), (AT_LIST_PRICE,)))
    assert (short.other_fen, uses(short)) == (8415, {})
    assert short.not_applied == (
        NotApplied("threshold_short", coupon_id=1, missing_fen=100, detail="on_list"),
    )
    # As it is without the mark: the second branch.
    after = settle(Sale((amount(10000),), MEMBER, (SILVER,), (FULL_100_OFF_20,)))
    assert (after.other_fen, after.benefit_ids) == (8000, ())


def row_8e() -> None:
    wallet = (AT_LIST_PRICE, FULL_80_OFF_15, STACKABLE_5)
    result = settle(Sale((amount(10000),), MEMBER, (GOLD,), wallet))
    assert (result.other_fen, uses(result)) == (6500, {1: 2000, 3: 500})
    drinks = replace(AT_LIST_PRICE, scope=DRINKS)
    lines = (drink(3, 3200), food(1, 3600))
    result = settle(Sale(lines, MEMBER, (GOLD,), (drinks,)))
    assert (result.other_fen, uses(result)) == (11880, {})
    assert result.not_applied[0].missing_fen == 400


def _by_points(held: int, asked: int, rule: PointsRule) -> Settlement:
    buyer = Buyer(is_member=True, points=held)
    return settle(Sale((amount(10000),), buyer, points_rule=rule, ask=Ask(points=asked)))


def row_9() -> None:
    result = _by_points(10_000, 10_000, PointsRule(cap_pm=500))
    assert (result.points_fen, result.points_used, result.other_fen) == (5000, 5000, 5000)


def row_10() -> None:
    result = _by_points(1050, 1050, PointsRule())
    assert (result.points_fen, result.points_used) == (1000, 1000)


def row_11() -> None:
    result = _by_points(400, 400, PointsRule(minimum_points=500))
    assert (result.points_fen, result.points_used, result.other_fen) == (0, 0, 10000)
    assert result.not_applied == (NotApplied("points_minimum", missing_points=100),)


def row_12() -> None:
    points = [
        settle(Sale((amount(1999),), MEMBER, benefits)).points_earned
        for benefits in (
            (),
            (Benefit(1, BenefitKind.MULTIPLIER, multiplier_pm=1500),),
            (
                Benefit(1, BenefitKind.MULTIPLIER, multiplier_pm=1500),
                Benefit(2, BenefitKind.MULTIPLIER, multiplier_pm=2000),
            ),
        )
    ]
    assert points == [19, 29, 39]


def _gold_by_stored_value(principal: int, bonus: int, rounding: RoundingMode) -> Settlement:
    buyer = Buyer(is_member=True, points=500, lots=(ValueLot(1, principal, bonus),))
    stored = Benefit(2, BenefitKind.PERCENT, rate_pm=900, only_stored_value=True)
    coupon = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=2000, threshold_fen=8000)
    return settle(
        Sale(
            (drink(2, 3200), food(1, 3600)),
            buyer,
            (GOLD, stored),
            (coupon,),
            rounding=rounding,
            ask=Ask(points=500, use_stored_value=True),
        )
    )


def row_13() -> None:
    result = _gold_by_stored_value(10000, 2000, RoundingMode.JIAO)
    assert [(s.kind, s.amount_fen) for s in result.steps if s.amount_fen] == [
        (StepKind.PRICE, 1000),
        (StepKind.COUPON, 2000),
        (StepKind.POINTS, 500),
        (StepKind.STORED_DISCOUNT, 650),
        (StepKind.STORED_VALUE, 5850),
    ]
    assert (result.principal_fen, result.bonus_fen, result.other_fen) == (4875, 975, 0)
    assert result.points_earned == 48


def row_14() -> None:
    result = _gold_by_stored_value(4000, 800, RoundingMode.JIAO)
    assert (result.stored_paid_fen, result.stored_cover_fen) == (4800, 5334)
    assert (result.rounding_fen, result.other_fen, result.points_earned) == (6, 1160, 51)


def row_15() -> None:
    order = order_of(settle(Sale((food(2, 5000),), MEMBER)), keys=(7,), quantities=(2,))
    back = refund(order, RefundRequest(lines=((7, 1),)))
    assert (back.total.points_earned, back.total.other_fen) == (50, 5000)


def row_16() -> None:
    rule = PointsRule(step_points=50, step_value_fen=50)
    buyer = Buyer(is_member=True, points=200)
    sold = settle(Sale((amount(7150),), buyer, points_rule=rule, ask=Ask(points=150)))
    assert (sold.points_used, sold.points_earned, sold.other_fen) == (150, 70, 7000)
    order = order_of(sold, keys=(1,), quantities=(1,))
    held: Lots = (lots.PointsLot(1, 200, expires=10),)
    moves = lots.draw_points(held, sold.points_used, at=0)
    held = (*lots.after(held, moves), lots.PointsLot(2, 70, expires=20))
    assert lots.spendable(held, at=0) == 120
    drawn = [lots.Drawn(move.lot_id, move.points) for move in moves]
    for request, left in (
        (RefundRequest(everything=True), 200),
        (RefundRequest(amount_fen=3575), 160),
    ):
        back = refund(order, request).total
        returned = lots.return_points(held, drawn, back.points_used, at=0)
        wallet = lots.after(held, returned.to_lots, sign=1)
        taken = lots.claw_back(wallet, back.points_earned, own_lot=2, at=0)
        wallet = lots.after(wallet, taken.taken)
        assert (lots.spendable(wallet, at=0), taken.debt) == (left, 0)


def row_17() -> None:
    wallet: Lots = (
        lots.PointsLot(1, 575, expires=10),
        lots.PointsLot(2, 805, expires=20),
    )
    for _ in range(2):
        wallet = lots.after(wallet, lots.draw_points(wallet, 500, at=5))
    assert [(lot.id, lot.points) for lot in wallet] == [(1, 0), (2, 380)]
    assert lots.spendable(wallet, at=19) == 380
    assert lots.spendable(wallet, at=20) == 0


def row_18() -> None:
    wallet: Lots = (lots.PointsLot(1, 150, expires=10),)
    wallet = lots.after(wallet, lots.draw_points(wallet, 100, at=0))
    taken = lots.claw_back(wallet, 150, own_lot=1, at=0)
    assert [lot.points for lot in lots.after(wallet, taken.taken)] == [0]
    assert (taken.debt, taken.forgiven) == (100, 0)
    assert lots.receive(130, debt=taken.debt) == (100, 30)
    forgiving = lots.claw_back(wallet, 150, own_lot=1, at=0, forgive=True)
    assert (sum(m.points for m in forgiving.taken), forgiving.debt, forgiving.forgiven) == (
        50,
        0,
        100,
    )


def row_19() -> None:
    working = refund_working(
        Prepaid(paid_fen=300_000, bonus_fen=100_000, drawn_fen=359_400, drawn_list_fen=400_000),
        Cause.MERCHANT,
    )
    assert working.refund_fen == 30_450


def row_20() -> None:
    prepaid = Prepaid(paid_fen=50_000, bonus_fen=10_000, drawn_fen=12_000, drawn_list_fen=12_000)
    assert refund_working(prepaid, Cause.MERCHANT).refund_fen == 40_000
    assert refund_working(prepaid, Cause.CONSUMER).refund_fen == 38_000


ROWS: dict[str, Callable[[], None]] = {
    name.removeprefix("row_"): function
    for name, function in list(globals().items())
    if name.startswith("row_")
}


@pytest.mark.parametrize("row", ROWS)
def test_number(row: str) -> None:
    ROWS[row]()


def test_every_row_of_the_document_is_checked() -> None:
    numbers = ALGORITHM.read_text("utf-8").partition("## Numbers")[2]
    written = re.findall(r"^\| (\d+[a-z]?) \|", numbers, re.MULTILINE)
    assert written == list(ROWS)
    assert len(written) == 25
