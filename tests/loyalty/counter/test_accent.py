"""The shop's colour as a stylesheet: readable on every ground, whatever colour it is."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from loyalty.counter import accent
from members import colours
from members.models import CardFace


@pytest.mark.parametrize(
    "brand", ["#7A4B2A", "#FF0000", "#FFEE00", "#003366", "#FFFFFF", "#000000", "#07C160"]
)
def test_text_in_and_on_the_accent_is_readable(brand: str) -> None:
    css = accent.stylesheet(brand)
    for part in css.split("@media"):
        shades = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", part))
        shade, on, wash = (
            colours.parse_hex(shades[name]) for name in ("accent", "on-accent", "accent-wash")
        )
        assert colours.contrast(shade, wash) >= 4.5
        assert colours.contrast(on, shade) >= 4.5


def test_a_readable_colour_stays_as_it_is() -> None:
    assert "--accent:#7a4b2a;--on-accent:#ffffff" in accent.stylesheet("#7A4B2A")


def test_the_colour_of_the_first_card_face(client: Client, db: None) -> None:
    assert "#7a4b2a" in client.get("/counter/accent.css").text
    CardFace.objects.create(name="茶", brand_colour="#003366")
    answer = client.get("/counter/accent.css")
    assert "--accent:#003366" in answer.text
    assert answer["Content-Type"] == "text/css; charset=utf-8"
