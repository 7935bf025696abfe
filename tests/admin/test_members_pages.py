"""The list of members, a member's page, and what is done there."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from zeal import zeal_context

from loyalty.admin.sheets import harmless
from loyalty.models import Account, Entry
from members.models import Event, Member
from tests import factories
from tests.admin.conftest import CARD, House, SignedIn

LIST = reverse("admin:members_member_changelist")


def page_of(member: Member, name: str = "change") -> str:
    return reverse(f"admin:members_member_{name}", args=[member.pk])


def listed(browser: Client, query: str) -> list[str]:
    rows = browser.get(f"{LIST}?{query}").context["cl"].result_list
    return [member.name for member in rows]


@pytest.fixture
def other(house: House) -> Member:
    return factories.member("+8613900005678", "李明", tier="普通")


@pytest.mark.parametrize("words", ["1234", "wxm", "王小", CARD, "13800001234", "１３８ 0000 1234"])
def test_a_member_is_found_as_at_the_counter(
    house: House, other: Member, owner: Client, words: str
) -> None:
    assert listed(owner, f"q={words}") == ["王小敏"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["李明", "王小敏"]),
        ("visit=30", ["王小敏"]),
        ("visit=never", ["李明"]),
        ("holds=value", ["王小敏"]),
        ("holds=points", ["王小敏"]),
        ("holds=coupons", []),  # the only one was used
        ("status__exact=frozen", []),
    ],
)
def test_filters_stand_in_the_address(
    house: House, other: Member, owner: Client, query: str, names: list[str]
) -> None:
    assert listed(owner, query) == names


def test_a_list_of_many_asks_no_query_for_each(house: House, owner: Client) -> None:
    for number in range(6):
        member = factories.member(f"+861370000{number:04d}", f"会员{number}")
        member.tags.add(house.tag)
    with zeal_context():
        assert owner.get(LIST).status_code == 200
        assert owner.get(reverse("admin:members_event_changelist")).status_code == 200


def test_a_tag_is_put_on_many(house: House, other: Member, owner: Client) -> None:
    chosen = {"action": "put_tag_on", "_selected_action": [house.member.pk, other.pk]}
    asked = owner.post(LIST, chosen)
    assert "2 members are chosen." in asked.content.decode()
    owner.post(LIST, {**chosen, "tag": house.tag.pk, "select_across": "0"})
    assert list(other.tags.all()) == [house.tag]
    events = Event.objects.filter(kind="tagged")
    assert [(event.member_id, event.data["by"]) for event in events] == [(other.pk, house.owner.pk)]


def test_a_cashier_tags_nobody(house: House, other: Member, signed_in: SignedIn) -> None:
    signed_in("cashier").post(
        LIST,
        {"action": "put_tag_on", "_selected_action": [other.pk], "tag": house.tag.pk},
    )
    assert not other.tags.exists()


def test_the_list_goes_out_as_a_spreadsheet_and_is_written_down(
    house: House, other: Member, owner: Client
) -> None:
    Member.objects.filter(pk=other.pk).update(name="=cmd|' /C calc'!A0")
    answer = owner.get(reverse("admin:members_member_export") + "?visit=never")
    rows = list(load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True))
    assert rows[0][:3] == ("name", "phone", "tier")
    assert rows[1][:4] == ("'=cmd|' /C calc'!A0", "13900005678", "普通", 0)
    assert rows[1][4:6] == (0, 0)
    event = Event.objects.get(kind="exported")
    assert event.data == {"what": "members", "rows": 1, "filters": {"visit": "never"}}
    assert event.staff_id == house.owner.pk


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\tx", "\rx"])
def test_a_cell_starts_no_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless(-5) == -5


def test_a_phone_is_shown_when_asked_and_that_is_written_down(house: House, owner: Client) -> None:
    assert "13800001234" not in owner.get(page_of(house.member)).content.decode()
    assert "+8613800001234" in owner.post(page_of(house.member, "phone")).content.decode()
    event = Event.objects.get(kind="phone_seen")
    assert (event.member_id, event.staff_id) == (house.member.pk, house.owner.pk)


def test_a_cashier_sees_no_phone(house: House, signed_in: SignedIn) -> None:
    browser = signed_in("cashier")
    everybody = browser.get(LIST).content.decode()
    assert "王*敏" in everybody
    assert "王小敏" not in everybody
    assert browser.post(page_of(house.member, "phone")).status_code == 403
    page = browser.get(page_of(house.member)).content.decode()
    assert "王*敏" in page
    assert "王小敏" not in page


@pytest.mark.parametrize("part", ["timeline", "points", "value", "coupons", "orders"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_list_of_the_page_opens(
    house: House, signed_in: SignedIn, part: str, language: str
) -> None:
    with zeal_context():
        page = signed_in("manager", language).get(f"{page_of(house.member)}?show={part}")
    assert page.status_code == 200
    assert page.context["rows"]


def test_a_manager_gets_no_link_to_another_shops_sale(house: House, signed_in: SignedIn) -> None:
    near = reverse("admin:loyalty_order_change", args=[house.order.pk])
    far = reverse("admin:loyalty_order_change", args=[house.far_order.pk])
    page = signed_in("manager").get(f"{page_of(house.member)}?show=orders").content.decode()
    assert near in page
    assert far not in page


def adjustment(**changes: Any) -> dict[str, Any]:
    return {"kind": "points", "points": "100", "reason": "补登", "key": uuid.uuid4(), **changes}


def test_a_balance_is_corrected_after_a_look_at_what_it_comes_to(
    house: House, owner: Client
) -> None:
    form = adjustment()
    before = Account.objects.get(member=house.member, kind="points").balance
    seen = owner.post(page_of(house.member, "adjust"), form).context["preview"]
    assert (seen["before"], seen["after"]) == (f"{before:,}", f"{before + 100:,}")
    assert Account.objects.get(member=house.member, kind="points").balance == before
    owner.post(page_of(house.member, "adjust"), {**form, "seen": seen["mark"]})
    owner.post(page_of(house.member, "adjust"), {**form, "seen": seen["mark"]})
    assert Account.objects.get(member=house.member, kind="points").balance == before + 100
    event = Event.objects.get(kind="balance_adjusted")
    assert (event.staff_id, event.data["reason"]) == (house.owner.pk, "补登")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"points": ""}, "points"),
        ({"kind": "principal", "points": "5", "amount": ""}, "amount"),
        ({"kind": "principal", "amount": "1.234"}, "amount"),
        ({"reason": ""}, "reason"),
        ({"kind": "gold"}, "kind"),
    ],
)
def test_a_correction_that_says_too_little_changes_nothing(
    house: House, owner: Client, changes: dict[str, str], field: str
) -> None:
    entries = Entry.objects.count()
    page = owner.post(page_of(house.member, "adjust"), adjustment(**changes))
    assert page.status_code == 400
    assert field in page.context["form"].errors
    assert Entry.objects.count() == entries


def test_more_than_there_is_cannot_be_taken(house: House, owner: Client) -> None:
    form = adjustment(kind="bonus", amount="-5000")
    seen = owner.post(page_of(house.member, "adjust"), form).context["preview"]["mark"]
    page = owner.post(page_of(house.member, "adjust"), {**form, "seen": seen})
    assert page.context["form"].errors["amount"] == ["The account does not hold that much."]


def test_data_is_corrected_through_the_service(house: House, owner: Client) -> None:
    form = {"name": "王晓敏", "gender": "f", "birth_month": 2, "birth_day": 30}
    page = owner.post(page_of(house.member, "edit"), form)
    assert "birth_day" in page.context["form"].errors
    owner.post(page_of(house.member, "edit"), {**form, "birth_day": 28})
    member = Member.objects.get(pk=house.member.pk)
    assert (member.name, member.pinyin, member.birth_day) == ("王晓敏", "wxm", 28)
    assert Event.objects.filter(kind="member_updated").count() == 1


def test_a_card_is_frozen_and_used_again(house: House, signed_in: SignedIn) -> None:
    signed_in("cashier").post(page_of(house.member, "freeze"))
    assert Member.objects.get(pk=house.member.pk).status == "frozen"
    assert signed_in("cashier").post(page_of(house.member, "unfreeze")).status_code == 403
    signed_in("manager").post(page_of(house.member, "unfreeze"))
    assert Member.objects.get(pk=house.member.pk).status == "active"


def test_a_card_is_opened_by_phone(house: House, owner: Client) -> None:
    add = reverse("admin:members_member_add")
    owner.post(add, {"phone": "139 0000 9999", "name": "新人", "shop": house.shop.pk})
    member = Member.objects.get(phone="+8613900009999")
    assert (member.joined_channel, member.accounts.count()) == ("office", 3)
    page = owner.post(add, {"phone": "139 0000 9999", "shop": house.shop.pk})
    assert "phone" in page.context["form"].errors


def test_the_palette_finds_members_and_pages(house: House, signed_in: SignedIn) -> None:
    search = reverse("admin:search")
    browser = signed_in("owner")
    digits = browser.get(f"{search}?s=1234").context["found"]
    assert [(hit.title, hit.link) for hit in digits] == [("王*敏", page_of(house.member))]
    assert [hit.title for hit in browser.get(f"{search}?s=wxm").context["found"]] == ["王*敏"]
    assert browser.get(f"{search}?s=tiers").context["found"][0].link == reverse(
        "admin:loyalty_tier_changelist"
    )
    assert signed_in("owner", "zh-hans").get(f"{search}?s=dj").context["found"]
    assert signed_in("cashier").get(f"{search}?s=tiers").context["found"] == []
