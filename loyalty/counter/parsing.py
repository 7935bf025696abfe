"""Strict reading of what tills and programs send. Everything odd is refused, nothing is guessed.

Types are checked exactly (a bool is no number, "12" is no number), unknown names are refused,
so that a mistyped field never silently changes what a sale costs. Money is integer fen.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.money import MAX_FEN
from loyalty.selectors.inputs import product_ids
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.selectors import find
from members.text import is_storable

MAX_LINES = 500
MAX_QUANTITY = 1_000_000
MAX_POINTS = 1_000_000_000
MAX_ID = 2**63 - 1
MAX_TEXT = 120
TENDERS = ("cash", "wechat", "alipay", "card")
CART_FIELDS = frozenset(
    {
        "member",
        "lines",
        "coupons",
        "without_coupons",
        "without_benefits",
        "points",
        "use_stored_value",
        "stored_value_fen",
        "channel",
        "external_no",
    }
)
LINE_FIELDS = frozenset({"sku", "product", "name", "quantity", "unit_price_fen", "amount_fen"})
MEMBER_FIELDS = ("id", "phone", "card", "external_no", "code")

# The sentences of amounts and quantities: the pages' text fields are refused with the same words.
AMOUNT_MESSAGES: dict[str, Promise] = {
    "amount_unreadable": _("This is not an amount. Write it like 12 or 12.50."),
    "amount_negative": _("An amount cannot be negative. To give money back, use the refund."),
    "amount_zero": _("The amount is zero. Enter what is to be paid."),
    "amount_decimals": _("An amount has at most two decimals, like 12.50."),
    "amount_too_large": _("This amount is too large: ¥999,999.99 at most. Check the digits."),
}

Data = Mapping[str, Any]


def refuse(code: str, message: str | Promise, field: str, *, status: int = 400) -> NoReturn:
    raise Refusal(code, message, field=field, status=status)


def refuse_amount(code: str, field: str) -> NoReturn:
    refuse(code, AMOUNT_MESSAGES[code], field)


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON object. Refuses ``json_unreadable``."""
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        refuse("json_unreadable", _("The request is not a JSON object."), "")
    return data


def known_fields(data: Data, allowed: frozenset[str] | set[str], field: str = "") -> None:
    for name in data:
        if name not in allowed:
            where = f"{field}.{name}" if field else name
            refuse("field_unknown", _("The request has a field that does not exist."), where)


def whole_number(
    value: Any, field: str, *, low: int = 0, high: int = MAX_ID, code: str = "number_unreadable"
) -> int:
    """An integer from ``low`` to ``high``; floats, texts and booleans are refused."""
    if type(value) is not int or not low <= value <= high:
        refuse(code, _("This is not a whole number that fits here."), field)
    return value


def amount(value: Any, field: str, *, zero: bool = False) -> int:
    """An amount of fen up to ``MAX_FEN``. ``zero``: whether 0 may stand (an article given away).

    Refuses ``amount_unreadable``, ``amount_negative``, ``amount_zero``, ``amount_decimals``,
    ``amount_too_large``.
    """
    if type(value) is float:
        refuse_amount("amount_decimals", field)
    if type(value) is not int:
        refuse_amount("amount_unreadable", field)
    if value < 0:
        refuse_amount("amount_negative", field)
    if value == 0 and not zero:
        refuse_amount("amount_zero", field)
    if value > MAX_FEN:
        refuse_amount("amount_too_large", field)
    return int(value)


def text(value: Any, field: str, *, length: int = MAX_TEXT, needed: bool = False) -> str:
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or len(value) > length or not is_storable(value):
        refuse("text_unreadable", _("This text is missing, too long or no text at all."), field)
    value = value.strip()
    if needed and not value:
        refuse("text_unreadable", _("This text is missing, too long or no text at all."), field)
    return str(value)


def flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        refuse("flag_unreadable", _("This is either true or false."), field)
    return value


def client_key(value: Any) -> uuid.UUID:
    """The client's own key: one intent, one effect. Refuses ``key_unreadable``."""
    try:
        if isinstance(value, str):
            return uuid.UUID(value)
    except ValueError:
        pass
    refuse("key_unreadable", _("The request needs a key of its own, written as a UUID."), "key")


def price_seen(value: Any) -> int:
    """The price in points that stood on the page. Refuses ``price_unreadable``."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        return int(value)
    refuse("price_unreadable", _("The page is incomplete. Load it again."), "price")


def tender(value: Any) -> str:
    if not isinstance(value, str) or value not in TENDERS:
        refuse(
            "tender_unknown", _("Choose how it is paid: cash, WeChat, Alipay or card."), "tender"
        )
    return value


def quote_hash(value: Any) -> str | None:
    if value is None:
        return None
    return text(value, "hash", length=64, needed=True)


def ids(value: Any, field: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MAX_LINES:
        refuse("list_unreadable", _("This is not a list of numbers."), field)
    return tuple(whole_number(item, field, low=1) for item in value)


def member_id(value: Any, *, claim: Callable[[str], int] | None = None) -> int | None:
    """Who it is for: {"code" | "phone" | "card" | "id" | "external_no": …}, or null for a guest.

    ``claim`` takes a scanned live code and tells the member. Refuses ``member_unreadable``,
    ``phone_unreadable`` and ``member_unknown``; whether the card may be used is for the service
    to say.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in MEMBER_FIELDS:
        refuse(
            "member_unreadable",
            _("Name the member by exactly one of id, code, phone, card or external_no."),
            "member",
        )
    ((name, given),) = value.items()
    if name == "id":
        return whole_number(given, "member", low=1, code="member_unreadable")
    words = text(given, "member", length=64, needed=True)
    if name == "code":
        if claim is None:
            refuse("member_unreadable", _("A live code is of no use here."), "member")
        return claim(words)
    look = {"phone": find.by_phone, "card": find.by_card, "external_no": find.by_external_no}[name]
    return int(look(words).pk)


def refund_lines(value: Any) -> list[tuple[int, int]]:
    """[{"index": 0, "quantity": 1}, …] as pairs; each line at most once."""
    if not isinstance(value, list) or not value or len(value) > MAX_LINES:
        refuse("refund_unreadable", _("Say which lines go back, and how many of each."), "lines")
    pairs: dict[int, int] = {}
    for number, line in enumerate(value):
        field = f"lines.{number}"
        if not isinstance(line, dict):
            refuse("line_unreadable", _("This line cannot be read."), field)
        known_fields(line, {"index", "quantity"}, field)
        index = whole_number(line.get("index"), f"{field}.index", high=MAX_LINES - 1)
        if index in pairs:
            refuse("line_repeated", _("This line was named twice."), field)
        pairs[index] = quantity(line.get("quantity", 1), f"{field}.quantity")
    return list(pairs.items())


def cart(data: Data, *, claim: Callable[[str], int] | None = None) -> Cart:
    """The sale as the client wants it. Refuses with the code and field of the first fault.

    ``claim`` is as for ``member_id``; a live code is claimed only when the rest can be read.
    """
    chosen = data.get("coupons")
    stored = data.get("stored_value_fen")
    read = Cart(
        lines=cart_lines(data.get("lines")),
        coupons=None if chosen is None else ids(chosen, "coupons"),
        without_coupons=frozenset(ids(data.get("without_coupons", []), "without_coupons")),
        without_benefits=frozenset(ids(data.get("without_benefits", []), "without_benefits")),
        points=whole_number(
            data.get("points", 0), "points", high=MAX_POINTS, code="points_unreadable"
        ),
        use_stored_value=flag(data.get("use_stored_value", False), "use_stored_value"),
        stored_value_fen=None if stored is None else amount(stored, "stored_value_fen"),
        channel=_channel(data.get("channel", "counter")),
        external_no=text(data.get("external_no"), "external_no", length=64) or None,
    )
    return replace(read, member_id=member_id(data.get("member"), claim=claim))


def _channel(value: Any) -> str:
    name = text(value, "channel", length=16, needed=True)
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        refuse("channel_unreadable", _("A channel is a short name in small letters."), "channel")
    return name


def cart_lines(value: Any) -> tuple[CartLine, ...]:
    if not isinstance(value, list):
        refuse("lines_unreadable", _("The lines of the sale are missing."), "lines")
    if not value:
        refuse("cart_empty", _("Enter an amount or an article first."), "lines")
    if len(value) > MAX_LINES:
        refuse("too_many_lines", _("A sale has at most 500 lines. Split it into two."), "lines")
    for number, line in enumerate(value):
        if not isinstance(line, dict):
            refuse("line_unreadable", _("This line cannot be read."), f"lines.{number}")
        known_fields(line, LINE_FIELDS, f"lines.{number}")
    products = products_by_sku(line["sku"] for line in value if line.get("sku") is not None)
    return tuple(_line(line, f"lines.{number}", products) for number, line in enumerate(value))


def products_by_sku(skus: Iterable[Any]) -> dict[str, int]:
    """Product ids by SKU, in one statement (none without SKUs)."""
    return product_ids({sku for sku in skus if isinstance(sku, str) and sku.isprintable()})


def _line(line: Data, field: str, products: Mapping[str, int]) -> CartLine:
    product: int | None = None
    if line.get("sku") is not None:
        if line.get("product") is not None:
            refuse("line_unreadable", _("Name the article by SKU or by id, not both."), field)
        product = products.get(text(line["sku"], f"{field}.sku", length=40, needed=True))
        if product is None:
            refuse(
                "article_unknown",
                _("This article is not known. Search for it by name, or enter an amount."),
                f"{field}.sku",
                status=404,
            )
    elif line.get("product") is not None:
        product = whole_number(line["product"], f"{field}.product", low=1, code="article_unknown")
    unit, whole = line.get("unit_price_fen"), line.get("amount_fen")
    if unit is not None and whole is not None:
        refuse("line_unreadable", _("Give a price for each unit or one amount, not both."), field)
    if product is None and unit is None and whole is None:
        refuse_amount("amount_unreadable", f"{field}.amount_fen")
    is_article = product is not None
    return CartLine(
        product_id=product,
        name=text(line.get("name"), f"{field}.name"),
        # An amount stands for the whole line, so a quantity of 0 says nothing (real receipts
        # have it).
        quantity=quantity(
            line.get("quantity", 1), f"{field}.quantity", zero=is_article and whole is not None
        ),
        unit_price_fen=None
        if unit is None
        else amount(unit, f"{field}.unit_price_fen", zero=is_article),
        amount_fen=None if whole is None else amount(whole, f"{field}.amount_fen", zero=is_article),
    )


def quantity(value: Any, field: str, *, zero: bool = False) -> int:
    """How many. Refuses ``quantity_unreadable``, ``quantity_zero``, ``quantity_negative``."""
    if type(value) is not int or value > MAX_QUANTITY:
        refuse("quantity_unreadable", _("A quantity is a whole number up to 1,000,000."), field)
    if value == 0 and not zero:
        refuse(
            "quantity_zero",
            _("The quantity is zero. Enter how many, or take the line off."),
            field,
        )
    if value < 0:
        refuse(
            "quantity_negative",
            _("A quantity cannot be negative. To take goods back, use the refund."),
            field,
        )
    return value
