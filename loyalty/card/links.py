"""What the link that led here says: the page wanted, the channel, the shop."""

from __future__ import annotations

import re

from django.http import HttpRequest

from loyalty.card.access import next_page
from members.models import Shop

OWN_CHANNEL = "card"
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def link_of(request: HttpRequest) -> dict[str, str]:
    """``next``, ``c`` and ``s`` as the form or its address says, each fit to be used."""
    given = {name: request.POST.get(name) or request.GET.get(name) or "" for name in ("c", "s")}
    return {"next": next_page(request), "c": channel_of(given["c"]), "s": given["s"][:32]}


def channel_of(given: str, default: str = OWN_CHANNEL) -> str:
    """The poster, sticker or page that led here; what nobody made is our own."""
    given = given.lower()
    return given if _CHANNEL.fullmatch(given) else default


def shop_of(code: str) -> Shop | None:
    """The shop that the link named; with one shop there is no question."""
    shops = list(Shop.objects.filter(is_active=True))
    if len(shops) == 1:
        return shops[0]
    return next((shop for shop in shops if shop.code == code), None)
