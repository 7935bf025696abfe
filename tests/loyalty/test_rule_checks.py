"""Rules nobody could explain: each refused with its code, and nothing stored."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from loyalty.demo import shop as demo
from loyalty.models import Benefit, CouponTemplate, GiftPack, RuleSet, Tier, TopUpPlan
from loyalty.services import rule_changes, rules
from members.errors import Refusal
from members.models import Event, Member
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

BENEFITS: list[tuple[str, dict[str, Any]]] = [
    ("name_missing", {"kind": "percent", "rate_pm": 900, "name": " "}),
    ("percent_out_of_range", {"kind": "percent", "rate_pm": 0}),
    ("percent_out_of_range", {"kind": "percent", "rate_pm": 1000}),
    ("nth_of_one", {"kind": "nth_unit", "nth_n": 1, "rate_pm": 500}),
    ("percent_out_of_range", {"kind": "nth_unit", "nth_n": 2, "rate_pm": 1000}),
    ("multiplier_out_of_range", {"kind": "multiplier", "multiplier_pm": 1000}),
    ("amount_off_zero", {"kind": "amount_off", "amount_fen": 0}),
    ("threshold_below_value", {"kind": "amount_off", "amount_fen": 1000, "threshold_fen": 900}),
    ("text_missing", {"kind": "special"}),
    (
        "stored_value_whole_order",
        {"kind": "percent", "rate_pm": 900, "only_stored_value": True, "scope": "products"},
    ),
    ("days_missing", {"kind": "percent", "rate_pm": 900, "when": "monthdays"}),
    ("days_missing", {"kind": "percent", "rate_pm": 900, "when": "weekdays", "days": [8]}),
    (
        "dates_reversed",
        {
            "kind": "percent",
            "rate_pm": 900,
            "when": "dates",
            "date_from": dt.date(2026, 5, 2),
            "date_to": dt.date(2026, 5, 1),
        },
    ),
    ("quota_incomplete", {"kind": "special", "text": "借两本新书", "quota": 2}),
]
TEMPLATES: list[tuple[str, dict[str, Any]]] = [
    ("percent_out_of_range", {"kind": "percent", "rate_pm": 0, "valid_days": 7}),
    ("nth_of_one", {"kind": "nth_unit", "nth_n": 1, "rate_pm": 0, "valid_days": 7}),
    ("amount_off_zero", {"kind": "amount_off", "valid_days": 7}),
    (
        "threshold_below_value",
        {"kind": "amount_off", "amount_fen": 2000, "threshold_fen": 2000, "valid_days": 7},
    ),
    ("only_pass_many_uses", {"kind": "exchange", "uses": 3, "valid_days": 7}),
    (
        "list_price_without_threshold",
        {"kind": "amount_off", "amount_fen": 500, "threshold_on_list": True, "valid_days": 7},
    ),
    (
        "budget_needs_cap",
        {"kind": "percent", "rate_pm": 900, "budget_fen": 100000, "valid_days": 7},
    ),
    ("budget_not_countable", {"kind": "exchange", "budget_fen": 100000, "valid_days": 7}),
    (
        "budget_too_small",
        {"kind": "amount_off", "amount_fen": 500, "budget_fen": 499, "valid_days": 7},
    ),
    ("validity_unclear", {"kind": "exchange"}),
    ("validity_unclear", {"kind": "exchange", "valid_days": 0}),
]


@pytest.mark.parametrize(("code", "values"), BENEFITS)
def test_benefit_is_refused(code: str, values: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        rule_changes.save_benefit(
            benefit=Benefit(**{"name": "金卡9折", **values}), actor=None, at=AT
        )
    assert refused.value.code == code
    assert refused.value.field
    assert not Benefit.objects.exists()
    assert not RuleSet.objects.exists()


@pytest.mark.parametrize(("code", "values"), TEMPLATES)
def test_template_is_refused(code: str, values: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        rule_changes.save_template(
            template=CouponTemplate(**{"name": "满100减20", **values}), actor=None, at=AT
        )
    assert refused.value.code == code
    assert not CouponTemplate.objects.exists()


@pytest.mark.parametrize(
    ("code", "silver", "gold"),
    [
        ("thresholds_not_rising", {"threshold_fen": 200100}, {"threshold_fen": 50100}),
        ("thresholds_not_rising", {"threshold_fen": 50100}, {"threshold_fen": 50100}),
        ("thresholds_not_rising", {"threshold_fen": -1}, {"threshold_fen": 50100}),
        (
            "dual_track_incomplete",
            {"threshold_fen": 50100, "dual_threshold_fen": 30000},
            {"threshold_fen": 200100},
        ),
        (
            "dual_track_no_easier",
            {"threshold_fen": 50100, "dual_threshold_fen": 50100, "dual_checkins": 10},
            {"threshold_fen": 200100},
        ),
    ],
)
def test_ladder_is_refused(code: str, silver: dict[str, int], gold: dict[str, int]) -> None:
    tiers = [Tier(name="银卡", rank=1, **silver), Tier(name="金卡", rank=2, **gold)]
    with pytest.raises(Refusal) as refused:
        rule_changes.save_tiers(tiers=tiers, actor=None, at=AT)
    assert refused.value.code == code
    assert not Tier.objects.exists()


def test_policy_and_plan_are_refused() -> None:
    sheet = rules.policy()
    for change, code in (
        ({"step_points": 0}, "points_step_zero"),
        ({"points_cap_pm": 1001}, "points_cap_out_of_range"),
        ({"points_months": 0}, "months_out_of_range"),
    ):
        for name, value in change.items():
            setattr(sheet, name, value)
        with pytest.raises(Refusal) as refused:
            rule_changes.save_policy(policy=sheet, actor=None, at=AT)
        assert refused.value.code == code
        sheet.refresh_from_db()
    pack = GiftPack.objects.create(name="送1000", bonus_fen=100000)
    with pytest.raises(Refusal) as refused:
        rule_changes.save_plan(
            plan=TopUpPlan(name="充4500送1000", pay_fen=450000, pack=pack), actor=None, at=AT
        )
    assert refused.value.code == "plan_above_limit"


def test_a_change_makes_a_new_rule_set_and_the_same_content_does_not() -> None:
    owner = factories.owner()
    first = rule_changes.save_benefit(
        benefit=Benefit(name="金卡9折", kind="percent", rate_pm=900),
        actor=owner,
        at=AT,
        tiers=[factories.tiers()["金卡"]],
    )
    assert first.snapshot["benefits"][0]["tiers"] == [factories.tiers()["金卡"].pk]
    assert rules.publish(actor=owner, at=AT).pk == first.pk
    event = Event.objects.filter(kind="rules_published").get()
    assert (event.staff_id, event.data) == (owner.pk, {"ruleset": first.pk, "before": None})


def test_the_demo_shop_opens_once_and_its_members_stand_where_they_should() -> None:
    steps = demo.ensure_demo(passwords={"cashier": factories.PASSWORD}, at=AT)
    assert len(steps) == 3
    again = demo.ensure_demo(passwords={"cashier": factories.PASSWORD}, at=AT)
    assert len(again) == 3
    stand = Member.objects.order_by("pk").values_list("name", "stats__tier__name")
    assert list(stand) == [("王小敏", "银卡"), ("李明", "普通会员"), ("赵晓燕", "金卡")]
