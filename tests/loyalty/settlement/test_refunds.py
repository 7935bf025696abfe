"""Refunds by the cumulative method: by units, by amount, all of it, and what is refused."""

from __future__ import annotations

import pytest

from loyalty.settlement.calculator import settle
from loyalty.settlement.refunds import (
    DrawReturn,
    LineRefund,
    Parts,
    RefundRequest,
    SoldOrder,
    after,
    order_of,
    refund,
)
from loyalty.settlement.types import (
    Ask,
    Benefit,
    BenefitKind,
    Buyer,
    Coupon,
    CouponKind,
    Line,
    PointsRule,
    Refused,
    RoundingMode,
    Sale,
    ValueLot,
)

EVERYTHING = RefundRequest(everything=True)


def sold(*lines: Line, **sale: object) -> SoldOrder:
    result = settle(Sale(lines, Buyer(is_member=True), **sale))  # type: ignore[arg-type]
    return order_of(result, keys=range(len(lines)), quantities=[line.quantity for line in lines])


def mixed() -> SoldOrder:
    """¥100: points 5.00, stored value 48.00 covering 53.34, rounding 0.06, other 41.60."""
    buyer = Buyer(is_member=True, points=500, lots=(ValueLot(7, 3000, 600), ValueLot(8, 1000, 200)))
    stored = Benefit(1, BenefitKind.PERCENT, rate_pm=900, only_stored_value=True)
    result = settle(
        Sale(
            (Line(2, 3200, product_id=1), Line(1, 3600, product_id=2)),
            buyer,
            (stored,),
            points_rule=PointsRule(),
            rounding=RoundingMode.JIAO,
            ask=Ask(points=500, use_stored_value=True),
        )
    )
    return order_of(result, keys=(1, 2), quantities=(2, 1))


def test_three_units_of_a_line_one_by_one() -> None:
    off = Coupon(1, CouponKind.AMOUNT_OFF, amount_fen=200)
    order = sold(Line(3, 100, product_id=1), coupons=(off,))
    series = []
    for _ in range(3):
        back = refund(order, RefundRequest(lines=((0, 1),)))
        series.append((back.total.base_fen, back.is_full))
        order = after(order, back)
    assert series == [(33, False), (34, False), (33, True)]
    with pytest.raises(Refused) as refused:
        refund(order, EVERYTHING)
    assert refused.value.code == "refund_exceeds_paid"


def test_every_part_of_a_mixed_order() -> None:
    order = mixed()
    back = refund(order, RefundRequest(lines=((1, 1),)))
    assert back.lines == (LineRefund(1, 1, back.total),)
    assert back.total == Parts(
        base_fen=3200,
        points_used=160,
        points_fen=160,
        stored_cover_fen=1707,
        stored_paid_fen=1536,
        principal_fen=1280,
        rounding_fen=2,
        other_fen=1331,
        points_earned=26,
        basis_fen=2611,
    )
    assert back.draws == (DrawReturn(7, 960, 192, 1280), DrawReturn(8, 320, 64, 427))
    rest = refund(after(order, back), EVERYTHING)
    assert rest.is_full
    assert rest.total + back.total == refund(order, EVERYTHING).total
    assert refund(order, EVERYTHING).draws == (
        DrawReturn(7, 3000, 600, 4000),
        DrawReturn(8, 1000, 200, 1334),
    )


def test_an_amount_is_spread_over_what_is_left_of_the_lines() -> None:
    order = sold(Line(2, 5000, product_id=1), Line(1, 5000, product_id=2))
    order = after(order, refund(order, RefundRequest(lines=((0, 1),))))
    back = refund(order, RefundRequest(amount_fen=3000))
    assert [(line.key, line.quantity, line.parts.base_fen) for line in back.lines] == [
        (0, 0, 1500),
        (1, 0, 1500),
    ]
    order = after(order, back)
    # the unit still out gives what is left of its line
    assert refund(order, RefundRequest(lines=((0, 1),))).total.base_fen == 3500
    assert refund(order, EVERYTHING).total.base_fen == 7000


def test_units_after_an_amount_share_what_is_left() -> None:
    order = sold(Line(3, 3000, product_id=1))
    order = after(order, refund(order, RefundRequest(amount_fen=3000)))
    for expected in (2000, 2000, 2000):
        back = refund(order, RefundRequest(lines=((0, 1),)))
        assert back.total.base_fen == expected
        order = after(order, back)
    assert back.is_full


def test_an_order_of_nothing_goes_by_its_units() -> None:
    order = sold(Line(2, 0, product_id=1))
    half = refund(order, RefundRequest(lines=((0, 1),)))
    assert (half.total, half.is_full) == (Parts(), False)
    assert refund(after(order, half), EVERYTHING).is_full


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (RefundRequest(), "refund_empty"),
        (RefundRequest(amount_fen=1, everything=True), "refund_empty"),
        (RefundRequest(amount_fen=0), "amount_zero"),
        (RefundRequest(amount_fen=-1), "amount_negative"),
        (RefundRequest(amount_fen=10_001), "refund_exceeds_paid"),
        (RefundRequest(lines=((1, 3),)), "refund_exceeds_paid"),
        (RefundRequest(lines=((1, 0),)), "quantity_invalid"),
        (RefundRequest(lines=((1, -1),)), "quantity_invalid"),
        (RefundRequest(lines=((3, 1),)), "line_unknown"),
        (RefundRequest(lines=((1, 1), (1, 1))), "line_repeated"),
    ],
)
def test_refused(request_: RefundRequest, code: str) -> None:
    with pytest.raises(Refused) as refused:
        refund(mixed(), request_)
    assert refused.value.code == code


def test_a_pass_redeemed_alone_is_undone_as_a_whole() -> None:
    back = refund(SoldOrder(()), EVERYTHING)
    assert (back.lines, back.draws, back.total, back.is_full) == ((), (), Parts(), True)
