"""Articles, categories, member prices and faces with a day: the forms, the lists, the trail."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from loyalty import tasks
from loyalty.models import Category, PlannedChange, Product, RuleSet
from members import clock
from members.models import CardFace, CardImage, Event
from tests.admin.conftest import House, SignedIn, form_of
from tests.admin.test_rule_forms import benefit_form, change, errors_of
from tests.factories import AT
from tests.members.test_pictures import picture

DAY = clock.local_date(AT) + dt.timedelta(days=3)
FROM = {"effective_from": DAY.isoformat()}
VERSIONS = reverse("admin:loyalty_ruleset_changelist")
TRAIL = reverse("admin:members_event_changelist")


def face_page(face: CardFace) -> str:
    return reverse("admin:members_cardface_change", args=[face.pk])


def words(browser: Client, address: str) -> str:
    return browser.get(address).content.decode()


def cancel(row: PlannedChange) -> str:
    return reverse("admin:loyalty_ruleset_cancel", args=[row.pk])


def logo(width: int = 40) -> dict[str, Any]:
    return {"logo_file": SimpleUploadedFile("a.png", picture(width, 20), "image/png")}


def send(browser: Client, address: str, more: dict[str, Any]) -> Any:
    return browser.post(address, {**form_of(browser.get(address)), **more})


@pytest.fixture
def dearer(house: House, owner: Client) -> PlannedChange:
    """The latte costs ¥35 instead of ¥32 from three days on."""
    answer = send(owner, change(house.menu["latte"]), {"price_fen": "35", **FROM})
    assert (answer.status_code, answer["Location"]) == (302, VERSIONS), errors_of(answer)
    return PlannedChange.objects.get()


def test_a_price_waits_is_shown_and_comes_at_midnight(
    dearer: PlannedChange, house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    latte = house.menu["latte"]
    assert Product.objects.get(pk=latte.pk).price_fen == 3200
    for address in (VERSIONS, change(latte)):
        page = words(owner, address)
        assert "Article “拿铁”" in page, address
        assert "¥32.00" in page
        assert "¥35.00" in page
        assert cancel(dearer) in page
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    tasks.apply_planned()
    assert Product.objects.get(pk=latte.pk).price_fen == 3500
    owner.force_login(house.owner, backend="members.backends.StaffBackend")
    page = words(owner, f"{TRAIL}?what=row_changed")
    assert "Article “拿铁” changed" in page
    assert "price: ¥32.00 → ¥35.00" in page
    assert Event.objects.filter(kind="rule_plan_applied").count() == 1


def test_the_waiting_price_in_chinese(dearer: PlannedChange, house: House, owner: Client) -> None:
    with translation.override("zh-hans"):
        owner.cookies["django_language"] = "zh-hans"
        page = words(owner, VERSIONS)
    assert "商品“拿铁”" in page
    assert "价格: " in page
    assert "商品的价格、名称和卡面不在规则版本里" in page


def test_a_price_is_called_off(dearer: PlannedChange, house: House, owner: Client) -> None:
    owner.post(cancel(dearer))
    dearer.refresh_from_db()
    assert dearer.status == "cancelled"
    assert send(owner, change(house.menu["latte"]), {"price_fen": "36", **FROM}).status_code == 302


def test_a_second_change_of_the_same_article_is_refused(
    dearer: PlannedChange, house: House, owner: Client
) -> None:
    answer = send(owner, change(house.menu["latte"]), {"price_fen": "36", **FROM})
    assert "waits for its day already" in errors_of(answer)["effective_from"][0]
    assert PlannedChange.objects.count() == 1
    assert Product.objects.get(pk=house.menu["latte"].pk).price_fen == 3200


@pytest.mark.parametrize("role", ["manager", "cashier"])
def test_only_the_owner_plans_and_calls_off(
    dearer: PlannedChange, house: House, signed_in: SignedIn, role: str
) -> None:
    browser = signed_in(role)
    drinks = house.menu["latte"].category
    pages = [change(house.menu["tea"]), change(drinks), face_page(house.face)]
    for address in pages:
        assert browser.post(address, {"name": "新", **FROM}).status_code == 403
        if role == "manager":
            assert "effective_from" not in words(browser, address), address
    assert browser.post(cancel(dearer)).status_code == 403
    assert PlannedChange.objects.count() == 1
    dearer.refresh_from_db()
    assert dearer.status == "planned"


def test_a_new_article_from_a_day_is_not_found_before(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    form = {"sku": "mocha", "name": "摩卡", "price_fen": "36", "is_active": "on", **FROM}
    answer = owner.post(reverse("admin:loyalty_product_add"), form)
    assert (answer.status_code, answer["Location"]) == (302, VERSIONS), errors_of(answer)
    assert not Product.objects.filter(sku="mocha").exists()
    at_work.move_to(clock.start_of_day(DAY) + dt.timedelta(hours=9))
    tasks.nightly_expiry()  # the minute's task was lost
    made = Product.objects.get(sku="mocha")
    assert (made.price_fen, made.pinyin[:2]) == (3600, "mk")


def test_a_category_from_a_day_and_the_version_that_tells_it(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    coffee = Category.objects.create(name="咖啡")
    drinks = house.menu["latte"].category
    assert drinks is not None
    answer = send(owner, change(coffee), {"parent": str(drinks.pk), **FROM})
    assert (answer.status_code, answer["Location"]) == (302, VERSIONS), errors_of(answer)
    assert "Category “咖啡”" in words(owner, VERSIONS)
    assert words(owner, change(drinks)).count('name="effective_from"') == 1
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    owner.force_login(house.owner, backend="members.backends.StaffBackend")
    newest = RuleSet.objects.latest("pk")
    page = owner.get(reverse("admin:loyalty_ruleset_change", args=[newest.pk]))
    told = {(one.rule, one.what, one.before, one.after) for one in page.context["changes"]}
    # The fixture's own version did not know of this category yet.
    assert told == {("category “咖啡”", "", "", "new")}
    send(owner, change(coffee), {"parent": ""})
    newest = RuleSet.objects.latest("pk")
    page = owner.get(reverse("admin:loyalty_ruleset_change", args=[newest.pk]))
    told = {(one.rule, one.what, one.before, one.after) for one in page.context["changes"]}
    assert told == {("category “咖啡”", "lies in", "饮品", "–")}


def test_a_face_with_its_picture_from_a_day(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    answer = send(owner, face_page(house.face), {"slogan": "夏天来了", **logo(), **FROM})
    assert (answer.status_code, answer["Location"]) == (302, VERSIONS), errors_of(answer)
    house.face.refresh_from_db()
    assert (house.face.slogan, house.face.logo_id) == ("", None)
    kept = CardImage.objects.get()
    image = reverse("card:image", args=[kept.pk])
    for address in (VERSIONS, face_page(house.face)):
        page = words(owner, address)
        assert "Card face “经典”" in page
        assert f'<img src="{image}"' in page
    assert owner.get(image).status_code == 200
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    house.face.refresh_from_db()
    assert (house.face.slogan, house.face.logo_id) == ("夏天来了", kept.pk)


def test_a_face_called_off_leaves_no_picture(house: House, owner: Client) -> None:
    send(owner, face_page(house.face), {**logo(), **FROM})
    assert CardImage.objects.count() == 1
    owner.post(cancel(PlannedChange.objects.get()))
    assert CardImage.objects.count() == 0


def test_another_picture_is_told_as_another(house: House, owner: Client) -> None:
    send(owner, face_page(house.face), logo())
    send(owner, face_page(house.face), {**logo(60), **FROM})
    page = words(owner, VERSIONS)
    assert "a picture" in page
    assert "another picture" in page


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"effective_from": "2026-05-20"}, "effective_from", "Choose a day after today"),
        ({"effective_from": "2028-01-01"}, "effective_from", "Choose a day within a year"),
        ({**FROM, "text_colour": "#7A4B2B"}, "text_colour", "cannot be read"),
    ],
)
def test_what_is_refused_keeps_no_picture_and_names_one_reason(
    house: House, owner: Client, changes: dict[str, str], field: str, sentence: str
) -> None:
    before = CardFace.objects.values().get(), Event.objects.count()
    answer = send(owner, face_page(house.face), {**logo(), **changes})
    errors = errors_of(answer)
    assert list(errors) == [field]
    assert sentence in errors[field][0]
    assert (CardFace.objects.values().get(), Event.objects.count()) == before
    assert not CardImage.objects.exists()
    assert not PlannedChange.objects.exists()


def test_member_prices_from_a_day_by_the_form(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    form = benefit_form(
        name="金卡会员价",
        kind="member_price",
        when="always",
        tiers=[house.tiers["金卡"].pk],
        **{
            "member_prices-TOTAL_FORMS": 1,
            "member_prices-0-product": house.menu["latte"].pk,
            "member_prices-0-price_fen": "26",
        },
        **FROM,
    )
    answer = owner.post(reverse("admin:loyalty_benefit_add"), form)
    assert (answer.status_code, answer["Location"]) == (302, VERSIONS), errors_of(answer)
    assert "拿铁 ¥26.00" in words(owner, VERSIONS)
    before = RuleSet.objects.latest("pk").snapshot["benefits"]
    at_work.move_to(clock.start_of_day(DAY))
    tasks.apply_planned()
    after = RuleSet.objects.latest("pk").snapshot["benefits"]
    new = [row for row in after if row not in before]
    assert [(row["tiers"], row["prices"]) for row in new] == [
        ([house.tiers["金卡"].pk], [[house.menu["latte"].pk, 2600]])
    ]
