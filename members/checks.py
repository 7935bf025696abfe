"""Settings of ours that would make a shop's codes unreadable, or leave WeChat half set up."""

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


_APP_ID = re.compile(r"wx[0-9a-f]{16}")
WECHAT = {
    "WECHAT_APPID": ("WECHAT_SECRET", "official account"),
    "WECHAT_MINI_APPID": ("WECHAT_MINI_SECRET", "mini-program"),
}


@register()
def wechat(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """An app id and its secret are given together, and the secret travels by HTTPS only."""
    found: list[CheckMessage] = []
    for name, (secret_name, what) in WECHAT.items():
        app_id, secret = getattr(settings, name), getattr(settings, secret_name)
        if bool(app_id) != bool(secret):
            missing = secret_name if app_id else name
            found.append(
                Error(
                    f"WeChat's {what} is half set up: {missing} is missing.",
                    hint=f"Set {name} and {secret_name} (or {secret_name}_FILE) together, or "
                    "neither. docs/operations/wechat.md says where they are found.",
                    id="members.E002",
                )
            )
        if app_id and not _APP_ID.fullmatch(app_id):
            found.append(
                Error(
                    f"{name} is {app_id!r}, which is no app id.",
                    hint="It is wx and 16 letters or digits, as the WeChat platform shows it.",
                    id="members.E003",
                )
            )
    if settings.PRODUCTION:
        found += [
            Error(
                f"{name} is not an address by HTTPS: the app secret would travel in the clear.",
                hint=f"Remove {name}, or write it as https://…",
                id="members.E004",
            )
            for name in ("WECHAT_API_URL", "WECHAT_OPEN_URL")
            if not getattr(settings, name).startswith("https://")
        ]
    return found
