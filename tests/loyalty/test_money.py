"""Rounding, splitting and money as text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty import money

fixed = settings(derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize(
    ("numerator", "denominator", "floor", "ceil", "half_up"),
    [
        (0, 3, 0, 0, 0),
        (6, 3, 2, 2, 2),
        (7, 2, 3, 4, 4),
        (1, 3, 0, 1, 0),
        (2, 3, 0, 1, 1),
        (-7, 2, -4, -3, -4),
        (-5, 2, -3, -2, -3),
        (-1, 3, -1, 0, 0),
        (-2, 3, -1, 0, -1),
    ],
)
def test_ratios(numerator: int, denominator: int, floor: int, ceil: int, half_up: int) -> None:
    assert money.floor_ratio(numerator, denominator) == floor
    assert money.ceil_ratio(numerator, denominator) == ceil
    assert money.half_up_ratio(numerator, denominator) == half_up
    assert money.half_up_ratio(-numerator, -denominator) == half_up


@pytest.mark.parametrize(
    ("fen", "jiao", "yuan"), [(1166, 1160, 1100), (9, 0, 0), (100, 100, 100), (0, 0, 0)]
)
def test_floor_to_jiao_and_yuan(fen: int, jiao: int, yuan: int) -> None:
    assert money.floor_to_jiao(fen) == jiao
    assert money.floor_to_yuan(fen) == yuan


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [200, 150], [57, 43]),
        (400, [200, 200, 200], [133, 133, 134]),  # equal remainders: the later one
        (2, [5, 5, 5], [0, 1, 1]),
        (250, [100, 150], [100, 150]),
        (70, [200, 150, 0], [40, 30, 0]),
        (1, [0, 3, 0], [0, 1, 0]),
        (0, [], []),
        (0, [0, 0], [0, 0]),
    ],
)
def test_allocate(amount: int, weights: list[int], parts: list[int]) -> None:
    assert money.allocate(amount, weights) == parts


@pytest.mark.parametrize(("amount", "weights"), [(1, []), (1, [0, 0]), (-1, [1]), (3, [5, -1])])
def test_allocate_refuses_what_cannot_be_split(amount: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        money.allocate(amount, weights)


@fixed
@given(st.integers(0, 10**8), st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_allocate_is_fair(amount: int, weights: list[int]) -> None:
    whole = sum(weights)
    if not whole:
        return
    parts = money.allocate(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - amount * weight) < whole
        assert part <= weight or amount > whole


def test_cumulative_part_in_three_steps() -> None:
    given_so_far = 0
    series = []
    for done in (1, 2, 3):
        part = money.cumulative_part(100, done, 3, given_so_far)
        given_so_far += part
        series.append(part)
    assert series == [33, 34, 33]
    with pytest.raises(ValueError, match="no share"):
        money.cumulative_part(100, 4, 3, 0)
    with pytest.raises(ValueError, match="no share"):
        money.cumulative_part(100, 0, 0, 0)


def test_split_cumulative_starts_as_largest_remainder() -> None:
    assert money.split_cumulative(2, [5, 5, 5], [0, 0, 0]) == [0, 1, 1]
    assert money.split_cumulative(1, [5, 5, 5], [0, 1, 1]) == [1, 0, 0]
    with pytest.raises(ValueError, match="not left"):
        money.split_cumulative(14, [5, 5, 5], [0, 1, 1])
    with pytest.raises(ValueError, match="not left"):
        money.split_cumulative(-1, [5], [0])


@fixed
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=5),
    st.lists(st.integers(0, 40), max_size=12),
)
def test_split_cumulative_series_ends_exactly(parts: list[int], amounts: list[int]) -> None:
    whole = sum(parts)
    already = [0] * len(parts)
    for amount in [*amounts, whole]:
        amount = min(amount, whole - sum(already))
        result = money.split_cumulative(amount, parts, already)
        assert sum(result) == amount
        assert all(x >= 0 for x in result)
        already = [a + x for a, x in zip(already, result, strict=True)]
        assert all(a <= p for a, p in zip(already, parts, strict=True))
        done = sum(already)
        assert all(
            abs(a * whole - p * done) <= 2 * whole for a, p in zip(already, parts, strict=True)
        )
    assert already == parts


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("1,234.50", 123450),
        ("1234.5", 123450),
        ("¥12", 1200),
        ("¥12.3", 1230),
        (" 12 元", 1200),
        ("１，２３４．５０", 123450),
        ("12。5", 1250),
        (".5", 50),
        ("5.", 500),
        ("0", 0),
        ("007", 700),
        ("999,999.99", 99_999_999),
    ],
)
def test_parse_yuan(text: str, fen: int) -> None:
    assert money.parse_yuan(text) == fen


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "amount_unreadable"),
        (".", "amount_unreadable"),
        ("十元", "amount_unreadable"),
        ("1,23", "amount_unreadable"),
        ("1.2.3", "amount_unreadable"),
        ("1e3", "amount_unreadable"),
        ("٣", "amount_unreadable"),
        ("-1", "amount_negative"),
        ("¥-1.00", "amount_negative"),
        ("1.234", "amount_decimals"),
        ("1.230", "amount_decimals"),
        ("1234567890", "amount_too_large"),
        ("1000000", "amount_too_large"),
        ("9" * 5000, "amount_too_large"),
    ],
)
def test_parse_yuan_refuses(text: str, code: str) -> None:
    with pytest.raises(money.MoneyTextError) as refused:
        money.parse_yuan(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("fen", "plain", "shown"),
    [
        (123450, "1234.50", "¥1,234.50"),
        (0, "0.00", "¥0.00"),
        (5, "0.05", "¥0.05"),
        (-5, "-0.05", "-¥0.05"),
        (-123450, "-1234.50", "-¥1,234.50"),
    ],
)
def test_yuan_as_text(fen: int, plain: str, shown: str) -> None:
    assert money.yuan_text(fen) == plain
    assert money.format_yuan(fen) == shown


@pytest.mark.parametrize(
    ("text", "rate_pm", "shown"),
    [
        ("8.5折", 850, "8.5折"),
        ("8.5", 850, "8.5折"),
        ("９折", 900, "9折"),
        ("9.0", 900, "9折"),
        ("0.1", 10, "0.1折"),
        ("9.9 折", 990, "9.9折"),
    ],
)
def test_parse_zhe(text: str, rate_pm: int, shown: str) -> None:
    assert money.parse_zhe(text) == rate_pm
    assert money.format_zhe(rate_pm) == shown


@pytest.mark.parametrize(
    ("text", "code", "suggestion"),
    [
        ("85", "zhe_ambiguous", "8.5"),
        ("95折", "zhe_ambiguous", "9.5"),
        ("80", "zhe_ambiguous", "8"),
        ("0.85", "zhe_ambiguous", "8.5"),
        ("8.55", "zhe_decimals", ""),
        ("0", "zhe_out_of_range", ""),
        ("10", "zhe_out_of_range", ""),
        ("850", "zhe_out_of_range", ""),
        ("-8", "zhe_unreadable", ""),
        ("八折", "zhe_unreadable", ""),
        ("", "zhe_unreadable", ""),
    ],
)
def test_parse_zhe_asks_back(text: str, code: str, suggestion: str) -> None:
    with pytest.raises(money.MoneyTextError) as refused:
        money.parse_zhe(text)
    assert refused.value.code == code
    assert refused.value.suggestion == suggestion
