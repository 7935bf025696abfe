"""Uploaded pictures: read by their content, written anew and small, refused with what to do."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import pytest
from PIL import Image

from members import pictures
from members.errors import Refusal


@cache
def grey(width: int, height: int) -> bytes:
    """Pixels of which no two neighbours are alike, so that they do not pack well."""
    return bytes(
        (x * 37 + y * 101 + (x * y) % 251) % 256 for y in range(height) for x in range(width)
    )


def picture(width: int = 40, height: int = 20, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    pixels = Image.frombytes("L", (width, height), grey(width, height))
    pixels.convert("RGB").save(file, kind, **more)
    return file.getvalue()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that says it has 3.6 billion pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
BMP = picture(kind="BMP")


def rewrite(raw: bytes, use: pictures.Use = pictures.LOGO) -> pictures.Written:
    return pictures.rewrite(io.BytesIO(raw), use)


def opened(written: pictures.Written) -> Image.Image:
    return Image.open(io.BytesIO(written.body))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_comes_in_is_written_as_webp(kind: str) -> None:
    written = rewrite(picture(kind=kind))
    with opened(written) as found:
        assert (found.format, found.size) == ("WEBP", (40, 20))
    assert (written.width, written.height) == (40, 20)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (SVG, "picture_format"),
        (b"", "picture_format"),
        (b"%PDF-1.7", "picture_format"),
        (BMP, "picture_format"),
        (b"GIF89a" + bytes(100), "picture_format"),
        (picture(300, 300)[:-4000], "picture_broken"),
        (picture(300, 300, "JPEG")[:2000], "picture_broken"),
        (bomb(), "picture_too_large"),
        (bomb(5001, 5000), "picture_too_large"),
        (bytes(pictures.MAX_UPLOAD_BYTES + 1), "picture_too_heavy"),
    ],
)
def test_what_is_no_picture_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        rewrite(raw)
    assert refused.value.code == code


def test_the_pixel_limit_is_the_last_size_that_passes() -> None:
    """25 million pixels are read as far as their file goes; the next one is not even begun."""
    with pytest.raises(Refusal) as refused:
        rewrite(bomb(5000, 5000))
    assert refused.value.code == "picture_broken"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_photo_stands_upright_too(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    written = rewrite(picture(1800, 600, kind, exif=exif))
    assert written.width * 3 == written.height


def test_a_photo_loses_where_it_was_taken_and_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010F] = "Phone"
    exif.get_ifd(0x8825)[1] = "N"
    written = rewrite(picture(60, 20, "JPEG", exif=exif))
    assert b"Phone" not in written.body
    with opened(written) as found:
        assert found.size == (20, 60)
        assert dict(found.getexif()) == {}
        assert "icc_profile" not in found.info


def test_text_and_profiles_of_a_file_are_left_behind() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    assert b"script" not in rewrite(picture(pnginfo=info)).body


@pytest.mark.parametrize("use", [pictures.LOGO, pictures.BACKGROUND])
@pytest.mark.parametrize("size", [(1600, 1200), (900, 2400), (4000, 100)])
def test_however_busy_it_fits_its_box_and_its_weight(
    use: pictures.Use, size: tuple[int, int]
) -> None:
    written = rewrite(picture(*size), use)
    assert len(written.body) <= use.max_bytes
    assert written.width <= use.width
    assert written.height <= use.height


def test_a_logo_keeps_its_clear_ground_and_a_background_has_none() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(file, "PNG")
    with opened(rewrite(file.getvalue())) as logo:
        assert logo.convert("RGBA").getchannel("A").getextrema() == (0, 0)
    with opened(rewrite(file.getvalue(), pictures.BACKGROUND)) as background:
        assert background.mode == "RGB"
        assert background.convert("L").getpixel((5, 5)) == 255


def test_every_pixel_lies_between_the_darkest_and_the_lightest() -> None:
    written = rewrite(picture(80, 80, "JPEG"), pictures.BACKGROUND)
    low, high = (bytes.fromhex(text[1:]) for text in (written.darkest, written.lightest))
    with opened(written) as found:
        pixels = found.convert("RGB").tobytes()
    for band in range(3):
        assert min(pixels[band::3]) == low[band]
        assert max(pixels[band::3]) == high[band]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_kind_of_colour_is_read(mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (12, 8)).save(file, "JPEG" if mode == "CMYK" else "PNG")
    assert (rewrite(file.getvalue()).width, rewrite(file.getvalue()).height) == (12, 8)
