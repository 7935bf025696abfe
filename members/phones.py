"""Phone numbers: any way of writing them in, E.164 out."""

from __future__ import annotations

import re

import phonenumbers
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.text import plain

# Letters would be read as a vanity number, and ";ext=" as an extension: neither is a member's.
_WRITTEN = re.compile(r"\+?[0-9 ()./\-‐‑–—\s]{5,40}")
# New ranges are handed out faster than the library's tables are.
_CHINESE_MOBILE = re.compile(r"\+861[3-9][0-9]{9}")


def normalise_phone(text: str) -> str:
    """The phone in E.164 (138 0013 8000 → +8613800138000); full-width digits and blanks allowed.

    Numbers without a country are of ``settings.PHONE_REGION``. Refuses with ``phone_unreadable``.
    """
    written = plain(text)
    if _WRITTEN.fullmatch(written):
        try:
            number = phonenumbers.parse(written, settings.PHONE_REGION)
        except phonenumbers.NumberParseException:
            raise _unreadable() from None
        phone: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if _CHINESE_MOBILE.fullmatch(phone) or phonenumbers.is_valid_number(number):
            return phone
    raise _unreadable()


def tail(phone: str | None) -> str:
    """The last four digits, by which a member is found at the counter; "" without a phone."""
    return phone[-4:] if phone else ""


def phone_text(phone: str) -> str:
    """The owner's own phone, for reading: 138 0000 1234; abroad as the library writes it."""
    if _CHINESE_MOBILE.fullmatch(phone):
        return f"{phone[3:6]} {phone[6:10]} {phone[10:]}"
    number = phonenumbers.parse(phone)
    text: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return text


def _unreadable() -> Refusal:
    return Refusal(
        "phone_unreadable",
        _("This is not a phone number we can read. Check its digits and try again."),
        field="phone",
    )
