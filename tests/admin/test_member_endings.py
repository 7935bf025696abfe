"""Notes about a member, two cards made one, and the end of a membership, in the browser's pages."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import Account
from loyalty.selectors import reconciliation
from loyalty.services import merging
from members import registry
from members.models import Event, FormerPhone, Identity, Member, MemberNote
from members.services import identities
from members.wechat import Subject
from tests import factories
from tests.admin.conftest import House, SignedIn
from tests.factories import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(house: House) -> Member:
    return factories.member("+8613900005678", "王小敏", points=70)


def page_of(member: Member, name: str = "change") -> str:
    return reverse(f"admin:members_member_{name}", args=[member.pk])


def confirm(client: Client, kept: Member, other: Member) -> Any:
    page = client.get(page_of(kept, "merge") + f"?with={other.pk}")
    sent = {"with": other.pk, "seen": page.context["seen"], "key": page.context["key"]}
    return client.post(page_of(kept, "merge"), sent)


def test_a_note_is_seen_on_the_page_the_timeline_and_the_till(
    house: House, signed_in: SignedIn
) -> None:
    cashier = signed_in("cashier")
    cashier.post(page_of(house.member, "note"), {"text": "  不加糖\n靠窗 "})
    note = MemberNote.objects.get()
    assert (note.text, note.staff) == ("不加糖 靠窗", house.cashier)
    page = cashier.get(page_of(house.member)).content.decode()
    assert page.count("不加糖 靠窗") == 2
    assert "不加糖" not in str(Event.objects.get(kind="note_added").data)
    panel = next(one for one in registry.panels_of("counter") if one.name == "notes")
    shown = panel.render(house.member, None, AT)  # type: ignore[arg-type]
    assert shown is not None
    assert [one.text for one in shown.context["notes"]] == ["不加糖 靠窗"]


def test_a_note_is_taken_away_by_its_writer_or_a_manager(house: House, signed_in: SignedIn) -> None:
    address = page_of(house.member, "note")
    for writer, remover, is_gone in (
        ("cashier", "cashier", True),
        ("manager", "cashier", False),
        ("cashier", "manager", True),
    ):
        MemberNote.objects.all().delete()
        signed_in(writer).post(address, {"text": "x"})
        number = MemberNote.objects.get().pk
        signed_in(remover).post(address, {"remove": number})
        assert MemberNote.objects.exists() is not is_gone
    assert "Note taken away" in signed_in("owner").get(page_of(house.member)).content.decode()


def test_a_manager_unlinks_a_wechat_account(house: House, signed_in: SignedIn) -> None:
    identities.link(member_id=house.member.pk, subject=Subject("wx1", "o1"), at=AT)
    cashier, manager = signed_in("cashier"), signed_in("manager")
    page = cashier.get(page_of(house.member)).content.decode()
    assert "WeChat opens this card" in page
    assert "Unlink WeChat" not in page
    assert cashier.post(page_of(house.member, "unlink")).status_code == 403
    assert Identity.objects.count() == 1
    assert "Unlink WeChat" in manager.get(page_of(house.member)).content.decode()
    for _twice in range(2):
        manager.post(page_of(house.member, "unlink"))
    assert not Identity.objects.exists()
    event = Event.objects.get(kind="identity_removed")
    assert (event.member, event.staff, event.data) == (
        house.member,
        house.manager,
        {"provider": "wechat"},
    )
    page = manager.get(page_of(house.member)).content.decode()
    assert "WeChat no longer opens the card" in page
    assert "WeChat opens this card" not in page


@pytest.mark.parametrize("text", ["", "   ", "长" * 301])
def test_no_note_without_words_or_with_too_many(house: House, owner: Client, text: str) -> None:
    answer = owner.post(page_of(house.member, "note"), {"text": text}, follow=True)
    assert not MemberNote.objects.exists()
    assert list(answer.context["messages"])


def test_the_same_name_is_offered_and_laid_beside(
    house: House, other: Member, owner: Client
) -> None:
    page = owner.get(page_of(house.member, "merge"))
    assert page.context["found"] == [other]
    assert owner.get(page_of(house.member, "merge") + "?q=5678").context["found"] == [other]
    assert owner.get(page_of(house.member, "merge") + "?q=1234").context["found"] == []
    page = owner.get(page_of(house.member, "merge") + f"?with={other.pk}")
    rows = {name: columns for name, *columns in page.context["rows"]}
    points = Account.objects.get(member=house.member, kind="points").balance
    assert rows["points"] == [f"{points:,} points", "70 points", f"{points + 70:,} points"]
    assert rows["tier"] == ["金卡", "普通", "金卡"]
    assert rows["phone"] == [
        *("138****1234", "139****5678"),
        "138****1234、139****5678",
    ]
    assert "This cannot be undone" in page.content.decode()
    assert page.context["above"] == ""

    # More than one card may hold: said beforehand, and by which limit.
    factories.give_value(other, 450_000)
    for proved_at, words in (
        (AT, "more than the ¥5,000.00 that a card may hold. Nothing is lost"),
        (None, "more than the ¥1,000.00 that a card may hold whose phone is not confirmed."),
    ):
        Member.objects.filter(pk=house.member.pk).update(phone_proved_at=proved_at)
        page = owner.get(page_of(house.member, "merge") + f"?with={other.pk}")
        assert words in page.context["above"]
        assert words in page.content.decode()
    confirm(owner, house.member, other)
    text = owner.get(page_of(house.member)).content.decode()
    assert "phone not confirmed yet" in text
    assert "¥1,000.00 at most until the member opens the card once" in text


def test_they_are_one_after_a_yes(house: House, other: Member, signed_in: SignedIn) -> None:
    manager = signed_in("manager")
    answer = confirm(manager, house.member, other)
    assert answer["Location"] == page_of(house.member)
    other.refresh_from_db()
    assert other.merged_into == house.member
    page = manager.get(page_of(house.member)).content.decode()
    assert f"merged card #{other.pk}" in page
    assert "Another card merged into this one: 70 points" in page
    assert "merged into this card" in manager.get(page_of(other)).content.decode()
    assert reconciliation.run().is_clean


def test_what_changed_meanwhile_is_shown_again(house: House, other: Member, owner: Client) -> None:
    page = owner.get(page_of(house.member, "merge") + f"?with={other.pk}")
    factories.give_points(other, 5)
    sent = {"with": other.pk, "seen": page.context["seen"], "key": page.context["key"]}
    again = owner.post(page_of(house.member, "merge"), sent)
    assert "Something changed meanwhile" in again.content.decode()
    assert not Member.objects.filter(merged_into=house.member).exists()


def test_pressed_twice_it_is_said_once_more(house: House, other: Member, owner: Client) -> None:
    page = owner.get(page_of(house.member, "merge") + f"?with={other.pk}")
    sent = {"with": other.pk, "seen": page.context["seen"], "key": page.context["key"]}
    answers = {owner.post(page_of(house.member, "merge"), sent)["Location"] for _twice in range(2)}
    assert answers == {page_of(house.member)}
    assert Event.objects.filter(kind="merged").count() == 1


def test_a_cashier_merges_and_closes_nothing(
    house: House, other: Member, signed_in: SignedIn
) -> None:
    cashier = signed_in("cashier")
    for name in ("merge", "close"):
        answer = cashier.post(page_of(house.member, name), {"with": other.pk})
        assert answer.status_code == 403
    assert Member.objects.filter(status="closed").count() == 0


def test_a_frozen_card_is_not_merged(house: House, other: Member, owner: Client) -> None:
    Member.objects.filter(pk=other.pk).update(status="frozen")
    assert "frozen" in confirm(owner, house.member, other).content.decode()
    assert not Member.objects.filter(merged_into=house.member).exists()


def test_money_is_paid_back_before_a_membership_ends(house: House, owner: Client) -> None:
    page = owner.get(page_of(house.member, "close")).content.decode()
    assert "Pay the principal back" in page
    assert "End it for good" not in page
    refused = owner.post(page_of(house.member, "close"))
    assert refused.status_code == 409
    assert "There is still money on this card" in refused.content.decode()
    assert Member.objects.get(pk=house.member.pk).status == "active"


def test_a_membership_ends_and_who_it_was_is_forgotten(other: Member, owner: Client) -> None:
    owner.post(page_of(other, "note"), {"text": "不加糖"})
    assert owner.post(page_of(other, "close"))["Location"] == page_of(other)
    other.refresh_from_db()
    assert (other.status, other.name, other.phone, other.notes.count()) == ("closed", "", None, 0)
    page = owner.get(page_of(other)).content.decode()
    assert "不加糖" not in page
    assert "Membership ended" in page


def test_what_happened_before_the_merge_stays_on_the_timeline(
    house: House, other: Member, owner: Client
) -> None:
    owner.post(page_of(other, "note"), {"text": "住楼上"})
    merging.merge(
        key=uuid.uuid4(),
        kept_id=house.member.pk,
        merged_id=other.pk,
        actor=house.owner,
        at=AT,
    )
    assert owner.get(page_of(house.member)).content.decode().count("住楼上") == 2


def test_a_former_number_that_is_somebody_elses_now_is_forgotten(
    house: House, other: Member, signed_in: SignedIn
) -> None:
    owner = signed_in("owner")
    confirm(owner, house.member, other)
    former = FormerPhone.objects.get()
    assert "also 139****5678" in owner.get(page_of(house.member)).content.decode()
    address = page_of(house.member, "forget_phone")
    assert signed_in("cashier").post(address, {"phone": former.pk}).status_code == 403
    assert owner.get(address).status_code == 302
    assert FormerPhone.objects.exists()
    owner.post(address, {"phone": former.pk})
    assert not FormerPhone.objects.exists()
    assert "gone already" in owner.post(address, {"phone": former.pk}, follow=True).content.decode()
    owner.post(reverse("admin:members_member_add"), {"phone": "13900005678", "shop": house.shop.pk})
    assert Member.objects.get(phone="+8613900005678").merged_into is None
