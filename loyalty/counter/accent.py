"""The shop's accent colour as a stylesheet, with readable shades worked out from it.

A strict CSP allows no inline style, so the colour comes as a small file of its own.
"""

from __future__ import annotations

import colorsys

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from members.colours import CONTRAST, STEPS, Colour, as_hex, contrast, mix, parse_hex
from members.models import CardFace

DEFAULT = "#7A4B2A"
LIGHT_SURFACE = (255, 255, 255)
INK = (18, 16, 14)
DARK_SURFACE = (31, 28, 25)  # --surface of the dark theme in tokens.css


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
