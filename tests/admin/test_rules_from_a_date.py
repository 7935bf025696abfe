"""A rule's form with a day: it waits, is shown, is called off, comes, or is reported."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from loyalty import tasks
from loyalty.models import (
    Benefit,
    CouponTemplate,
    GiftPack,
    PlannedChange,
    Policy,
    RuleSet,
    Tier,
    TopUpPlan,
)
from members import clock
from members.models import Event
from tests.admin.conftest import House, SignedIn, form_of
from tests.admin.test_rule_forms import add, benefit_form, change, coupon_form, errors_of
from tests.admin.test_tiers_grid import GRID, grid, key
from tests.factories import AT

DAY = clock.local_date(AT) + dt.timedelta(days=3)
FROM = {"effective_from": DAY.isoformat()}
VERSIONS = reverse("admin:loyalty_ruleset_changelist")
HEALTH = reverse("admin:loyalty_nightlyrun_changelist")
HOME = reverse("admin:index")


def words(browser: Client, address: str) -> str:
    return browser.get(address).content.decode()


def cancel(row: PlannedChange) -> str:
    return reverse("admin:loyalty_ruleset_cancel", args=[row.pk])


@pytest.fixture
def waiting(house: House, owner: Client) -> PlannedChange:
    """The coupon takes ¥25 off instead of ¥20 from three days on."""
    form = form_of(owner.get(change(house.template)))
    answer = owner.post(change(house.template), {**form, "amount_fen": "25", **FROM})
    assert answer.status_code == 302, errors_of(answer)
    return PlannedChange.objects.get()


def test_it_waits_and_its_pages_say_so(waiting: PlannedChange, house: House, owner: Client) -> None:
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 2000
    for address in (VERSIONS, HEALTH, change(house.template)):
        page = words(owner, address)
        assert "changes on May 23, 2026 at midnight, planned by 周老板." in page, address
        assert "¥20.00" in page
        assert "¥25.00" in page
        assert cancel(waiting) in page
    assert "could not be applied" not in words(owner, HOME)


def test_it_comes_at_midnight(
    waiting: PlannedChange, house: House, at_work: time_machine.Traveller
) -> None:
    at_work.move_to(clock.start_of_day(DAY) - dt.timedelta(seconds=1))
    tasks.apply_planned()
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 2000
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    tasks.apply_planned()
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 2500
    assert Event.objects.filter(kind="rule_plan_applied").count() == 1


def test_the_night_makes_up_for_a_lost_minute(
    waiting: PlannedChange, house: House, at_work: time_machine.Traveller
) -> None:
    at_work.move_to(clock.start_of_day(DAY) + dt.timedelta(hours=4))
    tasks.nightly_expiry()
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 2500


def test_it_is_called_off(waiting: PlannedChange, house: House, owner: Client) -> None:
    answer = owner.post(cancel(waiting), follow=True)
    assert "called off" in answer.content.decode()
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    again = owner.post(cancel(waiting), follow=True)
    assert "in force already, or was called off" in again.content.decode()


@pytest.mark.parametrize("role", ["manager", "cashier"])
def test_only_the_owner_plans_and_calls_off(
    waiting: PlannedChange, house: House, signed_in: SignedIn, role: str
) -> None:
    browser = signed_in(role)
    assert browser.post(cancel(waiting)).status_code == 403
    assert browser.post(GRID, FROM).status_code == 403
    if role == "manager":
        page = words(browser, VERSIONS)
        assert "¥25.00" in page
        assert cancel(waiting) not in page
        assert "effective_from" not in words(browser, change(house.template))
    waiting.refresh_from_db()
    assert waiting.status == "planned"


def test_what_could_not_be_applied_is_on_the_first_page(
    waiting: PlannedChange, house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    form = form_of(owner.get(change(house.template)))
    assert owner.post(change(house.template), {**form, "amount_fen": "18"}).status_code == 302
    before = RuleSet.objects.count()
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    assert CouponTemplate.objects.get(pk=house.template.pk).amount_fen == 1800
    assert RuleSet.objects.count() == before
    owner.force_login(house.owner, backend="members.backends.StaffBackend")
    assert "1 planned change of the rules could not be applied" in words(owner, HOME)
    for address in (HEALTH, VERSIONS):
        assert "Somebody changed the same thing after this was planned" in words(owner, address)
    owner.post(cancel(waiting))
    assert "could not be applied" not in words(owner, HOME)


def test_a_second_plan_for_the_same_is_refused(
    waiting: PlannedChange, house: House, owner: Client
) -> None:
    form = form_of(owner.get(change(house.template)))
    answer = owner.post(change(house.template), {**form, "amount_fen": "30", **FROM})
    assert "waits for its day already" in errors_of(answer)["effective_from"][0]
    assert PlannedChange.objects.count() == 1


def test_the_second_editor_is_told_before_anything_is_planned(house: House, owner: Client) -> None:
    mine = form_of(owner.get(change(house.template)))
    owner.post(change(house.template), {**mine, "amount_fen": "18"})
    answer = owner.post(change(house.template), {**mine, "amount_fen": "25", **FROM})
    assert "Somebody changed this" in errors_of(answer)["__all__"][0]
    assert not PlannedChange.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"effective_from": "2026-05-20"}, "effective_from", "Choose a day after today"),
        ({"effective_from": "2028-01-01"}, "effective_from", "Choose a day within a year"),
        ({"effective_from": "soon"}, "effective_from", "Enter a valid date"),
        ({**FROM, "threshold_fen": "10"}, "threshold_fen", "must be higher"),
    ],
)
def test_what_is_refused_leaves_nothing_planned(
    house: House, owner: Client, changes: dict[str, Any], field: str, sentence: str
) -> None:
    before = CouponTemplate.objects.count(), RuleSet.objects.count(), Event.objects.count()
    answer = owner.post(add("coupontemplate"), coupon_form(**changes))
    assert sentence in " ".join(errors_of(answer)[field])
    assert not PlannedChange.objects.exists()
    after = CouponTemplate.objects.count(), RuleSet.objects.count(), Event.objects.count()
    assert after == before


def test_new_rules_of_each_kind_from_a_day(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    lines = {
        "items-TOTAL_FORMS": 1,
        "items-INITIAL_FORMS": 0,
        "items-0-template": house.template.pk,
        "items-0-count": "2",
    }
    forms: dict[str, dict[str, Any]] = {
        "coupontemplate": coupon_form(),
        "benefit": benefit_form(tiers=[house.tiers["金卡"].pk]),
        "giftpack": {"name": "生日礼", "points": "100", **lines},
        "topupplan": {"pay_fen": "800", "bonus": "100", "is_active": "on"},
    }
    tables = (CouponTemplate, Benefit, GiftPack, TopUpPlan)
    for name, form in forms.items():
        answer = owner.post(add(name), {**form, **FROM})
        assert answer.status_code == 302, errors_of(answer)
    sheet = reverse("admin:loyalty_policy_change", args=[1])
    owner.post(sheet, {**form_of(owner.get(sheet)), "earn_per_yuan_pm": "2", **FROM})
    before = [table.objects.count() for table in tables]
    # The plan's own gift stands ready; nothing gives it yet.
    assert before == [1, 1, 3, 2]
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    assert {one.status for one in PlannedChange.objects.all()} == {"applied"}
    assert [table.objects.count() for table in tables] == [2, 2, 4, 3]
    made = Benefit.objects.get(name="会员日8折")
    assert (made.days, [tier.name for tier in made.tiers.all()]) == ([8, 18], ["金卡"])
    assert TopUpPlan.objects.get(pay_fen=80000).pack.bonus_fen == 10000
    assert Policy.objects.get().earn_per_yuan_pm == 2000


def test_the_ladder_from_a_day(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    form = grid(owner)
    answer = owner.post(GRID, {**form, key(house, "银卡", "threshold_fen"): "600", **FROM})
    assert (answer.status_code, answer["Location"]) == (302, VERSIONS)
    assert Tier.objects.get(name="银卡").threshold_fen == 50100
    assert "¥600.00" in words(owner, GRID)
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    assert Tier.objects.get(name="银卡").threshold_fen == 60000


def test_the_ladder_is_refused_beside_the_day(house: House, owner: Client) -> None:
    form = {**grid(owner), key(house, "银卡", "threshold_fen"): "600"}
    answer = owner.post(GRID, {**form, "effective_from": "2026-05-20"})
    assert answer.status_code == 400
    assert "Choose a day after today" in answer.content.decode()
    assert not PlannedChange.objects.exists()


def test_the_trail_tells_before_and_after(house: House, owner: Client) -> None:
    form = form_of(owner.get(change(house.template)))
    owner.post(change(house.template), {**form, "amount_fen": "18"})
    event = Event.objects.filter(kind="row_changed").latest("pk")
    assert (event.staff_id, event.data["before"], event.data["after"]) == (
        house.owner.pk,
        {"amount_fen": 2000},
        {"amount_fen": 1800},
    )
    page = words(owner, reverse("admin:members_event_changelist"))
    assert "Coupon “满80减20” changed" in page
    assert "amount off: ¥20.00 → ¥18.00" in page


def test_a_plan_that_no_rule_book_holds_leaves_its_event_too(house: House, owner: Client) -> None:
    """Top-up plans are no part of a sale's rules, and are changed by somebody all the same."""
    form = form_of(owner.get(change(house.plan)))
    before = RuleSet.objects.count()
    assert owner.post(change(house.plan), {**form, "pay_fen": "600"}).status_code == 302
    assert RuleSet.objects.count() == before
    event = Event.objects.filter(kind="row_changed").latest("pk")
    assert (event.data["model"], event.data["before"], event.data["after"]) == (
        "topupplan",
        {"pay_fen": 50000},
        {"pay_fen": 60000},
    )


def test_a_version_is_told_by_names_not_by_numbers(house: House, owner: Client) -> None:
    """Which tiers, at which discount: before and after, as the shop calls them."""
    form = form_of(owner.get(change(house.benefit)))
    tiers = [house.tiers[name].pk for name in ("金卡", "黑卡")]
    answer = owner.post(change(house.benefit), {**form, "rate_pm": "8.8", "tiers": tiers})
    assert answer.status_code == 302, errors_of(answer)
    newest = RuleSet.objects.latest("pk")
    page = owner.get(reverse("admin:loyalty_ruleset_change", args=[newest.pk]))
    told = {(one.what, one.before, one.after) for one in page.context["changes"]}
    assert told == {("for tiers", "金卡", "金卡、黑卡"), ("discount", "90%", "88%")}
