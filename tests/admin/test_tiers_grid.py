"""The ladder as one grid."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import MemberStats, Policy, RuleSet, Tier
from loyalty.selectors import ladder
from loyalty.selectors.ladder import Step
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
