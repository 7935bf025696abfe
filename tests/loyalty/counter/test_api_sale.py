"""POST /counter/api/quote and /counter/api/settle."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loyalty.models import Account, ClientKey, Entry, Order
from loyalty.services import rules
from members.models import Event, Member
from tests import factories
from tests.loyalty.counter.conftest import CARD, Api, Cast

KEY = "0c4ad3a6-5f3c-4d0e-9b61-0a2f54b9e1aa"
PHONE = {"phone": "138 0000 1234"}
THIRTEEN: dict[str, Any] = {
    "member": PHONE,
    "lines": [{"sku": "latte", "quantity": 2}, {"sku": "cake"}],
    "points": 500,
    "use_stored_value": True,
}


def statements(seen: CaptureQueriesContext) -> list[str]:
    """What was asked of the database, without the savepoints of a test's own transaction."""
    return [query["sql"] for query in seen if "SAVEPOINT" not in query["sql"]]


def nothing_happened() -> None:
    assert Order.objects.count() == 0
    assert ClientKey.objects.count() == 0
    assert Event.objects.filter(kind="settled").count() == 0
    assert Account.objects.get(kind="points").balance == 1280
    assert Entry.objects.count() == 3  # what the cast was given


def test_quote_explains_every_fen(api: Api, cast: Cast) -> None:
    template = factories.coupon_template("满100减20", 2000, 10000)
    factories.coupon(cast.member, template)
    factories.coupon(
        cast.member, factories.coupon_template("满80减20", 2000, 8000), "80000000000025"
    )
    rules.publish(actor=None, at=factories.AT)
    status, quote = api.post("quote", THIRTEEN)
    assert status == 200
    assert (quote["gross_fen"], quote["base_fen"], quote["to_pay_fen"]) == (10000, 7000, 0)
    assert (quote["stored_paid_fen"], quote["principal_fen"], quote["bonus_fen"]) == (
        5850,
        4875,
        975,
    )
    assert (quote["points_used"], quote["points_earned"]) == (500, 48)
    assert [(s["kind"], s["name"], s["amount_fen"], s["text"]) for s in quote["steps"]] == [
        ("price", "金卡 9折", 1000, "pay 90%"),
        ("coupon", "满80减20", 2000, "¥20.00 off from ¥80.00"),
        ("points", "Points", 500, "500 points"),
        ("stored_discount", "储值再9折", 650, "pay 90% by stored value"),
        ("stored_value", "Stored value", 5850, "principal ¥48.75, bonus ¥9.75"),
        ("earn", "Points earned", 0, "for ¥48.75"),
    ]
    (other,) = quote["not_applied"]
    assert (other["reason"], other["missing_fen"]) == ("threshold_short", 1000)
    assert other["text"] == "¥10.00 short of ¥100.00"
    assert [line["name"] for line in quote["lines"]] == ["拿铁", "芝士蛋糕"]
    assert quote["member"]["name"] == "王*敏"
    assert quote["member"]["phone"] == "138****1234"
    assert quote["member"]["tier"] == "金卡"


def test_quote_speaks_chinese_unless_asked_otherwise(api: Api, cast: Cast) -> None:
    del api.client.cookies["django_language"]
    _status, quote = api.post("quote", {"member": PHONE, "lines": [{"sku": "cake"}]})
    assert "9折" in quote["steps"][0]["text"]


def test_quote_writes_nothing_in_at_most_eight_statements(api: Api, cast: Cast) -> None:
    api.post("quote", THIRTEEN)  # the rules are read once a process
    with CaptureQueriesContext(connection) as seen:
        status, _quote = api.post("quote", {**THIRTEEN, "member": {"id": cast.member.pk}})
    assert status == 200
    assert len(statements(seen)) <= 8, statements(seen)
    nothing_happened()


def test_settle_in_at_most_fifteen_statements(api: Api, cast: Cast) -> None:
    """By phone and SKU, with a coupon, points and stored value: the longest way there is."""
    factories.coupon(cast.member, factories.coupon_template("满80减20", 2000, 8000))
    rules.publish(actor=None, at=factories.AT)
    _status, quote = api.post("quote", THIRTEEN)
    body = {**THIRTEEN, "key": KEY, "hash": quote["hash"], "tender": "cash"}
    with CaptureQueriesContext(connection) as seen:
        status, answer = api.post("settle", body)
    assert status == 200, answer
    assert len(statements(seen)) <= 15, statements(seen)


def test_settle_takes_effect(api: Api, cast: Cast) -> None:
    _status, quote = api.post("quote", THIRTEEN)
    status, answer = api.post(
        "settle", {**THIRTEEN, "key": KEY, "hash": quote["hash"], "tender": "wechat"}
    )
    assert status == 200
    order = Order.objects.get()
    assert answer["order"] == order.pk
    assert answer["replayed"] is False
    # Gold pays 90.00, 500 points are 5.00, 85.00 by stored value is 76.50.
    assert answer["stored_paid_fen"] == 7650
    assert answer["balances"] == {"points": 843, "principal_fen": 3625, "bonus_fen": 725}
    assert (order.staff, order.shop, order.member) == (cast.cashier, cast.shop, cast.member)
    assert str(order.key) == KEY


def test_the_same_key_settles_once(api: Api, cast: Cast) -> None:
    body = {**THIRTEEN, "key": KEY, "hash": None, "tender": "cash"}
    first = api.post("settle", body)[1]
    status, second = api.post("settle", body)
    assert status == 200
    assert second == {**first, "replayed": True}
    assert Order.objects.count() == 1


def test_the_same_key_with_other_content_is_refused(api: Api, cast: Cast) -> None:
    body = {**THIRTEEN, "key": KEY, "hash": None, "tender": "cash"}
    api.post("settle", body)
    status, answer = api.post("settle", {**body, "points": 600})
    assert (status, answer["error"]["code"]) == (422, "key_reused")
    assert Order.objects.count() == 1


def test_a_stale_quote_comes_back_with_the_new_one(api: Api, cast: Cast) -> None:
    _status, quote = api.post("quote", THIRTEEN)
    body = {**THIRTEEN, "points": 600, "key": KEY, "hash": quote["hash"], "tender": "cash"}
    status, answer = api.post("settle", body)
    assert (status, answer["error"]["code"]) == (409, "quote_changed")
    nothing_happened()
    new = answer["error"]["details"]["quote"]
    assert new["points_used"] == 600
    status, _answer = api.post("settle", {**body, "hash": new["hash"]})
    assert status == 200


def test_a_guest_buys_an_open_amount(api: Api, cast: Cast) -> None:
    status, answer = api.post(
        "settle",
        {"lines": [{"amount_fen": 1999}], "key": KEY, "hash": None, "tender": "alipay"},
    )
    assert status == 200
    assert (answer["to_pay_fen"], answer["points_earned"], answer["balances"]) == (1999, 0, {})


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ({"amount_fen": 0}, "amount_zero", "lines.0.amount_fen"),
        ({"amount_fen": -100}, "amount_negative", "lines.0.amount_fen"),
        ({"amount_fen": 12.345}, "amount_decimals", "lines.0.amount_fen"),
        ({"amount_fen": 1_000_000_000}, "amount_too_large", "lines.0.amount_fen"),
        ({"amount_fen": "100"}, "amount_unreadable", "lines.0.amount_fen"),
        ({"amount_fen": True}, "amount_unreadable", "lines.0.amount_fen"),
        ({"name": "coffee"}, "amount_unreadable", "lines.0.amount_fen"),
        ({"unit_price_fen": -1}, "amount_negative", "lines.0.unit_price_fen"),
        ({"sku": "latte", "amount_fen": -1}, "amount_negative", "lines.0.amount_fen"),
        ({"sku": "latte", "quantity": 0}, "quantity_zero", "lines.0.quantity"),
        ({"sku": "latte", "quantity": -1}, "quantity_negative", "lines.0.quantity"),
        ({"sku": "latte", "quantity": 1.5}, "quantity_unreadable", "lines.0.quantity"),
        ({"sku": "latte", "quantity": 10**9}, "quantity_unreadable", "lines.0.quantity"),
        ({"sku": "mocha"}, "article_unknown", "lines.0.sku"),
        ({"product": 10**9}, "article_unknown", "lines.0"),
        ({"product": "latte"}, "article_unknown", "lines.0.product"),
        ({"sku": "latte", "product": 1}, "line_unreadable", "lines.0"),
        ({"unit_price_fen": 5, "amount_fen": 5}, "line_unreadable", "lines.0"),
        ({"sku": "latte", "price": 5}, "field_unknown", "lines.0.price"),
        ({"sku": "latte", "name": "x" * 121}, "text_unreadable", "lines.0.name"),
        ({"amount_fen": 100, "name": "\ud800"}, "text_unreadable", "lines.0.name"),
        ("latte", "line_unreadable", "lines.0"),
    ],
)
def test_bad_lines(api: Api, cast: Cast, line: Any, code: str, field: str) -> None:
    for path, more in (("quote", {}), ("settle", {"key": KEY, "hash": None, "tender": "cash"})):
        status, answer = api.post(path, {"lines": [line], **more})
        assert answer["error"]["code"] == code
        assert answer["error"]["field"] == field
        assert answer["error"]["message"]
        assert status in (400, 404)
    nothing_happened()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("no json", "json_unreadable"),
        ("[" * 100_000, "json_unreadable"),
        ([], "json_unreadable"),
        ({}, "lines_unreadable"),
        ({"lines": []}, "cart_empty"),
        ({"lines": [{"amount_fen": 1}] * 501}, "too_many_lines"),
        ({"lines": [{"amount_fen": 1}], "discount": 5}, "field_unknown"),
        ({"lines": [{"amount_fen": 1}], "points": -1}, "points_unreadable"),
        ({"lines": [{"amount_fen": 1}], "points": "all"}, "points_unreadable"),
        ({"lines": [{"amount_fen": 1}], "use_stored_value": 1}, "flag_unreadable"),
        ({"lines": [{"amount_fen": 1}], "stored_value_fen": 0}, "amount_zero"),
        ({"lines": [{"amount_fen": 1}], "coupons": 5}, "list_unreadable"),
        ({"lines": [{"amount_fen": 1}], "coupons": ["a"]}, "number_unreadable"),
        ({"lines": [{"amount_fen": 1}], "without_benefits": [True]}, "number_unreadable"),
        ({"lines": [{"amount_fen": 1}], "channel": "App Store"}, "channel_unreadable"),
        ({"lines": [{"amount_fen": 1}], "external_no": 5}, "text_unreadable"),
        ({"lines": [{"amount_fen": 1}], "external_no": "a\x00b"}, "text_unreadable"),
        ({"lines": [{"amount_fen": 1}], "member": "13800001234"}, "member_unreadable"),
        ({"lines": [{"amount_fen": 1}], "member": {}}, "member_unreadable"),
        ({"lines": [{"amount_fen": 1}], "member": {"id": 1, "phone": "1"}}, "member_unreadable"),
        ({"lines": [{"amount_fen": 1}], "member": {"id": "1"}}, "member_unreadable"),
        ({"lines": [{"amount_fen": 1}], "member": {"phone": "12"}}, "phone_unreadable"),
        ({"lines": [{"amount_fen": 1}], "member": {"phone": "13900000000"}}, "member_unknown"),
        ({"lines": [{"amount_fen": 1}], "member": {"card": "9012000000000099"}}, "member_unknown"),
        ({"lines": [{"amount_fen": 1}], "member": {"external_no": "x"}}, "member_unknown"),
        ({"lines": [{"amount_fen": 1}], "member": {"id": 2**62}}, "member_unknown"),
    ],
)
def test_bad_carts(api: Api, cast: Cast, body: Any, code: str) -> None:
    status, answer = api.post("quote", body)
    assert answer["error"]["code"] == code
    assert status in (400, 404)
    nothing_happened()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": None}, "key_unreadable"),
        ({"key": "1"}, "key_unreadable"),
        ({"key": 7}, "key_unreadable"),
        ({"tender": None}, "tender_unknown"),
        ({"tender": "stored"}, "tender_unknown"),
        ({"tender": ["cash"]}, "tender_unknown"),
        ({"hash": 5}, "text_unreadable"),
        ({"hash": ""}, "text_unreadable"),
        ({"points": 1281}, "points_short"),
    ],
)
def test_bad_settles(api: Api, cast: Cast, change: dict[str, Any], code: str) -> None:
    body = {**THIRTEEN, "key": KEY, "hash": None, "tender": "cash", **change}
    status, answer = api.post("settle", body)
    assert (status, answer["error"]["code"]) == (400, code)
    nothing_happened()


def test_a_frozen_member_cannot_buy_and_nothing_is_told(api: Api, cast: Cast) -> None:
    Member.objects.update(status=Member.Status.FROZEN)
    status, answer = api.post("settle", {**THIRTEEN, "key": KEY, "hash": None, "tender": "cash"})
    assert (status, answer["error"]["code"]) == (400, "member_frozen")
    assert "details" not in answer["error"]
    nothing_happened()


def test_coupons_asked_for_are_honoured_or_refused(api: Api, cast: Cast) -> None:
    short = factories.coupon(cast.member, factories.coupon_template("满200减30", 3000, 20000))
    expired = factories.coupon(
        cast.member,
        factories.coupon_template("过期", 500),
        "80000000000025",
        expires_at=factories.AT,
    )
    elsewhere = factories.coupon_template("别家店", 500)
    elsewhere.shops.add(factories.shop("second", "二店"))
    wrong_shop = factories.coupon(cast.member, elsewhere, "80000000000036")
    other = factories.member("+8613800005678", "李雷")
    foreign = factories.coupon(other, factories.coupon_template("别人的", 500), "80000000000047")
    rules.publish(actor=None, at=factories.AT)
    for coupon, code in (
        (short, "threshold_short"),
        (expired, "coupon_expired"),
        (wrong_shop, "wrong_shop"),
        (foreign, "coupon_unknown"),
    ):
        status, answer = api.post("quote", {**THIRTEEN, "coupons": [coupon.pk]})
        assert (status, answer["error"]["code"]) == (400, code)


def test_benefits_can_be_switched_off(api: Api, cast: Cast) -> None:
    gold = api.post("quote", {"member": {"card": CARD}, "lines": [{"sku": "cake"}]})[1]
    assert gold["to_pay_fen"] == 3240
    off = [gold["steps"][0]["benefit"]]
    status, quote = api.post(
        "quote", {"member": {"card": CARD}, "lines": [{"sku": "cake"}], "without_benefits": off}
    )
    assert status == 200
    assert quote["to_pay_fen"] == 3600
    assert quote["not_applied"][0]["reason"] == "switched_off"


def test_without_a_login(api: Api, cast: Cast) -> None:
    api.client.logout()
    status, answer = api.post("settle", {**THIRTEEN, "key": str(uuid.uuid4())})
    assert (status, answer["error"]["code"]) == (401, "login_needed")
    nothing_happened()


def test_without_a_shop(api: Api, cast: Cast) -> None:
    cast.cashier.shops.clear()
    status, answer = api.post("quote", THIRTEEN)
    assert (status, answer["error"]["code"]) == (403, "shop_needed")


def test_the_wrong_method(api: Api, cast: Cast) -> None:
    status, answer = api.get("quote")
    assert (status, answer["error"]["code"]) == (405, "method_not_allowed")


def test_a_post_without_the_csrf_token_is_refused(cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.cashier, backend="members.backends.StaffBackend")
    answer = strict.post("/counter/api/quote", "{}", content_type="application/json")
    assert answer.status_code == 403
