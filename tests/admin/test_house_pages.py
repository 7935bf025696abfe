"""Shops, staff, tags, faces, articles; the first page; what runs by itself."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from config.admin.brand import accent_steps
from loyalty.counter import accent
from loyalty.models import Category, NightlyRun, Product
from loyalty.selectors import today
from members import colours
from members.models import CardFace, Event, Outbox, Shop, Staff, Tag
from members.services.staff import check_pin
from tests.admin.conftest import House, SignedIn, form_of
from tests.factories import AT, PASSWORD


def url(row: Any, page: str = "change") -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=[row.pk])


def errors_of(answer: Any) -> dict[str, str]:
    with translation.override("en"):
        errors = answer.context["adminform"].form.errors
        return {name: " ".join(str(one) for one in found) for name, found in errors.items()}


# --- shops and staff --------------------------------------------------------------------------
def test_a_shop_is_opened_and_closed(house: House, owner: Client) -> None:
    form = {"name": "公园店", "code": "park", "is_active": "on"}
    assert owner.post(reverse("admin:members_shop_add"), form).status_code == 302
    shop = Shop.objects.get(code="park")
    event = Event.objects.get(kind="row_added")
    assert (event.staff_id, event.data["after"]["name"]) == (house.owner.pk, "公园店")
    owner.post(url(shop, "delete"))
    assert not Shop.objects.filter(code="park").exists()
    owner.post(url(house.shop, "delete"))
    assert Shop.objects.get(pk=house.shop.pk).is_active is False


def test_what_was_before_and_after_is_kept(house: House, owner: Client) -> None:
    owner.post(url(house.shop), {**form_of(owner.get(url(house.shop))), "address": "人民路1号"})
    data = Event.objects.get(kind="row_changed").data
    assert (data["before"], data["after"]) == ({"address": ""}, {"address": "人民路1号"})


def test_the_head_of_a_page_says_where_one_is(house: House, owner: Client) -> None:
    gold = house.tiers["金卡"]
    asked = owner.get(url(gold, "delete")).content.decode()
    edit = reverse("admin:members_member_edit", args=[house.member.pk])
    for page, words in (
        (asked, "Member card Tiers Put “金卡” out of use?"),
        (owner.get(edit).content.decode(), f"Members {house.member} Correct data"),
        (owner.get(url(house.shop)).content.decode(), f"Settings Shops {house.shop.name}"),
        (
            owner.get(reverse("admin:loyalty_benefit_add")).content.decode(),
            "Member card Benefits New",
        ),
    ):
        head = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
        assert head
        said = re.sub(r"<[^>]+>|chevron_right", " ", head[1])
        assert " ".join(said.split()) == words


def staff_form(house: House, **more: Any) -> dict[str, Any]:
    plain = {"display_name": "小张", "username": "zhang", "role": "cashier", "is_active": "on"}
    return {**plain, "shops": [house.shop.pk], "new_password": "tea-and-cake-7", **more}


def test_a_cashier_is_taken_on_with_a_pin(house: House, owner: Client) -> None:
    answer = owner.post(reverse("admin:members_staff_add"), staff_form(house, new_pin="4071"))
    assert answer.status_code == 302, errors_of(answer)
    person = Staff.objects.get(username="zhang")
    assert person.check_password("tea-and-cake-7")
    assert (person.role, person.is_superuser, list(person.shops.all())) == (
        "cashier",
        False,
        [house.shop],
    )
    check_pin(staff=person, pin="4071")
    facts = str(list(Event.objects.values_list("data", flat=True)))
    assert person.password not in facts
    assert person.pin_hash not in facts


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"new_password": ""}, "new_password", "first password"),
        ({"new_password": "12345678"}, "new_password", "common"),
        ({"new_pin": "1111"}, "__all__", "neither all alike"),
        ({"shops": []}, "shops", "shops this person works in"),
        ({"username": "lin"}, "username", "already exists"),
    ],
)
def test_a_person_who_could_not_work_is_refused(
    house: House, owner: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = owner.post(reverse("admin:members_staff_add"), staff_form(house, **changes))
    assert words in errors_of(answer)[field]
    assert not Staff.objects.filter(username="zhang").exists()


def test_a_password_left_empty_stays(house: House, owner: Client) -> None:
    form = form_of(owner.get(url(house.cashier)))
    owner.post(url(house.cashier), {**form, "display_name": "小林林"})
    person = Staff.objects.get(pk=house.cashier.pk)
    assert (person.display_name, person.check_password(PASSWORD)) == ("小林林", True)


def test_the_last_owner_stays(house: House, owner: Client) -> None:
    form = form_of(owner.get(url(house.owner)))
    answer = owner.post(url(house.owner), {**form, "role": "manager", "shops": [house.shop.pk]})
    assert "own rights" in errors_of(answer)["role"]
    assert Staff.objects.get(pk=house.owner.pk).role == "owner"
    owner.post(url(house.owner, "delete"))
    assert Staff.objects.get(pk=house.owner.pk).is_active


def test_who_leaves_can_no_longer_sign_in(house: House, owner: Client) -> None:
    owner.post(url(house.cashier, "delete"))
    person = Staff.objects.get(pk=house.cashier.pk)
    assert person.is_active is False
    browser = Client()
    assert browser.login(username="lin", password=PASSWORD) is False


def test_everybody_signs_in_here_and_sees_their_own(house: House) -> None:
    browser = Client()
    answer = browser.post("/admin/login/", {"username": "lin", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert browser.get("/admin/").status_code == 200


def test_a_tag_in_use_stays(house: House, owner: Client) -> None:
    owner.post(url(house.tag, "delete"))
    assert Tag.objects.filter(pk=house.tag.pk).exists()
    house.member.tags.clear()
    owner.post(url(house.tag, "delete"))
    assert not Tag.objects.filter(pk=house.tag.pk).exists()


# --- faces and articles -----------------------------------------------------------------------
def test_a_face_that_can_be_read(house: House, owner: Client) -> None:
    form = {"name": "夜", "brand_colour": "#101820", "text_colour": "#F2E9DC"}
    form["slogan"] = "每一次消费,都离特权更近"
    answer = owner.post(reverse("admin:members_cardface_add"), form)
    assert answer.status_code == 302, errors_of(answer)
    assert CardFace.objects.get(name="夜").slogan == "每一次消费,都离特权更近"


@pytest.mark.parametrize(
    ("brand", "text", "field"),
    [
        ("#FFFFFF", "#F2F2F2", "text_colour"),
        ("#7A4B2A", "#7A4B2A", "text_colour"),
        ("red", "#FFFFFF", "brand_colour"),
    ],
)
def test_a_face_nobody_can_read_is_refused(
    house: House, owner: Client, brand: str, text: str, field: str
) -> None:
    form = {"name": "糊", "brand_colour": brand, "text_colour": text, "slogan": ""}
    answer = owner.post(reverse("admin:members_cardface_add"), form)
    assert field in errors_of(answer)
    assert not CardFace.objects.filter(name="糊").exists()
    preview = owner.post(reverse("admin:members_cardface_preview"), form)
    assert preview.context["is_readable"] is False


@pytest.mark.parametrize("brand", ["#7A4B2A", "#FFE100", "#000000", "#FFFFFF", "#1E90FF"])
def test_the_accent_can_be_read_in_both_themes(house: House, brand: str) -> None:
    CardFace.objects.update(brand_colour=brand)
    steps = {name: colours.parse_hex(shade) for name, shade in accent_steps().items()}
    assert colours.contrast(steps["600"], (255, 255, 255)) >= colours.CONTRAST
    assert colours.contrast(steps["500"], accent.DARK_SURFACE) >= colours.CONTRAST


def test_an_article_is_found_by_its_initials(house: House, owner: Client) -> None:
    form = {"sku": "m1", "name": "美式", "price_fen": "22", "is_active": "on", "barcode": ""}
    answer = owner.post(reverse("admin:loyalty_product_add"), form)
    assert answer.status_code == 302, errors_of(answer)
    product = Product.objects.get(sku="m1")
    assert (product.pinyin, product.price_fen, product.barcode) == ("ms", 2200, None)
    rows = owner.get(reverse("admin:loyalty_product_changelist"), {"q": "ms"}).context["cl"]
    assert list(rows.result_list) == [product]


def test_a_category_cannot_lie_in_itself(house: House, owner: Client) -> None:
    drinks = house.menu["latte"].category
    assert drinks is not None
    hot = Category.objects.create(name="热饮", parent=drinks)
    answer = owner.post(url(drinks), {**form_of(owner.get(url(drinks))), "parent": hot.pk})
    assert "within itself" in errors_of(answer)["parent"]


# --- today ------------------------------------------------------------------------------------
def test_the_figures_of_a_day(house: House) -> None:
    day = AT.date()
    here = today.day_figures(shop_ids=[house.shop.pk], days=[day, day - dt.timedelta(days=1)])
    # ¥100 at 90 % less ¥20 for the coupon is ¥70; ¥10 of it was given back.
    assert here[day] == today.Day(
        net_fen=6000,
        member_net_fen=6000,
        orders=1,
        new_members=1,
        paid_in_fen=50000,
        coupons_used=1,
    )
    assert here[day - dt.timedelta(days=1)] == today.Day()
    assert (here[day].member_share_pm, today.Day().member_share_pm) == (1000, None)


def test_the_first_page_by_role(house: House, signed_in: SignedIn) -> None:
    home = reverse("admin:index")
    assert signed_in("owner").get(home).context["tiles"][0].value == "¥140.00"
    assert signed_in("manager").get(home).context["tiles"][0].value == "¥60.00"
    assert signed_in("cashier").get(home).context["tiles"] == []
    assert signed_in("manager").get(home).context["steps"] == []


def test_a_new_shop_is_told_what_to_do_first(db: None) -> None:
    person = Staff.objects.create_user("boss", password=PASSWORD, role="owner")
    browser = Client()
    browser.force_login(person, backend="members.backends.StaffBackend")
    page = browser.get(reverse("admin:index"))
    assert (page.context["steps_done"], page.context["steps_all"]) == (0, 9)
    for step in page.context["steps"]:
        assert browser.get(reverse(step.url), follow=True).status_code == 200


# --- what runs by itself ----------------------------------------------------------------------
def test_a_night_in_words(house: House, owner: Client) -> None:
    page = owner.get(reverse("admin:loyalty_nightlyrun_changelist"))
    words = [job["words"] for job in page.context["jobs"] if job["last"]]
    assert words == ["everything agrees: members 1"]


def test_differences_are_shown_loudly(house: House, owner: Client) -> None:
    found = {"check": "balance", "key": 7, "stored": 1, "recomputed": 2}
    NightlyRun.objects.filter(pk=house.run.pk).update(
        result={"counted": {}, "totals": {"balance": 3}, "differences": [found]}
    )
    home = owner.get(reverse("admin:index")).content.decode()
    assert "found differences" in home
    page = owner.get(reverse("admin:loyalty_nightlyrun_changelist"))
    assert any(job["is_bad"] for job in page.context["jobs"])
    run = owner.get(url(house.run))
    assert run.context["totals"] == [("balance", 3)]
    assert "3 differences found" in run.content.decode()


def test_what_waits_too_long_is_said(house: House, owner: Client) -> None:
    event = Event.objects.latest("pk")
    Outbox.objects.all().delete()
    Outbox.objects.create(event=event, due_at=AT, attempts=3, last_error="boom")
    page = owner.get(reverse("admin:loyalty_nightlyrun_changelist"))
    assert page.context["outbox"]["count"] == 1
    assert "boom" in page.content.decode()
