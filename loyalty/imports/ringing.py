"""Rings receipts up through a running counter, as a cashier's till would: over HTTP, with keys.

Knows nothing of the database. Every request that changes something carries a key made from the
receipt's number, so a repeat after a broken connection, or on another day, has no second effect.
"""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any, NamedTuple

import httpx
from django.utils.translation import gettext as _

from loyalty.imports.journey import JourneyFolder, ReceiptLine
from loyalty.money import half_up_ratio
from members.errors import Refusal

KEYS = uuid.UUID("5f0f3c1e-6d0b-4d0e-9a53-0f1d7c1b5b0a")  # namespace of the keys made here
TENDER = "cash"
TRIES = 5
PAUSE = 0.5  # seconds before the second try, twice as long before each further one
PASSING = frozenset({502, 503, 504})  # a server or proxy that is just starting again
REQUOTES = 3

CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken"\s+value="([^"]+)"')
SHOP_CHOICE = re.compile(r"<[^>]*\bdata-shop=[^>]*>")
CODE = re.compile(r'\bdata-shop="([^"]*)"')
VALUE = re.compile(r'\bvalue="(\d+)"')

Progress = Callable[[str], None]
Answer = dict[str, Any]


class Receipt(NamedTuple):
    no: str
    customer_no: str
    shop: str
    lines: tuple[ReceiptLine, ...]

    @property
    def paid_fen(self) -> int:
        return sum(line.paid_fen for line in self.lines)


@dataclass(slots=True)
class Rung:
    """What was rung up. Sums in fen: ``file_fen`` by the file, ``server_fen`` before discounts by
    the server's answers; ``refund_expected_fen`` and ``refunded_fen`` likewise."""

    receipts: int = 0
    made: int = 0
    replayed: int = 0
    refunds: int = 0
    refunds_replayed: int = 0
    file_fen: int = 0
    server_fen: int = 0
    to_pay_fen: int = 0
    refund_expected_fen: int = 0
    refunded_fen: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the server took exactly what the file says, and gave back what was asked."""
        return (
            self.receipts == self.made + self.replayed
            and self.file_fen == self.server_fen
            and self.refund_expected_fen == self.refunded_fen
        )


def receipts_from(source: JourneyFolder, first_day: dt.date) -> list[Receipt]:
    """Receipts of local days from ``first_day`` on, in the file's order; those with a line that
    cannot be read are left out (see ``source.problems``)."""
    lines: dict[str, list[ReceiptLine]] = {}
    for line in source.lines():
        if line.sold_at.date() >= first_day:
            lines.setdefault(line.receipt_no, []).append(line)
    return [
        Receipt(no, found[0].customer_no, found[0].shop, tuple(found))
        for no, found in lines.items()
        if no not in source.bad_receipts
    ]


@dataclass(slots=True)
class Till:
    """One cashier's session with the counter."""

    http: httpx.Client
    token: str = ""
    shop: str = ""
    shops: dict[str, str] = field(default_factory=dict)

    def log_in(self, *, username: str, password: str) -> None:
        """Raises Refusal ``login_failed``, ``server_unreachable``, ``server_failed``."""
        self._read_token(self._send("GET", "/counter/login/"))
        form = {"username": username, "password": password}
        if self._post_form("/counter/login/", form).status_code != httpx.codes.FOUND:
            raise Refusal(
                "login_failed",
                _("The counter did not accept this name and password. Give an owner's login."),
            )
        page = self._send("GET", "/counter/shop/")
        self._read_token(page)
        for tag in SHOP_CHOICE.findall(page.text):
            code, value = CODE.search(tag), VALUE.search(tag)
            if code and value:
                self.shops[unescape(code[1])] = value[1]

    def enter_shop(self, code: str) -> None:
        """Work in the shop of this code. Raises Refusal ``shop_unknown``."""
        if code == self.shop:
            return
        if code not in self.shops:
            raise Refusal(
                "shop_unknown",
                _("There is no open shop %(code)s for this login. Import the receipts first.")
                % {"code": code},
            )
        answer = self._post_form("/counter/shop/", {"shop": self.shops[code]})
        if answer.status_code != httpx.codes.FOUND:
            raise _failed(answer)
        self.shop = code

    def settle(self, receipt: Receipt) -> Answer:
        """Quote and settle one receipt; what the server answered."""
        cart = {
            "member": {"external_no": receipt.customer_no} if receipt.customer_no else None,
            "lines": [
                {"sku": line.sku, "quantity": line.quantity, "amount_fen": line.paid_fen}
                for line in receipt.lines
            ],
            "external_no": receipt.no,
        }
        key = str(uuid.uuid5(KEYS, f"settle {receipt.no}"))
        for _try in range(REQUOTES):
            quote = self._call("/counter/api/quote", cart)
            order = {**cart, "key": key, "hash": quote["hash"], "tender": TENDER}
            answer = self._post_json("/counter/api/settle", order)
            if _error_code(answer) != "quote_changed":
                break
        return _content(answer)

    def refund(self, receipt: Receipt, order: int, part: Answer) -> Answer:
        key = str(uuid.uuid5(KEYS, f"refund {receipt.no}"))
        content = {**part, "key": key, "reason": "ring_up"}
        return self._call(f"/counter/api/orders/{order}/refund", content)

    # --- Requests ---

    def _call(self, path: str, content: Answer) -> Answer:
        return _content(self._post_json(path, content))

    def _post_json(self, path: str, content: Answer) -> httpx.Response:
        return self._send("POST", path, json=content, headers={"X-CSRFToken": self.token})

    def _post_form(self, path: str, form: dict[str, str]) -> httpx.Response:
        return self._send("POST", path, data={**form, "csrfmiddlewaretoken": self.token})

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        """One request, repeated while the server cannot be reached or is busy with the card."""
        headers = {"Referer": str(self.http.base_url), **how.pop("headers", {})}
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE * 2 ** (number - 1))
            try:
                answer = self.http.request(method, path, headers=headers, **how)
            except httpx.TransportError as error:
                failure: Refusal = Refusal(
                    "server_unreachable",
                    _("The counter at %(url)s does not answer (%(reason)s). Start it first.")
                    % {"url": self.http.base_url, "reason": error},
                )
                continue
            if answer.status_code not in PASSING and _error_code(answer) != "busy":
                return answer
            failure = _failed(answer)
        raise failure

    def _read_token(self, page: httpx.Response) -> None:
        found = CSRF_FIELD.search(page.text)
        if page.status_code != httpx.codes.OK or found is None:
            raise _failed(page)
        self.token = found[1]


def ring_up(*, receipts: list[Receipt], till: Till, refund_every: int, progress: Progress) -> Rung:
    """Ring all receipts up in order, and refund a part of one in ``refund_every`` (0: none).

    Raises Refusal when the server refuses something or cannot be reached; what was rung up until
    then stays, and a repeat goes on from there.
    """
    rung = Rung()
    for number, receipt in enumerate(receipts, start=1):
        till.enter_shop(receipt.shop)
        try:
            answer = till.settle(receipt)
            part = _part_to_refund(receipt) if _goes_back(receipt, refund_every) else None
            back = till.refund(receipt, answer["order"], part) if part else None
        except Refusal as error:
            raise Refusal(
                error.code,
                _("Receipt %(no)s: %(message)s") % {"no": receipt.no, "message": error.message},
            ) from error
        rung.receipts += 1
        rung.replayed += answer["replayed"]
        rung.made += not answer["replayed"]
        rung.file_fen += receipt.paid_fen
        rung.server_fen += answer["gross_fen"]
        rung.to_pay_fen += answer["to_pay_fen"]
        if part and back:
            rung.refunds += not back["replayed"]
            rung.refunds_replayed += back["replayed"]
            rung.refund_expected_fen += _expected_fen(receipt, part, answer, back)
            rung.refunded_fen += back["base_fen"]
        if number % 100 == 0:
            progress(f"{number:,} / {len(receipts):,}")
    return rung


def _goes_back(receipt: Receipt, refund_every: int) -> bool:
    """Drawn by the receipt's number alone, so that a run over other days draws the same ones."""
    return bool(refund_every) and uuid.uuid5(KEYS, receipt.no).int % refund_every == 0


def _part_to_refund(receipt: Receipt) -> Answer | None:
    """One unit of the first line that has several, else half of the first line's amount."""
    for index, line in enumerate(receipt.lines):
        if line.quantity >= 2 and line.paid_fen:
            return {"lines": [{"index": index, "quantity": 1}]}
    for line in receipt.lines:
        if line.paid_fen >= 2:
            return {"amount_fen": line.paid_fen // 2}
    return None


def _expected_fen(receipt: Receipt, part: Answer, order: Answer, refund: Answer) -> int:
    """What must come back: the amount asked, or the unit's share of what the line was sold for.

    Where the shop's own discounts made the sale cheaper the unit's share is the server's word.
    """
    if "amount_fen" in part:
        return int(part["amount_fen"])
    if order["base_fen"] != order["gross_fen"]:
        return int(refund["base_fen"])
    line = receipt.lines[part["lines"][0]["index"]]
    return half_up_ratio(line.paid_fen, line.quantity)


def _error_code(answer: httpx.Response) -> str:
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return ""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _failed(answer: httpx.Response) -> Refusal:
    """What the server refused, in its own words if it has any."""
    code = _error_code(answer)
    if code:
        return Refusal(code, str(answer.json()["error"]["message"]), status=answer.status_code)
    return Refusal(
        "server_failed",
        _("The counter answered %(status)s on %(url)s. Look into its log.")
        % {"status": answer.status_code, "url": answer.request.url},
    )


def _content(answer: httpx.Response) -> Answer:
    if answer.status_code != httpx.codes.OK:
        raise _failed(answer)
    content: Answer = answer.json()
    return content
