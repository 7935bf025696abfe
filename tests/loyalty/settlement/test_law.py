"""Refund of prepaid money by the law, with each line of its working."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loyalty.settlement.law import Cause, Prepaid, Working, WorkingLine, refund_working
from loyalty.settlement.types import Refused

TOP_UP = Prepaid(paid_fen=50_000, bonus_fen=10_000, drawn_fen=12_000, drawn_list_fen=15_000)


def test_each_line_of_the_working() -> None:
    assert refund_working(TOP_UP, Cause.MERCHANT) == Working(
        40_000,
        (
            WorkingLine("paid", 50_000),
            WorkingLine("bonus", 10_000),
            WorkingLine("drawn", 12_000),
            WorkingLine("delivered_at_ratio", 10_000, "18–20"),
            WorkingLine("paid_less_delivered", 40_000),
            WorkingLine("refund", 40_000),
        ),
    )
    consumer = refund_working(TOP_UP, Cause.CONSUMER)
    assert consumer.refund_fen == 35_000
    assert consumer.lines[3] == WorkingLine("delivered_at_list_price", 15_000, "18–20")


def test_cooling_off_returns_all_that_was_not_delivered() -> None:
    untouched = replace(TOP_UP, drawn_fen=0, drawn_list_fen=0)
    assert refund_working(untouched, Cause.COOLING_OFF).refund_fen == 50_000
    working = refund_working(TOP_UP, Cause.COOLING_OFF)
    assert working.refund_fen == 40_000
    assert working.lines[3].article == "14"


def test_never_below_zero_and_no_extra_charge() -> None:
    spent = replace(TOP_UP, drawn_fen=60_000, drawn_list_fen=75_000)
    working = refund_working(spent, Cause.CONSUMER)
    assert working.refund_fen == 0
    assert working.lines[4:] == (
        WorkingLine("paid_less_delivered", -25_000),
        WorkingLine("never_below_zero", 0, "18–20"),
        WorkingLine("refund", 0),
    )


def test_better_contract_terms_win() -> None:
    better = replace(TOP_UP, contract_fen=45_000)
    assert refund_working(better, Cause.MERCHANT).refund_fen == 45_000
    assert refund_working(replace(TOP_UP, contract_fen=1), Cause.MERCHANT).refund_fen == 40_000


def test_a_fraction_of_a_fen_falls_to_the_consumer() -> None:
    prepaid = Prepaid(paid_fen=100, bonus_fen=50, drawn_fen=1, drawn_list_fen=1)
    assert refund_working(prepaid, Cause.MERCHANT).refund_fen == 100


def test_a_gift_of_bonus_alone_is_worth_no_money() -> None:
    gift = Prepaid(paid_fen=0, bonus_fen=1000, drawn_fen=400, drawn_list_fen=400)
    assert refund_working(gift, Cause.MERCHANT).refund_fen == 0
    assert refund_working(Prepaid(0, 0, 0, 0), Cause.MERCHANT).refund_fen == 0


@pytest.mark.parametrize(
    ("prepaid", "code"),
    [
        (replace(TOP_UP, drawn_fen=60_001), "drawn_exceeds_balance"),
        (replace(TOP_UP, paid_fen=-1), "amount_negative"),
        (replace(TOP_UP, drawn_list_fen=-1), "amount_negative"),
    ],
)
def test_refused(prepaid: Prepaid, code: str) -> None:
    with pytest.raises(Refused) as refused:
        refund_working(prepaid, Cause.CONSUMER)
    assert refused.value.code == code
