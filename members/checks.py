"""Settings of ours that would make a shop's codes unreadable."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

# Alipay 25–30, WeChat 10–15, UnionPay 62: a till that scans one of these is shown a payment code.
_PAYMENT = re.compile(r"1[0-5]|2[5-9]|30|62")


@register()
def card_prefix(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """Card numbers start with 2 to 6 digits of our own that no payment code starts with."""
    prefix = settings.CARD_PREFIX
    if re.fullmatch(r"[0-9]{2,6}", prefix) and not _PAYMENT.match(prefix):
        return []
    return [
        Error(
            f"CARD_PREFIX is {prefix!r}: card numbers would be mistaken for payment codes.",
            hint="Take 2 to 6 digits that do not start with 10–15, 25–30 or 62, like 9012.",
            id="members.E001",
        )
    ]
