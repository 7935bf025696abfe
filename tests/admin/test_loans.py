"""What is lent out, in the back office: the list, the member's page, the benefit's form."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from loyalty.models import Benefit, Loan, RuleSet
from loyalty.services import redeeming, rules
from members.models import Event, Shop
from members.services import notes
from tests import factories
from tests.admin.conftest import House, SignedIn, form_of
from tests.admin.test_rule_forms import benefit_form, errors_of
from tests.factories import AT

LIST = reverse("admin:loyalty_loan_changelist")
DAY = dt.timedelta(days=1)


class Shelf:
    """《活着》 went out in the main shop three weeks ago, 《三体》 in the far one yesterday."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.book = factories.benefit("借书回家", Benefit.Kind.SPECIAL, text="借书", return_days=14)
        rules.publish(actor=house.owner, at=AT - 30 * DAY)
        self.near = self.lend("《活着》", house.shop, AT - 21 * DAY, house.member.pk)
        other = factories.member("+8613900005678", "李明", tier="金卡")
        self.far = self.lend("《三体》", house.far_shop, AT - DAY, other.pk)

    def lend(self, thing: str, shop: Shop, at: dt.datetime, member_id: int) -> Loan:
        done = redeeming.redeem_special(
            key=uuid.uuid4(),
            member_id=member_id,
            benefit_id=self.book.pk,
            shop=shop,
            actor=self.house.cashier,
            thing=thing,
            at=at,
        )
        return Loan.objects.get(pk=done["loan"])


@pytest.fixture
def shelf(house: House) -> Shelf:
    return Shelf(house)


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def listed(browser: Client, **query: str) -> list[str]:
    return [row.thing for row in browser.get(LIST, query).context["cl"].result_list]


def member_page(loan: Loan) -> str:
    return reverse("admin:members_member_change", args=[loan.member_id])


@pytest.mark.parametrize(
    ("query", "things"),
    [
        ({}, ["《活着》", "《三体》"]),
        ({"state": "overdue"}, ["《活着》"]),
        ({"state": "over"}, ["《围城》"]),
        ({"state": "all"}, ["《围城》", "《活着》", "《三体》"]),
        ({"q": "三体"}, ["《三体》"]),
        ({"q": "李明"}, ["《三体》"]),
        ({"q": "水浒"}, []),
    ],
    ids=str,
)
def test_the_list_and_its_filters(
    shelf: Shelf, owner: Client, query: dict[str, str], things: list[str]
) -> None:
    Loan.objects.create(
        member=shelf.house.member,
        benefit=shelf.book,
        shop=shelf.house.shop,
        thing="《围城》",
        lent_at=AT - 60 * DAY,
        lent_on=(AT - 60 * DAY).date(),
        due_on=(AT - 46 * DAY).date(),
        status="returned",
        ended_at=AT - 50 * DAY,
    )
    assert listed(owner, **query) == things


def test_by_shop_and_benefit(shelf: Shelf, owner: Client) -> None:
    far = {"shop__id__exact": str(shelf.house.far_shop.pk)}
    assert listed(owner, **far) == ["《三体》"]
    assert listed(owner, benefit__id__exact=str(shelf.book.pk)) == ["《活着》", "《三体》"]


def test_it_says_until_when_in_words_and_colour(shelf: Shelf, owner: Client) -> None:
    page = owner.get(LIST)
    assert '<span class="ht-chip is-bad">7 days overdue</span>' in page.content.decode()
    assert "due back June 2" in words(page)


@pytest.mark.parametrize("role", ["manager", "cashier"])
def test_only_ones_own_shops(shelf: Shelf, signed_in: SignedIn, role: str) -> None:
    assert listed(signed_in(role)) == ["《活着》"]


def test_the_member_page_takes_it_back(shelf: Shelf, signed_in: SignedIn) -> None:
    browser = signed_in("cashier")
    page = browser.get(member_page(shelf.near))
    assert "Lent things 《活着》 7 days overdue 借书回家 ·" in words(page)
    assert "Write off" not in words(page)  # for a manager
    back = reverse("admin:loyalty_loan_back", args=[shelf.near.pk])
    key = re.search(r'name="key" value="([^"]+)"', page.content.decode())
    assert key
    assert back in page.content.decode()
    for _press in range(2):
        answer = browser.post(back, {"key": key[1]}, follow=True)
        assert "Brought back: 《活着》. Thank you." in words(answer)
    assert "《活着》 brought back" in words(answer)
    loan = Loan.objects.get(pk=shelf.near.pk)
    assert (loan.status, loan.ended_shop, loan.ended_by) == (
        "returned",
        shelf.house.shop,
        shelf.house.cashier,
    )
    assert Event.objects.filter(kind="loan_returned").count() == 1
    timeline = words(browser.get(member_page(shelf.near)))
    assert "Brought back “《活着》”, 7 days late" in timeline
    assert "Lent “《活着》”, due back 2026-05-13" in timeline


def test_a_manager_writes_it_off_with_a_reason(shelf: Shelf, signed_in: SignedIn) -> None:
    browser = signed_in("manager")
    off = reverse("admin:loyalty_loan_write_off", args=[shelf.near.pk])
    refused = browser.post(off, {"reason": " "}, follow=True)
    assert "Say why: it stays in the trail." in words(refused)
    assert Loan.objects.get(pk=shelf.near.pk).status == "open"
    answer = browser.post(off, {"reason": "遗失"}, follow=True)
    assert "Written off: 《活着》." in words(answer)
    assert "“《活着》” written off · 遗失" in words(answer)
    assert Loan.objects.get(pk=shelf.near.pk).status == "written_off"
    again = browser.post(off, {"reason": "遗失"}, follow=True)
    assert "This is no longer out." in words(again)


ROUTES: dict[str, tuple[str, ...]] = {
    "loyalty_loan_back": ("cashier", "manager", "owner"),
    "loyalty_loan_write_off": ("manager", "owner"),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("role", ["cashier", "manager", "owner"])
def test_who_may_do_what_and_where(
    shelf: Shelf, signed_in: SignedIn, route: str, role: str
) -> None:
    browser, body = signed_in(role), {"reason": "遗失"}
    near = reverse(f"admin:{route}", args=[shelf.near.pk])
    assert browser.get(near).status_code == 403
    # Another shop's loan does not exist, but for the owner.
    far = browser.post(reverse(f"admin:{route}", args=[shelf.far.pk]), body).status_code
    assert far == (302 if role == "owner" else 404)
    answer = browser.post(near, body)
    assert answer.status_code == (302 if role in ROUTES[route] else 403)
    is_over = Loan.objects.get(pk=shelf.near.pk).status != "open"
    assert is_over == (role in ROUTES[route])
    assert Client().post(near, body).status_code == 302  # to the login


def test_the_form_says_what_happens_with_what_is_lent(house: House, owner: Client) -> None:
    form = benefit_form(kind="special", text="借书", return_days="14", stops_when_overdue="on")
    preview = owner.post(reverse("admin:loyalty_benefit_preview"), form).content.decode()
    assert "借书, brought back within 14 days" in preview
    assert "Who has something overdue is lent nothing more by this benefit." in preview
    assert owner.post(reverse("admin:loyalty_benefit_add"), form).status_code == 302
    row = Benefit.objects.get(kind="special")
    assert (row.return_days, row.stops_when_overdue) == (14, True)
    snapshot = RuleSet.objects.latest("pk").snapshot["benefits"]
    [stored] = [one for one in snapshot if one["id"] == row.pk]
    assert (stored["return_days"], stored["stops_when_overdue"]) == (14, True)


@pytest.mark.parametrize("days", ["0", "366", "-1", "soon"])
def test_only_one_to_365_days(house: House, owner: Client, days: str) -> None:
    before = (Benefit.objects.count(), RuleSet.objects.count())
    form = benefit_form(kind="special", text="借书", return_days=days)
    assert "return_days" in errors_of(owner.post(reverse("admin:loyalty_benefit_add"), form))
    assert (Benefit.objects.count(), RuleSet.objects.count()) == before


def test_a_discount_lends_nothing(house: House, owner: Client) -> None:
    form = benefit_form(return_days="14")
    assert owner.post(reverse("admin:loyalty_benefit_add"), form).status_code == 302
    assert Benefit.objects.latest("pk").return_days is None


def test_a_change_shows_in_the_versions(
    shelf: Shelf, owner: Client, at_work: time_machine.Traveller
) -> None:
    address = reverse("admin:loyalty_benefit_change", args=[shelf.book.pk])
    form = form_of(owner.get(address)) | {"return_days": "30"}
    form.pop("stops_when_overdue", None)
    assert owner.post(address, form).status_code == 302
    version = RuleSet.objects.latest("pk")
    text = words(owner.get(reverse("admin:loyalty_ruleset_change", args=[version.pk])))
    assert "to be brought back within days 14 30" in text
    assert "nothing more while something is overdue yes no" in text


def test_an_older_version_without_these_columns_shows_no_change(
    house: House, owner: Client
) -> None:
    snapshot = rules.snapshot()
    for row in snapshot["benefits"]:
        del row["return_days"], row["stops_when_overdue"]
    del snapshot["policy"]["streaks"]
    old = RuleSet.objects.create(content_hash="old", snapshot=snapshot, created_at=AT)
    new = RuleSet.objects.create(content_hash="new", snapshot=rules.snapshot(), created_at=AT)
    Event.objects.create(kind="rules_published", at=AT, data={"ruleset": new.pk, "before": old.pk})
    page = owner.get(reverse("admin:loyalty_ruleset_change", args=[new.pk]))
    assert page.context["changes"] == []


def test_the_trail_names_what_was_lent_and_what_was_noted(
    house: House, shelf: Shelf, owner: Client
) -> None:
    notes.add(member_id=house.member.pk, text="喜欢靠窗", actor=house.cashier, at=AT)
    said = words(owner.get(reverse("admin:members_event_changelist")))
    assert "《活着》" in said
    assert "喜欢靠窗" in said
