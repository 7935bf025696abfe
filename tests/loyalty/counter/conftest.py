"""The counter's fixed cast: one cashier at work, Gold with a card, a small menu, rules in force."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from loyalty.models import Product
from loyalty.services import rules
from members.codes import check_digit
from members.models import Member, Shop, Staff
from tests import factories

CARD = "901200000000001" + check_digit("901200000000001")


@dataclasses.dataclass
class Cast:
    shop: Shop
    cashier: Staff
    member: Member
    menu: dict[str, Product]


@pytest.fixture
def cast(db: None) -> Cast:
    """Gold pays 90 %, by stored value another 90 %; 100 points are ¥1."""
    shop = factories.shop()
    cashier = factories.cashier()
    menu = factories.menu()
    factories.policy()
    factories.gold_discount()
    factories.gold_stored_discount()
    member = factories.member(
        tier="金卡", card=CARD, points=1280, principal_fen=10000, bonus_fen=2000
    )
    rules.publish(actor=None, at=factories.AT)
    return Cast(shop, cashier, member, menu)


@pytest.fixture
def at_work(db: None) -> Iterator[time_machine.Traveller]:
    """The clock stands at the factories' fixed time."""
    with time_machine.travel(factories.AT, tick=False) as moved:
        yield moved


@pytest.fixture
def client(cast: Cast, at_work: time_machine.Traveller) -> Client:
    """The cashier's browser, signed in, in English."""
    browser = Client(headers={"accept-language": "en"})
    browser.cookies["django_language"] = "en"
    browser.force_login(cast.cashier, backend="members.backends.StaffBackend")
    return browser


@dataclasses.dataclass
class Api:
    """POSTs JSON and gives (status, body) back."""

    client: Client

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        text = body if isinstance(body, str) else json.dumps(body)
        answer = self.client.post(f"/counter/api/{path}", text, content_type="application/json")
        return answer.status_code, answer.json()

    def get(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.get(f"/counter/api/{path}", query)
        return answer.status_code, answer.json()


@pytest.fixture
def api(client: Client) -> Api:
    return Api(client)
