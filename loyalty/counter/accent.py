"""The shop's accent colour as a stylesheet, with readable shades worked out from it.

A strict CSP allows no inline style, so the colour comes as a small file of its own.
"""

from __future__ import annotations

import colorsys

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


def readable(colour: Colour, *, on: Colour, lighter: bool) -> Colour:
    """The same hue, made lighter or darker just as far as text on ``on`` needs."""
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    end = 1.0 if lighter else 0.0
    shade = colour
    for step in range(1, STEPS + 1):
        if contrast(shade, on) >= CONTRAST:
            break
        level = light + (end - light) * step / STEPS
        r, g, b = colorsys.hls_to_rgb(hue, level, saturation)
        shade = (round(r * 255), round(g * 255), round(b * 255))
    return shade


def stylesheet(brand: str) -> str:
    """Custom properties for the light and the dark theme."""
    colour = parse_hex(brand)
    white = (255, 255, 255)
    rules = []
    for surface, lighter, step in ((LIGHT_SURFACE, False, 34), (DARK_SURFACE, True, 31)):
        # The wash is the busiest ground that accent text stands on; the surfaces are easier.
        wash = mix(colour, surface, step)
        shade = readable(colour, on=wash, lighter=lighter)
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
