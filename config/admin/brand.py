"""The shop's accent in the steps that Unfold wants, readable in both themes."""

from __future__ import annotations

from django.http import HttpRequest

from config.admin.look import tokens
from loyalty.counter import accent
from members.colours import Colour, as_hex, mix, parse_hex
from members.models import CardFace

# The steps of the accent: how far (of 40) towards white or black.
TINTS = {"50": 37, "100": 34, "200": 28, "300": 20}
SHADES = {"700": 8, "800": 14, "900": 20, "950": 28}
NAMED = ("ok", "ok-wash", "warn", "warn-wash", "bad", "bad-wash", "ask", "ask-wash", "edge")


def colours(request: HttpRequest) -> dict[str, dict[str, str]]:
    """Unfold's palette for this page."""
    light, dark = tokens()
    base = {
        "50": light["ground"],
        "100": light["sunken"],
        "200": light["line"],
        "300": "#cbc4bb",
        "400": dark["ink-soft"],
        "500": light["ink-soft"],
        "600": "#46413b",
        "700": "#443e38",
        "800": dark["line"],
        "900": dark["surface"],
        "950": dark["ground"],
    }
    named = {name: light[name] for name in NAMED}
    named |= {f"{name}-dark": dark[name] for name in NAMED}
    font = {
        "subtle-light": light["ink-soft"],
        "subtle-dark": dark["ink-soft"],
        "default-light": "#3a352f",
        "default-dark": "#d6cfc5",
        "important-light": light["ink"],
        "important-dark": dark["ink"],
    }
    return {"base": base, "primary": accent_steps(), "font": font, "token": named}


def accent_steps() -> dict[str, str]:
    """Steps 50 to 950. 600 carries white text, 500 is text on the dark theme's ground."""
    brand = CardFace.objects.order_by("pk").values_list("brand_colour", flat=True).first()
    colour = parse_hex(brand or accent.DEFAULT)
    white, black = (255, 255, 255), (0, 0, 0)
    strong = accent.readable(colour, on=mix(colour, white, TINTS["100"]), lighter=False)
    bright = accent.readable(colour, on=(47, 42, 38), lighter=True)
    steps = {step: mix(colour, white, part) for step, part in TINTS.items()}
    steps |= {"400": mix(bright, white, 8), "500": bright, "600": strong}
    steps |= {step: mix(strong, black, part) for step, part in SHADES.items()}
    return {step: as_hex(shade) for step, shade in sorted(steps.items(), key=_number)}


def _number(pair: tuple[str, Colour]) -> int:
    return int(pair[0])
