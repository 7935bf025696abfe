"""The shop's accent colour as a stylesheet, with readable shades worked out from it.

A strict CSP allows no inline style, so the colour comes as a small file of its own.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from members.models import CardFace

DEFAULT = "#7A4B2A"
CONTRAST = 4.5  # WCAG AA for text
LIGHT_SURFACE = (255, 255, 255)
INK = (18, 16, 14)
DARK_SURFACE = (31, 28, 25)  # --surface of the dark theme in tokens.css
STEPS = 40

Colour = tuple[int, int, int]


def parse_hex(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def as_hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Colour) -> float:
    """Relative luminance, WCAG 2."""
    parts = []
    for channel in colour:
        c = channel / 255
        parts.append(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Colour, other: Colour) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mix(colour: Colour, towards: Colour, step: int) -> Colour:
    r, g, b = (
        part + (end - part) * step // STEPS for part, end in zip(colour, towards, strict=True)
    )
    return r, g, b


def readable(colour: Colour, *, on: Colour, towards: Colour) -> Colour:
    """The colour, moved towards black or white just as far as text on ``on`` needs."""
    for step in range(STEPS):
        shade = mix(colour, towards, step)
        if contrast(shade, on) >= CONTRAST:
            return shade
    return towards


def stylesheet(brand: str) -> str:
    """Custom properties for the light and the dark theme."""
    colour = parse_hex(brand)
    white, black = (255, 255, 255), (0, 0, 0)
    rules = []
    for surface, towards, step in ((LIGHT_SURFACE, black, 36), (DARK_SURFACE, white, 32)):
        # The wash is the busiest ground that accent text stands on; the surfaces are easier.
        wash = mix(colour, surface, step)
        shade = readable(colour, on=wash, towards=towards)
        text = white if contrast(shade, white) >= CONTRAST else INK
        rules.append(
            f"--accent:{as_hex(shade)};--on-accent:{as_hex(text)};--accent-wash:{as_hex(wash)}"
        )
    return f":root{{{rules[0]}}}@media(prefers-color-scheme:dark){{:root{{{rules[1]}}}}}"


@require_safe
def accent_css(request: HttpRequest) -> HttpResponse:
    brand = CardFace.objects.order_by("pk").values_list("brand_colour", flat=True).first()
    response = HttpResponse(stylesheet(brand or DEFAULT), content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300"
    return response
