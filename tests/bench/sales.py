"""The sales that are rung up, as a till sends them. Always the same in the same order."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from loyalty.counter.access import SHOP_KEY
from members.models import Shop
from tests.bench.load import Conversation
from tests.bench.rules import CASHIER
from tests.bench.seed import STORED_EVERY

# In twenty sales: three guests, three by stored value, fourteen other members (half of them by
# amount, half by articles).
PATTERN = "aAaAgaAsaAgaAsaAgaAs"
SETTLE, QUOTE = "settle", "quote"
STRIDE = 7919  # a prime: neighbours in time are far apart in the tables


class Till:
    """A signed-in cashier: session cookie and CSRF token, checked as for anybody."""

    def __init__(self) -> None:
        browser = Client()
        browser.force_login(
            get_user_model().objects.get(username=CASHIER),
            backend="members.backends.StaffBackend",
        )
        session = browser.session
        session[SHOP_KEY] = Shop.objects.get().pk
        session.save()
        self.session = session.session_key
        token = _get_new_csrf_string()
        self.headers = (
            "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Cookie: huitou_session={self.session}; huitou_csrf={token}\r\n"
            f"X-CSRFToken: {token}\r\n"
        )

    def post(self, action: str, data: dict[str, Any]) -> tuple[str, bytes]:
        body = json.dumps(data).encode()
        head = f"POST /counter/api/{action} HTTP/1.1\r\n{self.headers}"
        return action, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def carts(*, members: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Carts of the mix without end; members are distinct for as long as there are any."""
    for number in itertools.count(start):
        kind = PATTERN[number % len(PATTERN)]
        member = number * STRIDE % members + 1
        cart: dict[str, Any] = {"member": None, "lines": [{"amount_fen": 3000 + number % 60 * 100}]}
        if kind == "s":
            member -= member % STORED_EVERY
            cart["use_stored_value"] = True
        if kind != "g":
            cart["member"] = {"id": max(member, STORED_EVERY)}
        if kind in "As":
            other = ("tea", "cake")[number % 2]
            cart["lines"] = [{"sku": "latte", "quantity": 2}, {"sku": other, "quantity": 1}]
        yield cart


def settling(
    till: Till,
    source: Iterator[dict[str, Any]],
    heard: Callable[[dict[str, Any]], object] | None = None,
) -> Conversation:
    """Settle what comes, one sale after the other."""
    for cart in source:
        sale = {**cart, "key": str(uuid.uuid4()), "hash": None, "tender": "wechat"}
        body = yield till.post(SETTLE, sale)
        if heard:
            heard(json.loads(body))


def selling(till: Till, source: Iterator[dict[str, Any]]) -> Conversation:
    """As a cashier does: a quote, then exactly that settled."""
    for cart in source:
        quote = json.loads((yield till.post(QUOTE, cart)))
        sale = {**cart, "key": str(uuid.uuid4()), "hash": quote["hash"], "tender": "wechat"}
        yield till.post(SETTLE, sale)


def quoting(till: Till, source: Iterator[dict[str, Any]]) -> Conversation:
    """Quotes for members found by phone, as the first one of a sale is."""
    for cart in source:
        if cart["member"]:
            cart["member"] = {"phone": f"139{cart['member']['id']:08d}"}
        yield till.post(QUOTE, cart)


def reading(path: str, *, members: int) -> Conversation:
    """GET ``path`` with a member's number in it, again and again."""
    for number in itertools.count():
        member = number * STRIDE % members + 1
        where = path.format(member=member)
        yield path, f"GET {where} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
