"""Steps and reasons in words, and a check that no code of the calculator lacks its sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

from loyalty.counter import wording
from loyalty.settlement.types import NotApplied

SETTLEMENT = Path(wording.__file__).resolve().parents[1] / "settlement"


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("price", "rate_pm=900", "pay 90%"),
        ("price", "rate_pm=855", "pay 85.5%"),
        ("price", "member_price", "member price"),
        ("price", "nth=2 rate_pm=500", "1 in 2 at 50%"),
        ("price", "nth=3 rate_pm=0", "1 in 3 is free"),
        ("amount_off", "off_fen=1000", "¥10.00 off"),
        ("amount_off", "off_fen=1000 threshold_fen=5000", "¥10.00 off from ¥50.00"),
        ("coupon", "off_fen=2000 threshold_fen=10000", "¥20.00 off from ¥100.00"),
        (
            "coupon",
            "off_fen=2000 threshold_fen=10000 on_list",
            "¥20.00 off from ¥100.00 · at list price",
        ),
        ("coupon", "rate_pm=500 cap_fen=7000", "pay 50%, ¥70.00 at most"),
        ("coupon", "exchange", "one article free"),
        ("coupon", "uses=1", "1 use"),
        ("coupon", "uses=3", "3 uses"),
        ("coupon", "nth=2 rate_pm=500", "1 in 2 at 50%"),
        ("multiplier", "multiplier_pm=1500", "points × 1.5"),
        ("stored_discount", "rate_pm=900", "pay 90% by stored value"),
        ("stored_value", "principal_fen=4875 bonus_fen=975", "principal ¥48.75, bonus ¥9.75"),
        ("stored_value", "principal_fen=100 bonus_fen=0", "all of it principal"),
        ("rounding", "jiao", "down to the jiao"),
        ("rounding", "yuan", "down to the yuan"),
        ("other", "", ""),
        ("earn", "basis_fen=4875", "for ¥48.75"),
        ("earn", "", ""),
        ("new kind", "x=1", ""),
    ],
)
def test_steps(kind: str, detail: str, words: str) -> None:
    with translation.override("en"):
        assert wording.step_text(kind, detail) == words


def test_points_are_counted() -> None:
    with translation.override("en"):
        assert wording.step_text("points", "", points=1) == "1 point"
        assert wording.step_text("points", "", points=1280) == "1,280 points"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (NotApplied("threshold_short", missing_fen=1000), "¥10.00 short of ¥100.00"),
        (
            NotApplied("threshold_short", missing_fen=1000, detail="on_list"),
            "¥10.00 short of ¥100.00 at list price",
        ),
        (NotApplied("too_few_units", detail="missing_units=1"), "1 more unit needed"),
        (NotApplied("too_few_units", detail="missing_units=2"), "2 more units needed"),
        (
            NotApplied("points_minimum", missing_points=100),
            "100 points short of the least that can be used",
        ),
        (NotApplied("points_step", missing_points=1), "1 point short of a whole step"),
        (NotApplied("points_cap"), "too little is left to pay by points"),
        (NotApplied("wrong_hour", detail="14:00-17:00"), "only from 14:00–17:00"),
        (NotApplied("wrong_day", detail="8,18,28"), "only on day 8, 18, 28 of the month"),
        (NotApplied("wrong_weekday", detail="3,7"), "only on Wednesdays, Sundays"),
        (NotApplied("quota_used_up", detail="1"), "used already"),
        (NotApplied("quota_used_up", detail="3"), "all 3 uses taken"),
        (NotApplied("beaten"), "another one saves more"),
        (NotApplied("brand_new_reason"), "brand_new_reason"),
    ],
)
def test_reasons(other: NotApplied, words: str) -> None:
    with translation.override("en"):
        assert wording.reason_text(other, threshold_fen=10000) == words


def test_without_a_threshold_only_what_is_missing() -> None:
    with translation.override("en"):
        text = wording.reason_text(NotApplied("threshold_short", missing_fen=1000))
    assert text == "¥10.00 short"


def test_days_are_written_as_the_reader_is_used_to() -> None:
    with translation.override("en"):
        assert "2026" in wording.reason_text(NotApplied("not_yet", detail="2026-06-01"))
        assert wording.reason_text(NotApplied("over", detail="soon")) == "ended on soon"


def test_chinese_readers_are_told_the_discount_as_they_say_it() -> None:
    with translation.override("zh-hans"):
        assert "9折" in wording.step_text("price", "rate_pm=900")
        assert "8.5折" in wording.step_text("coupon", "rate_pm=850")


def test_every_reason_of_the_calculator_has_its_words() -> None:
    code = "".join(path.read_text("utf-8") for path in sorted(SETTLEMENT.glob("*.py")))
    made = set(re.findall(r'not_applied\(\w+, "([a-z_]+)"', code))
    made |= set(re.findall(r'NotApplied\("([a-z_]+)"', code))
    made |= set(re.findall(r'reason = "([a-z_]+)"', code))
    made |= set(re.findall(r'return "([a-z_]+)", ', code))
    made |= set(re.findall(r'return "([a-z_]+)"\n', code.split("def why_no_coupon")[1][:900]))
    assert len(made) > 20
    known = {"threshold_short", *wording.PLAIN_REASONS, *wording.REASONS}
    assert made <= known, made - known


def test_a_reason_of_ours_is_read_in_the_readers_language() -> None:
    with translation.override("zh-hans"):
        assert wording.why(wording.UNDONE_AT_ONCE) == "当场撤销"
        assert wording.why("too sweet") == "too sweet"
