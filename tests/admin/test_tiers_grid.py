"""The ladder as one grid."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import MemberStats, PlannedChange, Policy, RuleSet, Tier
from loyalty.selectors import ladder
from loyalty.selectors.ladder import Step
from loyalty.services import planned
from tests import factories
from tests.admin.conftest import House, SignedIn

GRID = reverse("admin:loyalty_tier_changelist")


def grid(browser: Client, query: str = "") -> dict[str, Any]:
    """What the page's form holds."""
    page = browser.get(GRID + query)
    data: dict[str, Any] = {"seen": page.context["seen"]}
    for column in page.context["columns"]:
        for bound in column["form"]:
            value = bound.value()
            if value is not None and value is not False:
                data[bound.html_name] = "on" if value is True else value
    return data


def key(house: House, tier: str, name: str) -> str:
    return f"t{house.tiers[tier].pk}-{name}"


def test_a_threshold_is_moved(house: House, owner: Client) -> None:
    form = grid(owner)
    before = Policy.objects.get().ruleset_id
    answer = owner.post(GRID, {**form, key(house, "银卡", "threshold_fen"): "600"})
    assert answer.status_code == 302
    assert Tier.objects.get(name="银卡").threshold_fen == 60000
    after = RuleSet.objects.get(pk=Policy.objects.get().ruleset_id or 0)
    assert after.pk != before
    assert {row["name"]: row["threshold_fen"] for row in after.snapshot["tiers"]}["银卡"] == 60000


def test_a_new_tier_finds_its_place(house: House, owner: Client) -> None:
    form = grid(owner, "?new=1")
    form |= {"new-name": "白金", "new-threshold_fen": "5000", "new-keep_months": "12"}
    form |= {"new-grace_days": "0", "new-is_active": "on"}
    assert owner.post(GRID, form).status_code == 302
    assert list(Tier.objects.order_by("rank").values_list("name", flat=True)) == [
        "普通",
        "银卡",
        "金卡",
        "白金",
        "黑卡",
    ]


def test_an_empty_new_column_is_no_tier(house: House, owner: Client) -> None:
    assert owner.post(GRID, grid(owner, "?new=1")).status_code == 302
    assert Tier.objects.count() == 4


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("threshold_fen", "2001", "higher amount than the one below"),
        ("threshold_fen", "", "required"),
        ("threshold_fen", "-1", "below zero"),
        ("dual_threshold_fen", "300", "both an amount and a number of check-ins"),
        ("keep_months", "0", ""),
        ("name", "黑卡", "already exists"),
    ],
)
def test_a_ladder_nobody_could_climb_is_refused(
    house: House, owner: Client, name: str, value: str, words: str
) -> None:
    tier = "黑卡" if name == "threshold_fen" else "银卡"
    before = list(Tier.objects.order_by("rank").values())
    answer = owner.post(GRID, {**grid(owner), key(house, tier, name): value})
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert list(Tier.objects.order_by("rank").values()) == before


def test_the_refusal_stands_at_the_wrong_tier(house: House, owner: Client) -> None:
    form = {**grid(owner), key(house, "黑卡", "threshold_fen"): "100"}
    columns = owner.post(GRID, form).context["columns"]
    wrong = [column["tier"].name for column in columns if column["form"].errors]
    assert wrong == ["黑卡"]


def test_the_second_editor_is_told(house: House, owner: Client) -> None:
    mine, theirs = grid(owner), grid(owner)
    owner.post(GRID, {**theirs, key(house, "银卡", "threshold_fen"): "600"})
    answer = owner.post(GRID, {**mine, key(house, "金卡", "threshold_fen"): "3000"})
    assert answer.status_code == 409
    assert "nothing was stored" in answer.content.decode()
    assert dict(Tier.objects.values_list("name", "threshold_fen"))["金卡"] == 200100


def test_a_manager_reads_and_does_not_write(house: House, signed_in: SignedIn) -> None:
    browser = signed_in("manager")
    assert "¥501.00" in browser.get(GRID).content.decode()
    assert browser.post(GRID, {}).status_code == 403
    assert browser.post(reverse("admin:loyalty_tier_counts"), {}).status_code == 403


def test_an_owner_starts_from_nothing(house: House, owner: Client) -> None:
    MemberStats.objects.update(tier=None)
    Tier.objects.all().update(is_active=False)
    form = grid(owner, "?new=1")
    form |= {"new-name": "会员", "new-threshold_fen": "0", "new-keep_months": "12"}
    form |= {"new-grace_days": "0", "new-is_active": "on"}
    assert owner.post(GRID, form).status_code == 302
    assert Tier.objects.filter(name="会员", is_active=True).count() == 1


def test_members_are_counted_where_their_spend_puts_them(house: House, owner: Client) -> None:
    far = factories.member("+8613900000001", "甲", tier="普通")
    MemberStats.objects.filter(pk=house.member.pk).update(basis_fen=60000)
    MemberStats.objects.filter(pk=far.pk).update(basis_fen=35000, checkins_count=10)
    factories.policy(progress="lifetime")
    assert ladder.would_hold(
        steps=[Step(0), Step(50100), Step(200100)], progress="lifetime", at=factories.AT
    ) == [1, 1, 0]
    assert ladder.would_hold(
        steps=[Step(0), Step(50100, 30000, 10)], progress="lifetime", at=factories.AT
    ) == [0, 2]
    page = owner.post(
        reverse("admin:loyalty_tier_counts"),
        {**grid(owner), key(house, "银卡", "threshold_fen"): "700"},
    )
    assert [column["would"] for column in page.context["columns"]] == [2, 0, 0, 0]


def test_the_trailing_year_is_what_was_bought_in_it(house: House) -> None:
    counts = ladder.would_hold(
        steps=[Step(0), Step(10000), Step(20000)], progress="trailing", at=factories.AT
    )
    # Two purchases of ¥100 at 90 % and less a coupon, ¥10 given back of each.
    assert counts == [0, 1, 0]


def test_a_tier_in_use_is_put_out_of_use(house: House, owner: Client) -> None:
    tier = house.tiers["金卡"]
    owner.post(reverse("admin:loyalty_tier_delete", args=[tier.pk]))
    assert Tier.objects.get(pk=tier.pk).is_active is False
    unused = house.tiers["黑卡"]
    owner.post(reverse("admin:loyalty_tier_delete", args=[unused.pk]))
    assert not Tier.objects.filter(pk=unused.pk).exists()


def test_each_tier_is_said_in_words_while_it_is_typed(house: House, owner: Client) -> None:
    form = grid(owner) | {
        key(house, "银卡", "dual_threshold_fen"): "300",
        key(house, "银卡", "dual_checkins"): "10",
        key(house, "银卡", "grace_days"): "30",
    }
    page = owner.post(reverse("admin:loyalty_tier_counts"), form)
    assert [column["words"] for column in page.context["columns"]] == [
        "Everybody starts here.",
        "From ¥501.00 spent, or from ¥300.00 with 10 check-ins. Kept for 12 months,"
        " then 30 days of grace.",
        "From ¥2,001.00 spent. Kept for 12 months.",
        "From ¥10,001.00 spent. Kept for 12 months.",
    ]


def test_a_price_in_points(house: House, owner: Client) -> None:
    form = grid(owner) | {key(house, "金卡", "price_points"): "5000"}
    assert owner.post(GRID, form).status_code == 302
    after = RuleSet.objects.get(pk=Policy.objects.get().ruleset_id or 0)
    assert {row["name"]: row["price_points"] for row in after.snapshot["tiers"]} == {
        "普通": None,
        "银卡": None,
        "金卡": 5000,
        "黑卡": None,
    }
    page = owner.get(reverse("admin:loyalty_ruleset_change", args=[after.pk]))
    assert [(one.rule, one.what, one.before, one.after) for one in page.context["changes"]] == [
        ("Tier “金卡”", "or for points", "–", "5,000")
    ]


PRICES: list[tuple[dict[str, str], str, str]] = [
    ({"银卡": "5000", "金卡": "4000"}, "金卡", "must cost more points"),
    ({"银卡": "5000", "黑卡": "5000"}, "黑卡", "must cost more points"),
    ({"普通": "100"}, "普通", "Everybody starts in this tier"),
    ({"银卡": "0"}, "银卡", "at least 1 point"),
    ({"银卡": "-5"}, "银卡", "greater than or equal to 0"),
    ({"银卡": "2.5"}, "银卡", "Enter a whole number"),
    ({"银卡": "99999999999"}, "银卡", "less than or equal to 2147483647"),
]


@pytest.mark.parametrize(("prices", "wrong", "words"), PRICES)
def test_a_price_nobody_would_pay_is_refused_where_it_stands(
    house: House, owner: Client, prices: dict[str, str], wrong: str, words: str
) -> None:
    before = list(Tier.objects.order_by("rank").values())
    typed = {key(house, tier, "price_points"): price for tier, price in prices.items()}
    answer = owner.post(GRID, grid(owner) | typed)
    assert answer.status_code == 400
    columns = answer.context["columns"]
    assert [column["tier"].name for column in columns if column["form"].errors] == [wrong]
    assert words in answer.content.decode()
    assert list(Tier.objects.order_by("rank").values()) == before


def test_a_tier_out_of_use_keeps_a_price_that_can_be_meant(house: House, owner: Client) -> None:
    form = grid(owner) | {key(house, "普通", "price_points"): "100"}
    del form[key(house, "普通", "is_active")]
    answer = owner.post(GRID, form)
    assert answer.status_code == 400
    assert "Everybody starts in this tier" in answer.content.decode()


def test_a_lower_price_may_pass_by_one_out_of_use(house: House, owner: Client) -> None:
    Tier.objects.filter(name="银卡").update(price_points=9000, is_active=False)
    form = grid(owner) | {key(house, "金卡", "price_points"): "5000"}
    assert owner.post(GRID, form).status_code == 302


def test_who_could_buy_it_today_is_counted_and_said(house: House, owner: Client) -> None:
    soon = factories.AT + dt.timedelta(minutes=1)
    for number, (tier, points, status) in enumerate(
        [
            ("普通", 5000, "active"),
            ("银卡", 6000, "active"),
            ("银卡", 4999, "active"),
            ("金卡", 9000, "active"),
            ("黑卡", 9000, "active"),
            ("普通", 9000, "frozen"),
            (None, 7000, "active"),
        ]
    ):
        factories.member(f"+861390000010{number}", tier=tier, points=points, status=status)
    ended = factories.member("+8613900000200", points=4000)
    factories.give_points(ended, 2000, expires_at=factories.AT)
    held = factories.member("+8613900000201", points=4000)
    factories.give_points(held, 2000, expires_at=soon)
    page = owner.post(
        reverse("admin:loyalty_tier_counts"),
        grid(owner)
        | {key(house, "金卡", "price_points"): "5000", key(house, "黑卡", "price_points"): "9000"},
    )
    assert [column["buyers"] for column in page.context["columns"]] == [None, None, 4, 1]
    gold = page.context["columns"][2]
    assert gold["words"] == "From ¥2,001.00 spent, or for 5,000 points. Kept for 12 months."
    assert gold["price_words"] == "5,000 points, else worth ¥50.00 off"
    assert gold["price_warning"] == ""


def test_a_price_that_comes_sooner_than_the_spend_is_asked_about(
    house: House, owner: Client
) -> None:
    factories.policy(earn_per_yuan_pm=3000)
    typed = {
        key(house, "金卡", "price_points"): "5000",
        key(house, "黑卡", "price_points"): "40000",
    }
    page = owner.post(reverse("admin:loyalty_tier_counts"), grid(owner) | typed)
    assert [column["price_warning"] for column in page.context["columns"]] == [
        "",
        "",
        "Purchases of ¥1,666.67 bring these points: sooner than the ¥2,001.00 of spend. Is that"
        " meant?",
        "",
    ]


def test_a_new_tier_with_a_price_is_bought_from_below(house: House, owner: Client) -> None:
    factories.member("+8613900000300", tier="金卡", points=8000)
    factories.member("+8613900000301", tier="黑卡", points=8000)
    form = grid(owner, "?new=1") | {
        "new-name": "白金",
        "new-threshold_fen": "5000",
        "new-price_points": "8000",
        "new-is_active": "on",
    }
    page = owner.post(reverse("admin:loyalty_tier_counts"), form)
    assert page.context["columns"][4]["buyers"] == 1


def test_a_price_waits_for_its_day(house: House, owner: Client) -> None:
    form = grid(owner) | {
        key(house, "金卡", "price_points"): "5000",
        "effective_from": "2026-06-01",
    }
    assert owner.post(GRID, form).status_code == 302
    assert Tier.objects.get(name="金卡").price_points is None
    [change] = PlannedChange.objects.all()
    assert change.lines == [
        {
            "id": house.tiers["金卡"].pk,
            "name": "金卡",
            "before": {"price_points": None},
            "after": {"price_points": 5000},
        }
    ]
    assert "or for points" in owner.get(GRID).content.decode()
    planned.apply_due(at=factories.AT + dt.timedelta(days=12))
    assert Tier.objects.get(name="金卡").price_points == 5000
