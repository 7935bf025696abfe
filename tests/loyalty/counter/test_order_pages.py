"""A settled sale: result, undo, refund with its preview, the last sales."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
import time_machine
from django.test import Client

from loyalty.models import Account, Order, Refund
from loyalty.services import checkout
from loyalty.services.checkout import Cart, CartLine
from tests import factories
from tests.loyalty.counter.conftest import Cast


def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def order(cast: Cast) -> Order:
    """Two lattes and a cake for Gold, ¥90.00 in cash, 90 points earned."""
    lines = (
        CartLine(product_id=cast.menu["latte"].pk, quantity=2),
        CartLine(product_id=cast.menu["cake"].pk),
    )
    answer = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart(lines=lines, member_id=cast.member.pk),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=cast.cashier,
        at=factories.AT,
    )
    return Order.objects.get(pk=answer["order"])


def points() -> int:
    return Account.objects.get(kind="points").balance


def form(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def test_the_result_says_what_was_paid_and_what_the_member_has(
    client: Client, order: Order
) -> None:
    page = client.get(f"/counter/orders/{order.pk}/").text
    assert 'data-state="settled"' in page
    assert '<strong class="sum">¥90.00</strong>' in page
    assert "1,370" in page
    assert "¥120.00" in page
    assert 'data-vanish="60"' in page
    assert "王小敏" not in page


def test_one_tap_undoes_within_a_minute(client: Client, order: Order) -> None:
    address = f"/counter/orders/{order.pk}/"
    undo = form(client.get(address).text, "key")
    answer = client.post(f"{address}void/", {"key": undo})
    assert answer["Location"] == address
    order.refresh_from_db()
    assert order.status == Order.Status.VOIDED
    assert points() == 1280
    page = client.get(address).text
    assert 'data-state="voided"' in page
    assert "¥90.00" in page
    assert "undone at once" in page
    assert client.post(f"{address}void/", {"key": undo})["Location"] == address
    assert Refund.objects.count() == 1


def test_after_a_minute_a_reason_is_asked(
    client: Client, order: Order, at_work: time_machine.Traveller
) -> None:
    at_work.shift(dt.timedelta(seconds=61))
    address = f"/counter/orders/{order.pk}/"
    assert "data-vanish" not in client.get(address).text
    answer = client.post(f"{address}void/", {"key": key()})
    assert answer.status_code == 400
    assert 'data-code="reason_needed"' in answer.text
    assert Refund.objects.count() == 0
    answer = client.post(f"{address}void/", {"key": key(), "reason": "wrong member"})
    assert answer.status_code == 302
    assert Refund.objects.get().reason == "wrong member"


def test_yesterdays_sale_is_refunded_not_undone(
    client: Client, order: Order, at_work: time_machine.Traveller
) -> None:
    at_work.shift(dt.timedelta(days=1))
    address = f"/counter/orders/{order.pk}/"
    page = client.get(address).text
    assert f"{address}void/" not in page
    assert f"{address}refund/" in page
    answer = client.post(f"{address}void/", {"key": key(), "reason": "late"})
    assert (answer.status_code, 'data-code="void_too_late"' in answer.text) == (409, True)


def test_void_is_no_page(client: Client, order: Order) -> None:
    answer = client.get(f"/counter/orders/{order.pk}/void/")
    assert answer["Location"] == f"/counter/orders/{order.pk}/"


def test_a_refund_is_shown_first_and_given_back_when_confirmed(
    client: Client, order: Order
) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    fields = {"key": key(), "quantity-0": "1", "reason": "spilled", "do": "go"}
    shown = client.post(address, fields)
    assert shown.status_code == 200
    assert "¥28.80" in shown.text
    assert "−29" in shown.text
    assert Refund.objects.count() == 0
    answer = client.post(address, {**fields, "seen": form(shown.text, "seen")})
    assert answer["Location"] == f"/counter/orders/{order.pk}/"
    refund = Refund.objects.get()
    assert (refund.other_fen, refund.points_clawed_back, refund.reason) == (2880, 29, "spilled")
    page = client.get(answer["Location"]).text
    assert 'data-state="part"' in page
    assert "1 given back" in page


def test_a_change_after_the_preview_is_shown_anew(client: Client, order: Order) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    fields = {"key": key(), "quantity-0": "1", "reason": "spilled", "do": "go"}
    seen = form(client.post(address, fields).text, "seen")
    answer = client.post(address, {**fields, "quantity-0": "2", "seen": seen})
    assert answer.status_code == 200
    assert "¥57.60" in answer.text
    assert Refund.objects.count() == 0


def test_everything_goes_back(client: Client, order: Order) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    shown = client.post(address, {"key": key(), "reason": "did not suit", "do": "all"})
    assert "¥90.00" in shown.text
    fields = {
        "key": key(),
        "reason": "did not suit",
        "everything": "on",
        "do": "go",
        "seen": form(shown.text, "seen"),
    }
    assert client.post(address, fields).status_code == 302
    order.refresh_from_db()
    assert (order.status, points()) == (Order.Status.REFUNDED, 1280)
    assert "can go back" in client.get(address).text


def test_an_amount_goes_back(client: Client, order: Order) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    fields = {"key": key(), "amount": "10", "reason": "cold", "do": "go"}
    seen = form(client.post(address, fields).text, "seen")
    client.post(address, {**fields, "seen": seen})
    assert Refund.objects.get().other_fen == 1000


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "refund_unreadable"),
        ({"quantity-0": "0"}, "refund_unreadable"),
        ({"quantity-0": "3"}, "refund_exceeds_paid"),
        ({"quantity-0": "one"}, "quantity_unreadable"),
        ({"quantity-0": "-1"}, "quantity_unreadable"),
        ({"amount": "90.01"}, "refund_exceeds_paid"),
        ({"amount": "0"}, "amount_zero"),
        ({"amount": "-1"}, "amount_negative"),
        ({"amount": "1.005"}, "amount_decimals"),
        ({"amount": "1000000000"}, "amount_too_large"),
        ({"amount": "much"}, "amount_unreadable"),
        ({"amount": "1", "quantity-0": "1"}, "refund_unreadable"),
    ],
)
def test_refunds_that_cannot_be(
    client: Client, order: Order, fields: dict[str, str], code: str
) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    answer = client.post(address, {"key": key(), "reason": "a reason", "do": "go", **fields})
    assert answer.status_code in (400, 409)
    assert f'data-code="{code}"' in answer.text
    assert 'value="a reason"' in answer.text
    for name, value in fields.items():
        assert f'name="{name}" value="{value}"' in answer.text
    assert Refund.objects.count() == 0


def test_a_refund_needs_a_reason(client: Client, order: Order) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    fields = {"key": key(), "quantity-0": "1", "do": "go"}
    seen = form(client.post(address, fields).text, "seen")
    answer = client.post(address, {**fields, "seen": seen})
    assert (answer.status_code, 'data-code="reason_needed"' in answer.text) == (400, True)
    assert Refund.objects.count() == 0


def test_another_shops_sale_is_not_found(client: Client, order: Order) -> None:
    Order.objects.update(shop=factories.shop("second", "二店"))
    for page in ("", "refund/", "void/"):
        assert client.get(f"/counter/orders/{order.pk}/{page}").status_code == 404
        assert client.post(f"/counter/orders/{order.pk}/{page}").status_code in (404, 405)
    assert "¥90.00" not in client.get("/counter/orders/").text
    assert Refund.objects.count() == 0


def test_the_last_sales_of_this_shop(client: Client, order: Order) -> None:
    page = client.get("/counter/orders/").text
    assert f"/counter/orders/{order.pk}/" in page
    assert "王*敏" in page
    assert "¥90.00" in page


def test_before_the_first_sale_the_page_says_what_to_do(client: Client) -> None:
    assert "Start a sale" in client.get("/counter/orders/").text


def test_the_next_sale_starts_from_the_result(client: Client, order: Order) -> None:
    page = client.get(f"/counter/orders/{order.pk}/").text
    address = re.search(r'action="(/counter/sale/[^"]+)"', page)
    assert address
    answer = client.post(address[1], {"entry": "38.5", "do": "go"})
    assert answer["Location"] == address[1]
    assert "¥38.50" in client.get(address[1]).text


def test_what_just_came_back_fills_the_screen_for_a_moment(
    client: Client, order: Order, at_work: time_machine.Traveller
) -> None:
    address = f"/counter/orders/{order.pk}/"
    assert '<body class="fresh">' in client.get(address).text
    client.post(f"{address}void/", {"key": key()})
    assert '<body class="fresh warn">' in client.get(address).text
    assert '<body class="">' in client.get(f"{address}?papers=1").text
    at_work.shift(dt.timedelta(seconds=8))
    assert '<body class="">' in client.get(address).text
