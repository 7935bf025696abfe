"""Large refunds and undos at the counter: a manager's PIN in the same form, or asked for later."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from loyalty.models import Approval, Order, Refund
from loyalty.services import checkout
from loyalty.services.checkout import Cart, CartLine
from members.models import Staff
from members.services import staff as staff_service
from tests import factories
from tests.factories import AT
from tests.loyalty.counter.conftest import Api, Cast
from tests.loyalty.counter.test_order_pages import form

PIN = "4071"


@pytest.fixture
def chen(cast: Cast) -> Staff:
    """The manager of this shop, who has a PIN."""
    cache.clear()
    person = factories.manager()
    staff_service.set_pin(staff_id=person.pk, pin=PIN, actor=person, at=AT)
    return person


@pytest.fixture
def order(cast: Cast, at_work: time_machine.Traveller) -> Order:
    """¥300, sold two minutes ago."""
    answer = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart((CartLine(quantity=3, unit_price_fen=10000),)),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=cast.cashier,
        at=AT,
    )
    at_work.shift(dt.timedelta(minutes=2))
    return Order.objects.get(pk=answer["order"])


def preview(client: Client, order: Order, **more: str) -> dict[str, str]:
    """The form as it stands once the page has shown what goes back."""
    filled = {"quantity-0": "3", "reason": "太甜", "key": str(uuid.uuid4()), **more}
    page = client.post(f"/counter/orders/{order.pk}/refund/", filled).text
    return {**filled, "seen": form(page, "seen")}


def test_a_manager_approves_in_the_same_form(client: Client, order: Order, chen: Staff) -> None:
    address = f"/counter/orders/{order.pk}/refund/"
    small = client.post(address, {"quantity-0": "2", "key": "x"}).text
    assert 'name="pin"' not in small
    filled = preview(client, order)
    alone = client.post(address, filled)
    assert alone.status_code == 403
    assert 'data-code="approval_needed"' in alone.text
    assert "Above ¥200.00 a manager or the owner approves" in alone.text
    chosen = {**filled, "approver": str(chen.pk)}
    wrong = client.post(address, {**chosen, "pin": "4072"})
    assert wrong.status_code == 403
    assert 'data-code="pin_wrong"' in wrong.text
    # Nothing typed is lost but the PIN.
    assert f'<option value="{chen.pk}" selected>陈店长</option>' in wrong.text
    assert 'name="quantity-0" value="3"' in wrong.text
    assert 'name="reason" value="太甜"' in wrong.text
    assert filled["seen"] in wrong.text
    assert "4072" not in wrong.text
    assert Refund.objects.count() == 0
    done = client.post(address, {**chosen, "pin": PIN})
    assert done["Location"] == f"/counter/orders/{order.pk}/"
    row = Refund.objects.get()
    assert (row.base_fen, row.approved_by_id) == (30000, chen.pk)
    assert "approved by 陈店长" in client.get(done["Location"]).text
    client.post(address, {**chosen, "pin": PIN})
    assert Refund.objects.count() == 1


def test_without_a_manager_it_is_asked_for(client: Client, order: Order) -> None:
    address = f"/counter/orders/{order.pk}/"
    filled = preview(client, order)
    page = client.post(f"{address}refund/", filled).text
    assert "Nobody with a PIN may approve it in this shop." in page
    for _twice in range(2):
        asked = client.post(f"{address}refund/", {**filled, "do": "ask"})
        assert asked["Location"] == address
    row = Approval.objects.get()
    assert (row.kind, row.amount, row.lines, row.reason) == ("refund", 30000, [[0, 3]], "太甜")
    page = client.get(address).text
    assert "asked by 小林" in page
    assert f"Sale {order.pk}, ¥300.00, asked by 小林" in client.get("/counter/orders/").text
    again = client.post(f"{address}refund/", {**filled, "key": str(uuid.uuid4()), "do": "ask"})
    assert 'data-code="already_asked"' in again.text
    # Two tabs: the second one withdraws what is not there any more.
    withdrawn = {"request": form(page, "request")}
    assert client.post(f"{address}withdraw/", withdrawn)["Location"] == address
    over = client.post(f"{address}withdraw/", withdrawn)
    assert (over.status_code, 'data-code="request_over"' in over.text) == (409, True)
    assert Approval.objects.get().status == "withdrawn"
    assert Refund.objects.count() == 0


def test_a_declined_request_says_why(client: Client, order: Order, chen: Staff) -> None:
    address = f"/counter/orders/{order.pk}/"
    client.post(f"{address}refund/", {**preview(client, order), "do": "ask"})
    Approval.objects.update(
        status="declined", decided_by=chen, decided_at=AT + dt.timedelta(hours=1), answer="先看小票"
    )
    assert "陈店长: 先看小票" in client.get(address).text


def test_undoing_a_large_sale_asks_too(client: Client, order: Order, chen: Staff) -> None:
    address = f"/counter/orders/{order.pk}/"
    page = client.get(address).text
    assert 'name="pin"' in page
    body = {"key": form(page, "key"), "reason": "敲错", "approver": str(chen.pk)}
    assert client.post(f"{address}void/", {**body, "reason": "", "do": "ask"}).status_code == 400
    alone = client.post(f"{address}void/", body)
    assert (alone.status_code, 'data-code="approval_needed"' in alone.text) == (403, True)
    assert 'name="reason" value="敲错"' in alone.text
    assert client.post(f"{address}void/", {**body, "do": "ask"})["Location"] == address
    assert Approval.objects.get().kind == "void"
    done = client.post(f"{address}void/", {**body, "key": str(uuid.uuid4()), "pin": PIN})
    assert done["Location"] == address
    assert Refund.objects.get().approved_by_id == chen.pk
    assert Approval.objects.get().status == "withdrawn"


def test_ones_own_sale_of_the_last_minute_goes_by_one_tap(
    client: Client, order: Order, at_work: time_machine.Traveller
) -> None:
    at_work.shift(dt.timedelta(seconds=-70))
    address = f"/counter/orders/{order.pk}/"
    page = client.get(address).text
    assert 'data-vanish="10"' in page
    assert 'name="pin"' not in page
    # A sale of somebody else's is no slip of one's own.
    Order.objects.update(staff=factories.staff("mei", name="小梅"))
    page = client.get(address).text
    assert "data-vanish" not in page
    assert 'name="reason"' in page


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({}, 403, "approval_needed"),
    ({"approver": "chen", "pin": PIN}, 400, "approver_unknown"),
    ({"approver": 0, "pin": PIN}, 400, "approver_unknown"),
    ({"pin": PIN}, 400, "approver_unknown"),
    ({"approver": True, "pin": PIN}, 400, "approver_unknown"),
    ({"approver": "me", "pin": PIN}, 400, "approver_unknown"),
    ({"approver": "chen_id"}, 400, "text_unreadable"),
    ({"approver": "chen_id", "pin": 4071}, 400, "text_unreadable"),
    ({"approver": "chen_id", "pin": "4072"}, 403, "pin_wrong"),
]


def test_the_interface_asks_by_fields(api: Api, cast: Cast, order: Order, chen: Staff) -> None:
    ids = {"chen_id": chen.pk, "me": cast.cashier.pk}
    for path in ("refund", "void"):
        for fields, status, code in BAD:
            body = {"key": str(uuid.uuid4()), "reason": "退", **fields}
            body["approver"] = ids.get(str(body.get("approver")), body.get("approver"))
            found, answer = api.post(f"orders/{order.pk}/{path}", body)
            assert (found, answer["error"]["code"]) == (status, code), (path, fields)
            if code == "approval_needed":
                assert answer["error"]["details"] == {
                    "amount_fen": 30000,
                    "limit_fen": 20000,
                    "approvers": [{"id": chen.pk, "name": "陈店长"}],
                }
    assert Refund.objects.count() == 0
    body = {"key": str(uuid.uuid4()), "reason": "退", "approver": chen.pk, "pin": PIN}
    assert api.post(f"orders/{order.pk}/refund", body)[0] == 200
    assert Refund.objects.get().approved_by_id == chen.pk
