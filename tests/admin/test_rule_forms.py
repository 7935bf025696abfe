"""Coupons, benefits, gifts, plans, points: written by forms, published, refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from loyalty.admin import sentence
from loyalty.models import (
    Benefit,
    Coupon,
    CouponTemplate,
    GiftPack,
    Policy,
    RuleSet,
    TopUpPlan,
)
from loyalty.services import rules
from members.models import Event
from tests import factories
from tests.admin.conftest import House, SignedIn, form_of

NO_LINES = {"member_prices-TOTAL_FORMS": 0, "member_prices-INITIAL_FORMS": 0}


def add(name: str) -> str:
    return reverse(f"admin:loyalty_{name}_add")


def change(row: Any) -> str:
    return reverse(f"admin:loyalty_{row._meta.model_name}_change", args=[row.pk])


def coupon_form(**more: Any) -> dict[str, Any]:
    plain = {
        "name": "满200减30",
        "kind": "amount_off",
        "amount_fen": "30",
        "threshold_fen": "200",
        "uses": "1",
        "nth_n": "0",
        "valid_days": "7",
        "scope": "all",
        "is_active": "on",
    }
    return plain | more


def errors_of(answer: Any) -> dict[str, list[str]]:
    """The errors as the page shows them: sentences are put into words when they are read."""
    with translation.override("en"):
        errors = answer.context["adminform"].form.errors
        return {name: [str(one) for one in found] for name, found in errors.items()}


def test_a_coupon_is_written_and_holds_at_once(house: House, owner: Client) -> None:
    before = Policy.objects.get().ruleset_id
    answer = owner.post(add("coupontemplate"), coupon_form())
    assert answer.status_code == 302, errors_of(answer)
    row = CouponTemplate.objects.get(name="满200减30")
    assert (row.amount_fen, row.threshold_fen, row.valid_days) == (3000, 20000, 7)
    ruleset = RuleSet.objects.get(pk=Policy.objects.get().ruleset_id or 0)
    assert ruleset.pk != before
    assert row.pk in {one["id"] for one in ruleset.snapshot["templates"]}
    event = Event.objects.filter(kind="rules_published").latest("pk")
    assert (event.staff_id, event.data) == (
        house.owner.pk,
        {"ruleset": ruleset.pk, "before": before},
    )


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"threshold_fen": "20", "amount_fen": "30"}, "threshold_fen", "must be higher"),
        ({"amount_fen": ""}, "amount_fen", "how much it takes off"),
        ({"amount_fen": "1.234"}, "amount_fen", "two decimals"),
        ({"amount_fen": "-5"}, "amount_fen", "below zero"),
        ({"amount_fen": "abc"}, "amount_fen", "amount in yuan"),
        ({"kind": "percent", "rate_pm": "85"}, "rate_pm", "Did you mean 8.5折"),
        ({"kind": "percent", "rate_pm": "10"}, "rate_pm", "between 0.1 and 9.9"),
        ({"kind": "percent", "rate_pm": "8.55"}, "rate_pm", "one decimal"),
        ({"kind": "percent", "rate_pm": ""}, "rate_pm", "between 0.1 and 9.9"),
        ({"kind": "nth_unit", "nth_n": "1", "rate_pm": "5"}, "nth_n", "second unit"),
        ({"kind": "multiplier", "multiplier_pm": "1"}, "multiplier_pm", "more than 1"),
        ({"kind": "pass", "uses": "0"}, "uses", "at least one use"),
        ({"valid_days": ""}, "valid_days", "how many days"),
        ({"valid_from": "2026-06-01", "valid_to": "2026-07-01"}, "valid_days", "how many days"),
        ({"scope": "products"}, "products", "at least one article"),
        ({"scope": "categories"}, "categories", "at least one category"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_a_coupon_nobody_could_explain_is_refused(
    house: House, owner: Client, changes: dict[str, str], field: str, words: str
) -> None:
    before = (CouponTemplate.objects.count(), RuleSet.objects.count())
    answer = owner.post(add("coupontemplate"), coupon_form(**changes))
    found = errors_of(answer)
    assert words in " ".join(found[field])
    assert "__all__" not in found
    assert (CouponTemplate.objects.count(), RuleSet.objects.count()) == before


def test_what_a_kind_is_not_made_of_is_put_back(house: House, owner: Client) -> None:
    form = coupon_form(kind="percent", rate_pm="8.5", cap_fen="20", amount_fen="30", uses="5")
    assert owner.post(add("coupontemplate"), form).status_code == 302
    row = CouponTemplate.objects.get(name="满200减30")
    assert (row.rate_pm, row.cap_fen, row.amount_fen, row.uses) == (850, 2000, 0, 1)


def test_the_second_editor_is_told_and_nothing_is_overwritten(house: House, owner: Client) -> None:
    address = change(house.template)
    mine, theirs = form_of(owner.get(address)), form_of(owner.get(address))
    assert owner.post(address, {**theirs, "amount_fen": "25"}).status_code == 302
    answer = owner.post(address, {**mine, "amount_fen": "30"})
    assert answer.status_code == 200
    # That alone: what holds nought is no other than it was.
    assert "It says now: Amount off: 25. Check" in " ".join(errors_of(answer)["__all__"])
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 2500
    # Having read it, saving again is meant.
    again = {**mine, "amount_fen": "30", "seen": answer.context["seen"]}
    assert owner.post(address, again).status_code == 302
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 3000


def test_a_form_without_its_mark_is_an_old_one(house: House, owner: Client) -> None:
    form = form_of(owner.get(change(house.template)))
    answer = owner.post(change(house.template), {**form, "seen": "", "amount_fen": "1"})
    assert "__all__" in errors_of(answer)


def test_what_is_in_use_is_put_out_of_use(house: House, owner: Client) -> None:
    delete = reverse("admin:loyalty_coupontemplate_delete", args=[house.template.pk])
    assert "It is in use" in owner.get(delete).content.decode()
    answer = owner.post(delete, follow=True)
    assert "put out of use instead of deleted" in answer.content.decode()
    assert CouponTemplate.objects.get(pk=house.template.pk).is_active is False
    assert Coupon.objects.filter(template=house.template).count() == 1


def test_what_nothing_uses_is_deleted(house: House, owner: Client) -> None:
    row = factories.coupon_template("误建")
    delete = reverse("admin:loyalty_coupontemplate_delete", args=[row.pk])
    assert "Nothing uses it" in owner.get(delete).content.decode()
    owner.post(delete)
    assert not CouponTemplate.objects.filter(pk=row.pk).exists()


def test_a_coupon_in_a_gift_stays(house: House, owner: Client) -> None:
    house.pack.items.create(template=house.template)
    delete = reverse("admin:loyalty_coupontemplate_delete", args=[house.template.pk])
    answer = owner.post(delete, follow=True)
    assert "Take this coupon out of these gift packs first: 送100." in answer.content.decode()
    assert CouponTemplate.objects.get(pk=house.template.pk).is_active


def test_a_gift_in_use_cannot_be_deleted(house: House, owner: Client) -> None:
    delete = reverse("admin:loyalty_giftpack_delete", args=[house.pack.pk])
    answer = owner.post(delete, follow=True)
    assert "cannot be deleted" in answer.content.decode()
    assert GiftPack.objects.filter(pk=house.pack.pk).exists()


def test_the_example_is_worked_out_by_the_real_calculator(house: House, owner: Client) -> None:
    factories.benefit("银卡8.5折", "percent", tier="银卡", rate_pm=850)
    rules.publish(actor=None, at=factories.AT)
    form = coupon_form(name="减20", amount_fen="20", threshold_fen="")
    page = owner.post(reverse("admin:loyalty_coupontemplate_preview"), form)
    paths = {one["tier"]: one["path"] for one in page.context["examples"]}
    assert paths == {
        "普通": "¥100.00 → ¥80.00",
        "银卡": "¥100.00 → ¥85.00 → ¥65.00",
        "金卡": "¥100.00 → ¥90.00 → ¥70.00",
    }
    assert not CouponTemplate.objects.filter(name="减20").exists()


def test_a_threshold_at_list_price_works_beside_the_member_discount(
    house: House, owner: Client
) -> None:
    factories.benefit("银卡8.5折", "percent", tier="银卡", rate_pm=850)
    rules.publish(actor=None, at=factories.AT)
    form = coupon_form(name="减20", amount_fen="20", threshold_fen="100")
    preview = reverse("admin:loyalty_coupontemplate_preview")

    def silver(language: str, **more: str) -> tuple[str, str]:
        owner.cookies["django_language"] = language
        page = owner.post(preview, form | more)
        shown = {one["tier"]: one["sentence"] for one in page.context["examples"]}
        assert shown["银卡"] in page.text
        return shown["银卡"], page.context["effect"]

    # After the member discount, as it is by itself: an amount that reaches the threshold.
    assert silver("zh-hans") == ("120元付102元,再用满100减20 → 82元", "满¥100.00减¥20.00")
    assert silver("zh-hans", threshold_on_list="on") == (
        "100元付85元,再用满100减20 → 65元",
        "满¥100.00减¥20.00 · 按原价",
    )
    assert silver("en", threshold_on_list="on") == (
        "Of ¥100 pay ¥85, then ¥20 off from ¥100 → ¥65",
        "¥20.00 off from ¥100.00 · at list price",
    )
    assert owner.post(add("coupontemplate"), {**form, "threshold_on_list": "on"}).status_code == 302
    row = CouponTemplate.objects.get(name="减20")
    assert row.threshold_on_list
    held = RuleSet.objects.get(pk=Policy.objects.get().ruleset_id or 0).snapshot["templates"]
    assert {one["id"]: one["threshold_on_list"] for one in held}[row.pk] is True
    # Without a threshold there is nothing to count.
    stored = form_of(owner.get(change(row)))
    assert owner.post(change(row), {**stored, "threshold_fen": ""}).status_code == 302
    assert not CouponTemplate.objects.get(pk=row.pk).threshold_on_list


def test_a_budget_says_how_far_it_goes_and_what_was_really_given_away(
    house: House, owner: Client
) -> None:
    owner.cookies["django_language"] = "en"
    address = change(house.template)
    form = form_of(owner.get(address))
    for number in (2, 3):
        factories.coupon(house.member, house.template, f"8000000000000{number}")
    assert owner.post(address, {**form, "budget_fen": "1000"}).status_code == 302
    row = CouponTemplate.objects.get(pk=house.template.pk)
    assert (row.budget_fen, row.budget_used_fen) == (100000, 6000)
    assert "¥60 / ¥1,000" in owner.get(reverse("admin:loyalty_coupontemplate_changelist")).text
    form = form_of(owner.get(address))
    preview = reverse("admin:loyalty_coupontemplate_preview", args=[row.pk])
    assert owner.post(preview, {**form, "amount_fen": "25"}).context["budget"] == [
        "A budget of ¥1,000.00 is enough for 40 coupons of up to ¥25.00 each.",
        "3 are given and count as ¥75.00, used or not. 37 more can be given."
        " Really taken off so far: ¥20.00.",
    ]
    for changes, field, words in (
        ({"budget_fen": "59"}, "budget_fen", "Enter at least ¥60.00"),
        ({"budget_fen": "-1"}, "budget_fen", "below zero"),
        ({"amount_fen": "400", "threshold_fen": "500"}, "budget_fen", "Enter at least ¥1,200.00"),
        ({"stock": "2"}, "stock", "3 are given out already"),
        ({"kind": "exchange"}, "budget_fen", "limit the number instead"),
        ({"kind": "percent", "rate_pm": "8"}, "cap_fen", "how much one coupon takes off at most"),
    ):
        assert words in errors_of(owner.post(address, {**form, **changes}))[field][0]
    # A till gives one while the form is open: that is no reason to type it all again.
    CouponTemplate.objects.update(issued_count=4, budget_used_fen=8000)
    assert owner.post(address, {**form, "amount_fen": "25"}).status_code == 302
    row.refresh_from_db()
    assert (row.issued_count, row.budget_used_fen) == (4, 10000)


def test_a_validity_out_of_the_ordinary_is_hinted_at(house: House, owner: Client) -> None:
    preview = reverse("admin:loyalty_coupontemplate_preview")
    assert owner.post(preview, coupon_form(valid_days="10")).context["hints"] == []
    assert len(owner.post(preview, coupon_form(valid_days="60")).context["hints"]) == 1


def test_half_a_form_shows_no_coupon(house: House, owner: Client) -> None:
    preview = reverse("admin:loyalty_coupontemplate_preview")
    assert owner.post(preview, coupon_form(amount_fen="")).context["worth"] is None


@pytest.mark.parametrize("role", ["manager", "cashier"])
def test_only_the_owner_writes_rules(house: House, signed_in: SignedIn, role: str) -> None:
    browser = signed_in(role)
    assert browser.post(add("coupontemplate"), coupon_form()).status_code == 403
    assert browser.post(change(house.template), coupon_form()).status_code == 403
    preview = reverse("admin:loyalty_coupontemplate_preview")
    assert browser.post(preview, coupon_form()).status_code == 403


def test_a_manager_reads_rules_in_the_same_words(house: House, signed_in: SignedIn) -> None:
    page = signed_in("manager").get(change(house.template))
    form = page.context["adminform"].form
    assert form["threshold_fen"].field.disabled
    assert 'value="80"' in str(form["threshold_fen"])


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("满100减20 7天", {"kind": "amount_off", "threshold_fen": 10000, "amount_fen": 2000}),
        ("满２００减３０ 7天", {"kind": "amount_off", "threshold_fen": 20000, "amount_fen": 3000}),
        ("立减5元 7天", {"kind": "amount_off", "amount_fen": 500}),
        ("5元无门槛券 7天", {"kind": "amount_off", "amount_fen": 500}),
        ("8.5折 封顶30 7天", {"kind": "percent", "rate_pm": 850, "cap_fen": 3000}),
        ("满100打9折 7天", {"kind": "percent", "rate_pm": 900, "threshold_fen": 10000}),
        (
            "原价满100减20 7天 预算 1000元",
            {
                "kind": "amount_off",
                "threshold_fen": 10000,
                "amount_fen": 2000,
                "threshold_on_list": True,
                "budget_fen": 100000,
            },
        ),
    ],
)
def test_a_coupon_typed_as_a_sentence(line: str, fields: dict[str, Any]) -> None:
    read = sentence.read(line)
    assert read.pop("name")
    assert read == {**fields, "valid_days": 7}


@pytest.mark.parametrize("line", ["", "你好", "7天", "85折", "减 元"])
def test_a_sentence_that_says_nothing_we_know(line: str) -> None:
    assert sentence.read(line) == {}


def benefit_form(**more: Any) -> dict[str, Any]:
    plain = {"name": "会员日8折", "kind": "percent", "rate_pm": "8", "scope": "all"}
    plain |= {"when": "monthdays", "days": "8, 18", "quota": "0", "rank": "0", "is_active": "on"}
    return {**plain, "nth_n": "0", **NO_LINES, **more}


def test_a_benefit_is_written(house: House, owner: Client) -> None:
    answer = owner.post(add("benefit"), benefit_form(tiers=[house.tiers["金卡"].pk]))
    assert answer.status_code == 302, errors_of(answer)
    row = Benefit.objects.get(name="会员日8折")
    assert (row.rate_pm, row.days, [tier.name for tier in row.tiers.all()]) == (
        800,
        [8, 18],
        ["金卡"],
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"days": ""}, "days"),
        ({"days": "40"}, "days"),
        ({"days": "x"}, "days"),
        ({"when": "dates", "date_from": "2026-06-02", "date_to": "2026-06-01"}, "date_to"),
        ({"kind": "special", "text": ""}, "text"),
        ({"rate_pm": "0"}, "rate_pm"),
        ({"quota": "2"}, "quota"),
    ],
)
def test_a_benefit_nobody_could_explain_is_refused(
    house: House, owner: Client, changes: dict[str, str], field: str
) -> None:
    answer = owner.post(add("benefit"), benefit_form(**changes))
    assert field in errors_of(answer)
    assert not Benefit.objects.filter(name="会员日8折").exists()


def test_weekdays_are_read_as_they_are_said(house: House, owner: Client) -> None:
    owner.post(add("benefit"), benefit_form(when="weekdays", days="周六、周日"))
    assert Benefit.objects.get(name="会员日8折").days == [6, 7]


def test_of_two_discounts_the_better_one_wins_and_the_page_says_so(
    house: House, owner: Client
) -> None:
    page = owner.post(
        reverse("admin:loyalty_benefit_preview"),
        benefit_form(tiers=[house.tiers["金卡"].pk]),
    )
    example = page.context["examples"][0]
    assert (example["tier"], example["path"]) == ("金卡", "¥100.00 → ¥80.00")
    assert {"name": "金卡 9折", "text": "another one saves more"} in example["not_used"]


def test_member_prices_are_lines_of_their_benefit(house: House, owner: Client) -> None:
    form = benefit_form(name="会员价", kind="member_price", when="always", days="")
    form |= {"member_prices-TOTAL_FORMS": 1}
    form |= {
        "member_prices-0-product": house.menu["latte"].pk,
        "member_prices-0-price_fen": "28",
    }
    answer = owner.post(add("benefit"), form)
    assert answer.status_code == 302, errors_of(answer)
    row = Benefit.objects.get(name="会员价")
    assert list(row.member_prices.values_list("product__sku", "price_fen")) == [("latte", 2800)]
    page = form_of(owner.get(change(row)))
    assert page["member_prices-0-price_fen"] == "28"
    owner.post(change(row), {**page, "member_prices-0-price_fen": "26"})
    assert list(row.member_prices.values_list("price_fen", flat=True)) == [2600]


def test_a_gift_pack_with_its_coupons(house: House, owner: Client) -> None:
    lines = {
        "items-TOTAL_FORMS": 1,
        "items-INITIAL_FORMS": 0,
        "items-0-template": house.template.pk,
        "items-0-count": "2",
    }
    form = {"name": "生日礼", "points": "100", "bonus_fen": "5", **lines}
    answer = owner.post(add("giftpack"), form)
    assert answer.status_code == 302, errors_of(answer)
    row = GiftPack.objects.get(name="生日礼")
    assert (row.points, row.bonus_fen) == (100, 500)
    assert list(row.items.values_list("template_id", "count")) == [(house.template.pk, 2)]


def test_an_empty_gift_is_refused(house: House, owner: Client) -> None:
    form = {"name": "空", "points": "0", "items-TOTAL_FORMS": 0, "items-INITIAL_FORMS": 0}
    answer = owner.post(add("giftpack"), form)
    assert "This gift is empty" in errors_of(answer)["points"][0]
    assert not GiftPack.objects.filter(name="空").exists()


def test_pay_500_get_100(house: House, owner: Client) -> None:
    form = {"pay_fen": "500", "bonus": "100", "is_active": "on"}
    answer = owner.post(add("topupplan"), form)
    assert answer.status_code == 302, errors_of(answer)
    row = TopUpPlan.objects.latest("pk")
    assert (row.name, row.pay_fen, row.pack.bonus_fen) == (
        "Pay 500, get 100 on top",
        50000,
        10000,
    )


@pytest.mark.parametrize(
    ("pay", "bonus", "words"),
    [
        ("5000", "100", "that is ¥5,100.00, more than a card may hold: ¥5,000.00"),
        ("0", "", "Enter what the member pays"),
        ("", "", "required"),
    ],
)
def test_a_plan_the_law_forbids_is_refused(
    house: House, owner: Client, pay: str, bonus: str, words: str
) -> None:
    before = TopUpPlan.objects.count()
    answer = owner.post(add("topupplan"), {"pay_fen": pay, "bonus": bonus, "is_active": "on"})
    assert words in " ".join(errors_of(answer)["pay_fen"])
    assert TopUpPlan.objects.count() == before


def test_the_sheet_of_points(house: House, owner: Client) -> None:
    address = reverse("admin:loyalty_policy_change", args=[1])
    assert owner.get(reverse("admin:loyalty_policy_changelist"))["Location"] == address
    form = form_of(owner.get(address))
    assert (form["earn_per_yuan_pm"], form["step_value_fen"]) == ("1", "1")
    answer = owner.post(address, {**form, "earn_per_yuan_pm": "1.5", "points_cap_pm": "50"})
    assert answer.status_code == 302, errors_of(answer)
    policy = Policy.objects.get()
    assert (policy.earn_per_yuan_pm, policy.points_cap_pm) == (1500, 500)
    page = owner.post(reverse("admin:loyalty_policy_preview", args=[1]), form)
    assert page.context["sentences"][0] == "¥1 = 1 point; 100 points take ¥1.00 off."
    limits = (
        "A card holds ¥5,000.00 at most with its bonus; ¥1,000.00 until its phone is confirmed."
    )
    assert page.context["sentences"][3:-2] == [limits]
    form["top_up_max_unproved_fen"] = "1000.01"
    page = owner.post(reverse("admin:loyalty_policy_preview", args=[1]), form)
    assert "nobody’s name may hold ¥1,000.00 at most" in page.context["sentences"][4]
    wrong = owner.post(address, {**form_of(owner.get(address)), "points_months": "0"})
    assert errors_of(wrong)["points_months"] == ["Choose 1 to 120 months."]


def test_where_two_benefits_meet_the_page_says_which_one_wins(house: House, owner: Client) -> None:
    preview = reverse("admin:loyalty_benefit_preview")
    page = owner.post(preview, benefit_form(tiers=[house.tiers["金卡"].pk]))
    assert [str(one) for one in page.context["conflicts"]] == [
        "“会员日8折” and “金卡 9折” can meet: the better one wins, that is “会员日8折”."
    ]
    page = owner.post(preview, benefit_form(tiers=[house.tiers["银卡"].pk]))
    assert page.context["conflicts"] == []


def test_a_gift_is_said_in_words_while_it_is_typed(house: House, owner: Client) -> None:
    lines = {"items-TOTAL_FORMS": 2, "items-0-template": house.template.pk, "items-0-count": "2"}
    form = {"name": "生日礼", "points": "100", "bonus_fen": "5", **lines, "items-1-count": "1"}
    preview = reverse("admin:loyalty_giftpack_preview")
    said = owner.post(preview, form).context["gives"]
    assert said == "100 points + ¥5.00 bonus + 满80减20 × 2"
    assert owner.post(preview, {"points": "x"}).context["gives"] == ""
    assert not GiftPack.objects.filter(name="生日礼").exists()


@pytest.mark.parametrize("name", ["coupontemplate", "benefit", "giftpack", "topupplan"])
def test_each_form_asks_once_from_which_day(house: House, owner: Client, name: str) -> None:
    assert owner.get(add(name)).content.decode().count('name="effective_from"') == 1
