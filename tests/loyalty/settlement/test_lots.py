"""Parcels of points: drawn, returned, clawed back; debt is repaid first."""

from __future__ import annotations

import pytest

from loyalty.settlement.lots import (
    ClawBack,
    Drawn,
    Move,
    PointsLot,
    Returned,
    claw_back,
    draw_points,
    receive,
    return_points,
    soonest_first,
)
from loyalty.settlement.types import Refused

NEVER = PointsLot(1, 100)
LATE = PointsLot(2, 100, expires=20)
SOON = PointsLot(3, 100, expires=10)
LOTS = (NEVER, LATE, SOON)


def test_the_soonest_to_expire_is_drawn_first() -> None:
    assert soonest_first(LOTS) == [SOON, LATE, NEVER]
    assert draw_points(LOTS, 250, at=9) == (Move(3, 100), Move(2, 100), Move(1, 50))
    assert draw_points(LOTS, 150, at=10) == (Move(2, 100), Move(1, 50))
    assert draw_points(LOTS, 0, at=0) == ()


@pytest.mark.parametrize(
    ("points", "at", "code", "missing"),
    [(301, 9, "points_short", 1), (201, 10, "points_short", 1), (-1, 0, "points_negative", None)],
)
def test_draw_refuses(points: int, at: int, code: str, missing: int | None) -> None:
    with pytest.raises(Refused) as refused:
        draw_points(LOTS, points, at=at)
    assert (refused.value.code, refused.value.details.get("missing_points")) == (code, missing)


def test_what_was_drawn_last_comes_back_first() -> None:
    drawn = (Drawn(3, 60), Drawn(2, 100, returned=30))
    assert return_points(LOTS, drawn, 80, at=0) == Returned((Move(2, 70), Move(3, 10)), (), ())
    with pytest.raises(Refused) as refused:
        return_points(LOTS, drawn, 131, at=0)
    assert refused.value.code == "refund_exceeds_paid"


def test_a_lot_that_expired_meanwhile_counts_as_expired_or_gets_grace() -> None:
    drawn = (Drawn(3, 60), Drawn(2, 100))
    back = return_points(LOTS, drawn, 160, at=15)
    assert back == Returned((Move(2, 100),), (Move(3, 60),), ())
    graced = return_points(LOTS, drawn, 160, at=15, grace=True)
    assert graced == Returned((Move(2, 100),), (), (Move(3, 60),))


@pytest.mark.parametrize(
    ("points", "own_expired", "forgive", "result"),
    [
        (50, 0, False, ClawBack((Move(2, 50),), 0, 0, 0)),
        (150, 0, False, ClawBack((Move(2, 100), Move(3, 50)), 0, 0, 0)),
        (150, 30, False, ClawBack((Move(2, 100), Move(3, 20)), 30, 0, 0)),
        (350, 0, False, ClawBack((Move(2, 100), Move(3, 100), Move(1, 100)), 0, 50, 0)),
        (350, 0, True, ClawBack((Move(2, 100), Move(3, 100), Move(1, 100)), 0, 0, 50)),
        (0, 0, False, ClawBack((), 0, 0, 0)),
    ],
)
def test_claw_back(points: int, own_expired: int, forgive: bool, result: ClawBack) -> None:
    assert (
        claw_back(LOTS, points, own_lot=2, at=0, own_expired=own_expired, forgive=forgive) == result
    )


def test_claw_back_refuses_less_than_nothing() -> None:
    with pytest.raises(Refused) as refused:
        claw_back(LOTS, -1, own_lot=None, at=0)
    assert refused.value.code == "points_negative"


@pytest.mark.parametrize(
    ("points", "debt", "result"), [(100, 0, (0, 100)), (100, 30, (30, 70)), (100, 130, (100, 0))]
)
def test_new_points_repay_debt_first(points: int, debt: int, result: tuple[int, int]) -> None:
    assert receive(points, debt=debt) == result
