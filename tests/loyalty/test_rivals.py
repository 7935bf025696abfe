"""Benefits that meet: which ones, and which of them wins."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.services.rivals import Rival, rivals


def rule(pk: int, name: str, kind: str = "percent", **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "rate_pm": 900,
        "multiplier_pm": 1000,
        "amount_fen": 0,
        "threshold_fen": 0,
        "rank": 0,
        "stacks": False,
        "only_stored_value": False,
        "scope": "all",
        "ids": [],
        "prices": [],
        "tiers": [],
        "shops": [],
        "when": "always",
        "days": [],
        "date_from": None,
        "date_to": None,
    }
    return {**plain, "id": pk, "name": name, "kind": kind, **more}


GOLD = rule(1, "金卡9折", tiers=[3])


@pytest.mark.parametrize(
    ("other", "group", "winner"),
    [
        (rule(2, "会员日8折", rate_pm=800, when="monthdays", days=[8]), "price", "会员日8折"),
        (rule(2, "95折", rate_pm=950), "price", "金卡9折"),
        (rule(2, "会员价", "member_price", prices=[[7, 2800]]), "price", None),
        (rule(2, "第二杯半价", "nth_unit", nth_n=2, rate_pm=500), "price", None),
    ],
)
def test_two_that_meet(other: dict[str, Any], group: str, winner: str | None) -> None:
    assert rivals(GOLD, [GOLD, other]) == [Rival(other["name"], group, winner)]


@pytest.mark.parametrize(
    "other",
    [
        rule(2, "银卡", tiers=[2], rate_pm=800),
        rule(2, "首单减10", "amount_off", amount_fen=1000),
        rule(2, "储值9折", only_stored_value=True),
        rule(2, "双倍积分", "multiplier", multiplier_pm=2000),
        rule(2, "借书", "special"),
    ],
)
def test_two_that_add_up_or_never_meet(other: dict[str, Any]) -> None:
    assert rivals(GOLD, [other]) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "meet"),
    [
        ({"when": "weekdays", "days": [1]}, {"when": "weekdays", "days": [2]}, False),
        ({"when": "weekdays", "days": [1, 2]}, {"when": "weekdays", "days": [2]}, True),
        ({"when": "weekdays", "days": [1]}, {"when": "monthdays", "days": [2]}, True),
        (
            {"when": "dates", "date_from": "2026-05-01", "date_to": "2026-05-03"},
            {"when": "dates", "date_from": "2026-05-04", "date_to": "2026-05-05"},
            False,
        ),
        (
            {"when": "dates", "date_from": "2026-05-01", "date_to": "2026-05-04"},
            {"when": "dates", "date_from": "2026-05-04", "date_to": "2026-05-05"},
            True,
        ),
        ({"shops": [1]}, {"shops": [2]}, False),
        ({"scope": "products", "ids": [1]}, {"scope": "products", "ids": [2]}, False),
        ({"scope": "products", "ids": [1]}, {"scope": "categories", "ids": [2]}, True),
        ({"scope": "categories", "ids": [1]}, {"scope": "categories", "ids": [2]}, False),
        ({"stacks": True}, {}, False),
    ],
)
def test_days_shops_and_articles(mine: dict[str, Any], theirs: dict[str, Any], meet: bool) -> None:
    assert bool(rivals(rule(1, "一", **mine), [rule(2, "二", **theirs)])) is meet


def test_amounts_off_and_multipliers() -> None:
    ten = rule(1, "减10", "amount_off", amount_fen=1000)
    five = rule(2, "减5", "amount_off", amount_fen=500)
    far = rule(3, "满100减20", "amount_off", amount_fen=2000, threshold_fen=10000)
    assert [one.winner for one in rivals(ten, [five, far])] == ["减10", None]
    double = rule(4, "双倍", "multiplier", multiplier_pm=2000)
    triple = rule(5, "三倍", "multiplier", multiplier_pm=3000)
    assert rivals(double, [triple]) == [Rival("三倍", "multiplier", "三倍")]
