"""New card numbers and coupon codes: unpredictable, each with its check digit."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection

from django.conf import settings

from members.codes import CARD_LENGTH, COUPON_LENGTH, COUPON_PREFIX, check_digit
from members.models import Card

Draw = Callable[[int], int]
Taken = Callable[[Collection[str]], Collection[str]]


def new_card_numbers(n: int, *, draw: Draw = secrets.randbelow) -> list[str]:
    """``n`` card numbers that no card has yet; the unique column decides a race."""
    return _new(n, prefix=settings.CARD_PREFIX, length=CARD_LENGTH, draw=draw, taken=_used_numbers)


def new_coupon_codes(
    n: int, *, taken: Taken | None = None, draw: Draw = secrets.randbelow
) -> list[str]:
    """``n`` coupon codes, no two alike.

    ``taken(codes)`` returns those that exist already. One code among ten million coupons meets
    an existing one once in 100,000 times, so whoever issues many passes it; the unique column
    decides in any case.
    """
    return _new(n, prefix=COUPON_PREFIX, length=COUPON_LENGTH, draw=draw, taken=taken)


def _new(n: int, *, prefix: str, length: int, draw: Draw, taken: Taken | None) -> list[str]:
    width = length - len(prefix) - 1
    found: dict[str, None] = {}
    while len(found) < n:
        drawn: dict[str, None] = {}
        while len(found) + len(drawn) < n:
            body = f"{prefix}{draw(10**width):0{width}d}"
            code = body + check_digit(body)
            if code not in found:
                drawn[code] = None
        if taken is not None:
            for code in taken(drawn.keys()):
                drawn.pop(code, None)
        found.update(drawn)
    return list(found)


def _used_numbers(numbers: Collection[str]) -> Collection[str]:
    return list(Card.objects.filter(number__in=numbers).values_list("number", flat=True))
