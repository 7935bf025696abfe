"""The one field at the counter: what was scanned or typed, told apart by its form.

Exact matches first (a typed discount code, an article's barcode), then by form: live member code,
card number, coupon, phone, amount, and letters as a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.counter import parsing
from loyalty.counter.drafts import DraftLine
from loyalty.models import Coupon, CouponTemplate, Product
from loyalty.money import MoneyTextError, parse_yuan
from loyalty.selectors import articles, coupons
from members.codes import (
    CARD_LENGTH,
    COUPON_LENGTH,
    COUPON_PREFIX,
    is_card_number,
    is_coupon_code,
)
from members.errors import Refusal
from members.models import Member
from members.selectors import find
from members.services import live_codes
from members.text import plain, plain_digits

LONGEST = 60
FOREIGN_FROM = 14
_BARCODES = (12, 13)
_TIMES = re.compile(r"([0-9]{1,7})\s*[*×xX]\s*(\S.*)")
_AMOUNT = re.compile(r"(?=.*[0-9])[-−¥0-9,.。]{1,40}元?")
_PHONE = re.compile(r"1[0-9]{10}|\+[0-9]{7,15}")
_PAYMENT = re.compile(r"1[0-5][0-9]{16}|(?:2[5-9]|30)[0-9]{14,22}")


@dataclass(frozen=True, slots=True)
class Choice:
    """Several things fit: the cashier points at one."""

    members: list[Member] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MemberCode:
    """A live code as it was scanned; claiming it is for whoever asked."""

    digits: str


@dataclass(frozen=True, slots=True)
class DiscountCode:
    """A typed discount code; it gives the member its coupon."""

    template: CouponTemplate


Read = Member | MemberCode | DiscountCode | Coupon | DraftLine | Choice


def read(text: str) -> Read:
    """What the words mean. Refuses with field ``entry`` what means nothing, and says what to do."""
    words = plain(text)
    if len(words) > LONGEST:
        raise Refusal("entry_too_long", _("That is too long. Scan or type it again."))
    times = _TIMES.fullmatch(words)
    if times is None:
        return _read(words)
    count = parsing.quantity(int(times[1]), "entry")
    found = _read(times[2])
    if not isinstance(found, DraftLine):
        raise Refusal("nothing_to_count", _("Only amounts and articles can be counted."))
    found.quantity = count
    return found


def _read(words: str) -> Read:
    template = coupons.by_code(words)
    if template is not None:
        return DiscountCode(template)
    product = articles.by_barcode(words)
    if product is None:
        found = _by_digits(plain_digits(words))
        if found is not None:
            return found
        product = articles.by_sku(words)
    if product is not None:
        return line_of(product)
    _refuse_foreign(plain_digits(words))
    if _AMOUNT.fullmatch(words):
        return _amount_line(words)
    return _by_words(words)


def _refuse_foreign(digits: str) -> None:
    """Many digits that are none of ours: somebody else's card, or an article not known here."""
    if not (digits.isascii() and digits.isdigit()):
        return
    if len(digits) in _BARCODES:
        raise Refusal(
            "article_unknown",
            _("No article has this barcode. Search for it by name, or enter an amount."),
            status=404,
        )
    if len(digits) >= FOREIGN_FROM:
        raise Refusal(
            "code_foreign", _("This code is none of ours. Ask for the member card."), status=404
        )


def _by_digits(digits: str) -> Read | None:
    """What its digits alone tell, None for an amount or a name."""
    if _PHONE.fullmatch(digits):
        return find.by_phone(digits)
    if not digits.isdigit():
        return None
    if len(digits) == live_codes.LENGTH and digits.startswith(live_codes.PREFIX):
        return MemberCode(digits)
    if is_card_number(digits):
        return find.by_card(digits)
    if is_coupon_code(digits):
        return _coupon(digits)
    if _PAYMENT.fullmatch(digits):
        raise Refusal(
            "payment_code",
            _("This is a payment code, not a member code. Ask for the member card."),
        )
    if len(digits) == CARD_LENGTH and digits.startswith(settings.CARD_PREFIX):
        raise Refusal("card_mistyped", _("A digit of this card number is wrong. Check it."))
    if len(digits) == COUPON_LENGTH and digits.startswith(COUPON_PREFIX):
        raise Refusal("coupon_mistyped", _("A digit of this coupon is wrong. Scan it again."))
    return None


def _coupon(code: str) -> Coupon:
    coupon = Coupon.objects.select_related("template").filter(code=code).first()
    if coupon is None:
        raise Refusal("coupon_unknown", _("There is no such coupon. Check its digits."), status=404)
    return coupon


def line_of(product: Product) -> DraftLine:
    if product.price_fen is None:
        raise Refusal(
            "price_missing", _("This article has no price yet. Enter its amount instead.")
        )
    return DraftLine(product_id=product.pk, name=product.name)


def _amount_line(words: str) -> DraftLine:
    return DraftLine(amount_fen=read_amount(words, "entry"))


def read_amount(words: str, where: str) -> int:
    """Fen above 0 of an amount in yuan. Refuses with the code and sentence of its fault."""
    try:
        fen = parse_yuan(words)
    except MoneyTextError as error:
        parsing.refuse_amount(error.code, where)
    if fen == 0:
        parsing.refuse_amount("amount_zero", where)
    return fen


def _by_words(words: str) -> Read:
    choice = Choice(members=find.search(words), products=articles.search(words))
    if not choice.members and len(choice.products) == 1:
        return line_of(choice.products[0])
    if not choice.members and not choice.products:
        raise Refusal(
            "nothing_found",
            _("Nothing fits that. Check it, search by another word, or open a card."),
            status=404,
        )
    return choice
