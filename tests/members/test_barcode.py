"""Code 128 and QR as a scanner reads them, from the very paths that the page draws."""

from __future__ import annotations

import re

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from members import barcode

DIGITS = "661234567890123450"
BOX = re.compile(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z")


def drawn(path: str, width: int, height: int, *, scale: int, tall: int = 1) -> Image.Image:
    """The path painted black on white."""
    picture = Image.new("L", (width * scale, height * scale * tall), 255)
    pen = ImageDraw.Draw(picture)
    for x, y, run, _back in BOX.findall(path):
        left, top = int(x) * scale, int(y) * scale * tall
        right = left + int(run) * scale - 1
        pen.rectangle((left, top, right, top + scale * tall - 1), fill=0)
    assert BOX.sub("", path) == ""
    return picture


@pytest.mark.parametrize("digits", [DIGITS, "80000000000014", "00", "9999999999"])
def test_code_128_is_read_back(digits: str) -> None:
    path, width = barcode.code128_path(digits)
    found = zxingcpp.read_barcodes(drawn(path, width, 1, scale=3, tall=30))
    assert [(code.text, code.format) for code in found] == [
        (digits, zxingcpp.BarcodeFormat.Code128)
    ]


def test_every_symbol_is_eleven_modules_wide_and_the_stop_thirteen() -> None:
    every_pair = "".join(f"{pair:02d}" for pair in range(100))
    assert sum(barcode.code128_widths(every_pair)) == 11 * (1 + 100 + 1) + 13


@pytest.mark.parametrize("text", ["", "123", "12a4", "１２３４"])
def test_code_128_takes_pairs_of_digits_only(text: str) -> None:
    with pytest.raises(ValueError, match="even number of digits"):
        barcode.code128_path(text)


def test_the_qr_code_is_read_back() -> None:
    path, side = barcode.qr_path(DIGITS, quiet=4)
    found = zxingcpp.read_barcodes(drawn(path, side, side, scale=6))
    assert [(code.text, code.format) for code in found] == [(DIGITS, zxingcpp.BarcodeFormat.QRCode)]
