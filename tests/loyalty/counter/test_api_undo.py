"""POST /counter/api/orders/<id>/void, …/refund, /counter/api/top-ups, GET /counter/api/members."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from loyalty.models import Account, Order, Refund, TopUp
from loyalty.services import rules
from members.models import Member
from tests import factories
from tests.loyalty.counter.conftest import CARD, Api, Cast


def key() -> str:
    return str(uuid.uuid4())


def sold(api: Api, **more: Any) -> int:
    status, answer = api.post(
        "settle",
        {
            "member": {"card": CARD},
            "lines": [{"sku": "latte", "quantity": 2}, {"sku": "cake"}],
            "key": key(),
            "hash": None,
            "tender": "cash",
            **more,
        },
    )
    assert status == 200, answer
    return int(answer["order"])


def points() -> int:
    return Account.objects.get(kind="points").balance


def test_void_undoes_all_once(api: Api, cast: Cast) -> None:
    order = sold(api)
    assert points() == 1370
    body = {"key": key(), "reason": "wrong member"}
    status, answer = api.post(f"orders/{order}/void", body)
    assert (status, answer["status"], answer["other_fen"]) == (200, "voided", 9000)
    assert points() == 1280
    assert api.post(f"orders/{order}/void", body)[1]["replayed"] is True
    status, answer = api.post(f"orders/{order}/void", {**body, "key": key()})
    assert (status, answer["error"]["code"]) == (409, "already_undone")
    assert Refund.objects.count() == 1


def test_refund_of_one_article(api: Api, cast: Cast) -> None:
    order = sold(api)
    status, answer = api.post(
        f"orders/{order}/refund",
        {"key": key(), "lines": [{"index": 0, "quantity": 1}], "reason": "spilled"},
    )
    assert (status, answer["status"], answer["other_fen"]) == (200, "part", 2880)
    assert answer["points_clawed_back"] == 29
    status, answer = api.post(f"orders/{order}/refund", {"key": key(), "reason": "all of it"})
    assert (status, answer["status"], answer["other_fen"]) == (200, "refunded", 6120)
    assert points() == 1280


def test_refund_of_an_amount(api: Api, cast: Cast) -> None:
    order = sold(api)
    status, answer = api.post(
        f"orders/{order}/refund", {"key": key(), "amount_fen": 1000, "reason": ""}
    )
    assert (status, answer["other_fen"]) == (200, 1000)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_fen": 9001}, "refund_exceeds_paid"),
        ({"amount_fen": 0}, "amount_zero"),
        ({"amount_fen": -1}, "amount_negative"),
        ({"amount_fen": 1.5}, "amount_decimals"),
        ({"lines": [{"index": 0, "quantity": 3}]}, "refund_exceeds_paid"),
        ({"lines": [{"index": 0, "quantity": 0}]}, "quantity_zero"),
        ({"lines": [{"index": 0}, {"index": 0}]}, "line_repeated"),
        ({"lines": [{"index": -1}]}, "number_unreadable"),
        ({"lines": [{"line": 0}]}, "field_unknown"),
        ({"lines": [0]}, "line_unreadable"),
        ({"lines": []}, "refund_unreadable"),
        ({"lines": {"0": 1}}, "refund_unreadable"),
        ({"lines": [{"index": 0}], "amount_fen": 5}, "refund_unreadable"),
        ({"reason": 5}, "text_unreadable"),
        ({"reason": "x" * 121}, "text_unreadable"),
        ({"key": "x"}, "key_unreadable"),
        ({"why": "x"}, "field_unknown"),
    ],
)
def test_bad_refunds(api: Api, cast: Cast, change: dict[str, Any], code: str) -> None:
    order = sold(api)
    body = {"key": key(), "reason": "x", **change}
    status, answer = api.post(f"orders/{order}/refund", body)
    assert answer["error"]["code"] == code
    assert status in (400, 409)
    assert Refund.objects.count() == 0
    assert Order.objects.get().refunded_base_fen == 0


def test_another_shops_sale_is_as_good_as_none(api: Api, cast: Cast) -> None:
    order = sold(api)
    Order.objects.update(shop=factories.shop("second", "二店"))
    for number in (order, order + 1):
        for action in ("void", "refund"):
            status, answer = api.post(f"orders/{number}/{action}", {"key": key(), "reason": "x"})
            assert (status, answer["error"]["code"]) == (404, "order_unknown")
    assert Refund.objects.count() == 0


def test_top_up_by_plan(api: Api, cast: Cast) -> None:
    plan = factories.top_up_plans()[0]
    rules.publish(actor=None, at=factories.AT)
    body = {"key": key(), "member": {"card": CARD}, "plan": plan.pk, "tender": "wechat"}
    status, answer = api.post("top-ups", body)
    assert (status, answer["paid_fen"], answer["bonus_fen"]) == (200, 50000, 10000)
    assert answer["balances"] == {"points": 1280, "principal_fen": 60000, "bonus_fen": 12000}
    assert api.post("top-ups", body)[1] == {**answer, "replayed": True}
    assert TopUp.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_fen": None}, "top_up_unreadable"),
        ({"plan": 1}, "top_up_unreadable"),
        ({"amount_fen": None, "plan": 10**9}, "plan_unknown"),
        ({"amount_fen": None, "plan": "1"}, "plan_unknown"),
        ({"amount_fen": 0}, "amount_zero"),
        ({"amount_fen": -1}, "amount_negative"),
        ({"amount_fen": 1_000_000_000}, "amount_too_large"),
        ({"amount_fen": 500_000}, "balance_limit"),
        ({"member": None}, "member_needed"),
        ({"member": {"phone": "13912345678"}}, "member_unknown"),
        ({"tender": "stored"}, "tender_unknown"),
        ({"key": ""}, "key_unreadable"),
    ],
)
def test_bad_top_ups(api: Api, cast: Cast, change: dict[str, Any], code: str) -> None:
    good = {"key": key(), "member": {"card": CARD}, "amount_fen": 10000, "tender": "cash"}
    status, answer = api.post("top-ups", {**good, **change})
    assert answer["error"]["code"] == code
    assert status in (400, 404)
    assert TopUp.objects.count() == 0
    assert Account.objects.get(kind="principal").balance == 10000


def test_the_member_as_the_cashier_sees_them(api: Api, cast: Cast) -> None:
    for query in ({"phone": "+86 138-0000-1234"}, {"card": CARD}):
        status, answer = api.get("members", **query)
        assert status == 200
        assert answer["member"] == {
            "id": cast.member.pk,
            "name": "王*敏",
            "phone": "138****1234",
            "is_phone_confirmed": True,
            "card": f"{CARD[:4]} {CARD[4:8]} **** {CARD[-4:]}",
            "status": "active",
            "tier": "金卡",
            "points": 1280,
            "points_debt": 0,
            "value_fen": 12000,
            "principal_fen": 10000,
            "bonus_fen": 2000,
            "coupons": 0,
            "orders_count": 0,
            "next_tier": {
                "name": "黑卡",
                "threshold_fen": 1000100,
                "progress_fen": 0,
                "missing_fen": 1000100,
            },
        }


def test_members_that_are_not_found(api: Api, cast: Cast) -> None:
    assert api.get("members")[1]["error"]["code"] == "member_unreadable"
    assert api.get("members", phone="12")[1]["error"]["code"] == "phone_unreadable"
    for query in ({"phone": "13900000000"}, {"card": "9012000000000000"}):
        status, answer = api.get("members", **query)
        assert (status, answer["error"]["code"]) == (404, "member_unknown")


def test_a_closed_member_is_nobody(api: Api, cast: Cast) -> None:
    Member.objects.update(status=Member.Status.CLOSED, phone=None, phone_proved_at=None, name="")
    status, answer = api.get("members", card=CARD)
    assert (status, answer["error"]["code"]) == (404, "member_unknown")
