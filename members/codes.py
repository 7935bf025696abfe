"""What a card number and a coupon code look like: digits only, the last one a check digit.

The check digit is Damm's: one decimal digit that finds every single wrong digit and every swap
of two neighbours. Luhn misses 09 ↔ 90, and ISO 7064's one-digit scheme some swaps as well.
"""

from __future__ import annotations

from django.conf import settings

from members.text import plain_digits

CARD_LENGTH = 16
COUPON_LENGTH = 14
COUPON_PREFIX = "8"

# A totally anti-symmetric quasigroup of order 10 (H. Michael Damm, 2004).
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check_digit(digits: str) -> str:
    """The digit to put behind ``digits``."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


def is_checked(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it."""
    return check_digit(digits) == "0"


def is_card_number(text: str) -> bool:
    """Whether this has the form of one of our card numbers (full-width digits, blanks allowed)."""
    return _has_form(text, prefix=settings.CARD_PREFIX, length=CARD_LENGTH)


def is_coupon_code(text: str) -> bool:
    """Whether this has the form of one of our coupon codes (full-width digits, blanks allowed)."""
    return _has_form(text, prefix=COUPON_PREFIX, length=COUPON_LENGTH)


def _has_form(text: str, *, prefix: str, length: int) -> bool:
    digits = plain_digits(text)
    return (
        len(digits) == length
        and digits.isascii()
        and digits.isdigit()
        and digits.startswith(prefix)
        and is_checked(digits)
    )
