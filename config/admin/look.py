"""Unfold in our colours: the values of static/css/tokens.css, and the shop's own accent."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static

TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
DARK = "@media (prefers-color-scheme: dark)"


@lru_cache(maxsize=1)
def tokens() -> tuple[dict[str, str], dict[str, str]]:
    """The colours of the light and of the dark theme by name, as tokens.css gives them."""
    light, _mark, dark = TOKENS.read_text("utf-8").partition(DARK)
    found = re.compile(r"--([a-z-]+):\s*(#[0-9a-f]{6})\b")
    return dict(found.findall(light)), dict(found.findall(dark))


def _styles(request: HttpRequest) -> str:
    return static("css/admin.css")


def _script(request: HttpRequest) -> str:
    return static("js/admin.js")


def _icon(request: HttpRequest) -> str:
    return static("css/icon.svg")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "config.admin.sidebar.title",
    "SITE_HEADER": "config.admin.sidebar.title",
    "SITE_SUBHEADER": "config.admin.sidebar.subtitle",
    "SITE_URL": "/counter/",
    "SITE_SYMBOL": "loyalty",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "8px",
    "COLORS": "config.admin.brand.colours",
    "STYLES": [_styles],
    "SCRIPTS": [_script],
    "ACCOUNT": {"navigation": "config.admin.sidebar.account_links"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "config.admin.sidebar.navigation",
    },
}
