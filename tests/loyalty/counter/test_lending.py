"""At the till: a book goes out with its name, is seen at the next scan, and comes back."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
import time_machine
from django.test import Client

from loyalty.models import Benefit, Loan, Order, QuotaUse
from loyalty.services import redeeming, rules
from members.models import Event
from tests import factories
from tests.factories import AT
from tests.loyalty.counter.conftest import CARD, Cast

SALE = f"/counter/sale/{uuid.UUID(int=7)}/"
SERVE = f"{SALE}serve/"
DAY = dt.timedelta(days=1)


@pytest.fixture
def book(cast: Cast) -> Benefit:
    """Two a month, for fourteen days."""
    benefit = factories.benefit(
        "借书回家", Benefit.Kind.SPECIAL, text="借书", quota=2, quota_period="month", return_days=14
    )
    rules.publish(actor=None, at=AT)
    return benefit


def scan(client: Client) -> str:
    return client.post(SALE, {"entry": CARD, "do": "go"}, follow=True).text


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def value(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, name
    return found[1]


def lend(client: Client, page: str, benefit: Benefit, thing: str = "《活着》") -> str:
    form = {
        "do": f"special:{benefit.pk}",
        "thing": thing,
        "redeem_key": value(page, "redeem_key"),
    }
    return client.post(SERVE, form, follow=True).text


def press(client: Client, page: str, action: str, loan: Loan) -> str:
    form = {"do": f"{action}:{loan.pk}", f"loan-key-{loan.pk}": value(page, f"loan-key-{loan.pk}")}
    return client.post(SERVE, form, follow=True).text


def test_out_and_back_again(
    client: Client, cast: Cast, book: Benefit, at_work: time_machine.Traveller
) -> None:
    page = scan(client)
    assert "借书回家 2 of 2 left · due back June 3" in words(page)
    assert "Has taken along" not in page
    page = lend(client, page, book)
    assert "Lent: 《活着》. Due back June 3." in words(page)
    assert "《活着》 借书回家 · 回头咖啡 due back June 3 Brought back Undo" in words(page)
    assert "1 of 2 left" in words(page)
    loan = Loan.objects.get()
    assert (loan.staff, loan.shop) == (cast.cashier, cast.shop)

    at_work.move_to(AT + 14 * DAY)
    assert "《活着》 借书回家 · 回头咖啡 due back today Brought back" in words(scan(client))
    at_work.move_to(AT + 19 * DAY)
    page = scan(client)
    assert '<span class="chip bad">' in page
    assert "5 days overdue" in words(page)
    assert "金卡 something is overdue" in words(page)  # beside the name, also on a phone's sheet
    assert "借书回家 something is overdue" in words(page)
    refused = client.post(SERVE, {"do": f"special:{book.pk}", "redeem_key": str(uuid.uuid4())})
    assert (refused.status_code, Loan.objects.count()) == (409, 1)
    assert 'data-code="loan_overdue"' in refused.text
    assert "“《活着》” was due back on 2026-06-03. Take it back first" in words(refused.text)

    page = press(client, page, "back", loan)
    assert "Brought back: 《活着》. Thank you." in words(page)
    assert "something is overdue" not in page
    assert "brought back today Undo" in words(page)
    page = press(client, page, "not-back", loan)
    assert "Out again: 《活着》." in words(page)
    assert "5 days overdue" in words(page)
    press(client, page, "back", loan)
    kinds = Event.objects.filter(kind__startswith="loan").order_by("pk")
    assert list(kinds.values_list("kind", "data__days_late")) == [
        ("loan_returned", 5),
        ("loan_reopened", None),
        ("loan_returned", 5),
    ]
    at_work.move_to(AT + 20 * DAY)
    assert "Has taken along" not in scan(client)


def test_two_presses_are_one(client: Client, cast: Cast, book: Benefit) -> None:
    page = scan(client)
    for _press in range(2):
        after = lend(client, page, book)
    loan = Loan.objects.get()
    for _press in range(2):
        assert "Brought back: 《活着》." in words(press(client, after, "back", loan))
    assert Event.objects.filter(kind="loan_returned").count() == 1


def test_a_mistake_is_undone(client: Client, cast: Cast, book: Benefit) -> None:
    page = lend(client, scan(client), book)
    page = press(client, page, "not-lent", Loan.objects.get())
    assert "Not lent after all: 《活着》." in words(page)
    assert "2 of 2 left" in words(page)
    assert (Loan.objects.get().status, QuotaUse.objects.count()) == ("cancelled", 0)


def test_what_is_lent_need_not_be_named(client: Client, cast: Cast, book: Benefit) -> None:
    page = words(lend(client, scan(client), book, ""))
    assert "Lent: 借书回家. Due back June 3." in page
    assert "借书回家 回头咖啡 due back June 3" in page


def test_enter_in_what_is_lent_settles_nothing(client: Client, cast: Cast, book: Benefit) -> None:
    """The field and its button belong to a form of their own, outside the sale's."""
    page = scan(client)
    sale, _end, rest = page[page.index('<form class="sale"') :].partition("</form>")
    assert f'<form id="lend-{book.pk}"' not in sale
    assert f'<form id="lend-{book.pk}" method="post" action="{SERVE}" data-once hidden>' in rest
    field = re.search(r'<input class="input" form="lend-\d+" name="thing"[^>]*>', sale)
    assert field
    button = re.search(rf'<button [^>]*form="lend-{book.pk}" name="do" value="special:', sale)
    assert button
    assert not Order.objects.exists()


def test_too_many_words_are_refused(client: Client, cast: Cast, book: Benefit) -> None:
    page = scan(client)
    form = {
        "do": f"special:{book.pk}",
        "thing": "书" * 61,
        "redeem_key": value(page, "redeem_key"),
    }
    answer = client.post(SERVE, form)
    assert 'data-code="thing_unreadable"' in answer.text
    assert not Loan.objects.exists()


@pytest.mark.parametrize("action", ["back", "not-back", "not-lent"])
@pytest.mark.parametrize("loan", ["", "x", "-1", "9" * 19, "4711"])
def test_buttons_nobody_made(
    client: Client, cast: Cast, book: Benefit, action: str, loan: str
) -> None:
    scan(client)
    form = {"do": f"{action}:{loan}", f"loan-key-{loan}": str(uuid.uuid4())}
    answer = client.post(SERVE, form)
    assert answer.status_code == (404 if loan == "4711" else 400)


def test_another_members_loan_is_not_to_be_had(client: Client, cast: Cast, book: Benefit) -> None:
    other = factories.member("+8613900005678", "李明")
    done = redeeming.redeem_special(
        key=uuid.uuid4(),
        member_id=other.pk,
        benefit_id=book.pk,
        shop=cast.shop,
        actor=None,
        thing="《活着》",
        at=AT,
    )
    page = scan(client)
    assert "《活着》" not in page
    form = {"do": f"back:{done['loan']}", f"loan-key-{done['loan']}": str(uuid.uuid4())}
    answer = client.post(SERVE, form)
    assert (answer.status_code, "《活着》" in answer.text) == (404, False)
    assert Loan.objects.get().status == "open"


def test_another_shops_thing_comes_back_here(client: Client, cast: Cast, book: Benefit) -> None:
    park = factories.shop("park", "公园店")
    redeeming.redeem_special(
        key=uuid.uuid4(),
        member_id=cast.member.pk,
        benefit_id=book.pk,
        shop=park,
        actor=None,
        thing="《活着》",
        at=AT,
    )
    page = scan(client)
    assert "《活着》 借书回家 · 公园店 due back June 3 Brought back" in words(page)
    assert "not-lent" not in page  # only where it was lent
    press(client, page, "back", Loan.objects.get())
    assert Loan.objects.get().ended_shop == cast.shop
