"""Colours as three channels of 0 to 255, and how well one can be read on another."""

from __future__ import annotations

import re

CONTRAST = 4.5  # WCAG AA for text
STEPS = 40
HEX = re.compile("#[0-9A-Fa-f]{6}")

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
    """How far one stands out from the other, 1 to 21."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mix(colour: Colour, towards: Colour, step: int) -> Colour:
    """``step`` of ``STEPS`` of the way from one to the other."""
    r, g, b = (
        part + (end - part) * step // STEPS for part, end in zip(colour, towards, strict=True)
    )
    return r, g, b
