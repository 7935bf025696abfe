"""Pictures that people upload: looked at by their content, made small, and written anew.

What comes in may be anything: a film, a page with a script, a picture that unfolds to gigabytes.
What goes out is always a WebP of our own writing, without the place and the time a phone puts
into its photos.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO, NoReturn

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from members.errors import Refusal

MAX_UPLOAD_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000  # about 100 MB once unfolded; a phone's photo has 12 million
FORMATS = ("PNG", "JPEG", "WEBP")
MEDIA_TYPE = "image/webp"
PLAIN = ("L", "LA", "RGB", "RGBA")
QUALITIES = (82, 70, 58, 46, 34)


@dataclass(frozen=True, slots=True)
class Use:
    """What a picture is for: the largest box it is shown in (pixels), and what it may weigh.

    A whole member card, its logo and its background stay below 60 KB together.
    """

    width: int
    height: int
    max_bytes: int
    is_opaque: bool


LOGO = Use(width=360, height=144, max_bytes=8 * 1024, is_opaque=False)
BACKGROUND = Use(width=780, height=1000, max_bytes=32 * 1024, is_opaque=True)


@dataclass(frozen=True, slots=True)
class Written:
    """A picture as we keep it. ``darkest`` and ``lightest`` (hex) hold every pixel between them,
    channel by channel, so that what is written over it can be proved readable."""

    body: bytes
    width: int
    height: int
    darkest: str
    lightest: str


def _refuse(code: str, sentence: str | Promise) -> NoReturn:
    raise Refusal(code, sentence)


def rewrite(file: IO[bytes], use: Use) -> Written:
    """Read an uploaded file and write it anew for its use.

    Refuses ``picture_too_heavy``, ``picture_format``, ``picture_too_large``, ``picture_broken``.
    """
    raw = file.read(MAX_UPLOAD_BYTES + 1)
    if len(raw) > MAX_UPLOAD_BYTES:
        _refuse(
            "picture_too_heavy",
            _("This file is larger than 5 MB. Save the picture smaller, or take another one."),
        )
    try:
        picture = Image.open(io.BytesIO(raw), formats=FORMATS)
    except Image.DecompressionBombError:
        _too_many_pixels()
    except (OSError, SyntaxError, ValueError):
        _refuse(
            "picture_format",
            _("This is no picture that can be read here. Save it as PNG, JPEG or WebP."),
        )
    with picture:
        # The size stands in the file's first bytes: nothing has been unfolded yet.
        if picture.width * picture.height > MAX_PIXELS:
            _too_many_pixels()
        try:
            small = _fitted(picture, use)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            _refuse(
                "picture_broken",
                _("This picture is damaged or cut off. Open it, save it again and try once more."),
            )
    return _written(small, use)


def _too_many_pixels() -> NoReturn:
    _refuse(
        "picture_too_large",
        _("This picture has more than 25 million pixels. Make it smaller, 2000 wide is plenty."),
    )


def _fitted(picture: Image.Image, use: Use) -> Image.Image:
    """The picture upright, in plain colours, no larger than its box; nothing else of the file."""
    # Small first, by halves: each copy of the whole would hold another 100 MB. A JPEG is even
    # unfolded at a part of its size. Twice the box, and square, leaves it sharp however it lies.
    near = max(use.width, use.height) * 2
    picture.draft("RGB", (near, near))
    picture.load()
    whole = picture if picture.mode in PLAIN else picture.convert("RGBA")
    while min(whole.size) >= 2 and max(whole.size) >= near * 2:
        whole = whole.reduce(2)
    upright = ImageOps.exif_transpose(whole)
    plain = upright.convert("RGBA")
    plain.thumbnail((use.width, use.height), Image.Resampling.LANCZOS)
    if use.is_opaque:
        ground = Image.new("RGBA", plain.size, "white")
        ground.alpha_composite(plain)
        return ground.convert("RGB")
    return plain


def _written(picture: Image.Image, use: Use) -> Written:
    """As good as its weight allows: first less quality, then fewer pixels."""
    small = picture
    while True:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=quality, method=4)
            if buffer.tell() <= use.max_bytes:
                return _measured(buffer.getvalue())
        size = (max(small.width * 3 // 4, 1), max(small.height * 3 // 4, 1))
        small = small.resize(size, Image.Resampling.LANCZOS)


def _measured(body: bytes) -> Written:
    with Image.open(io.BytesIO(body), formats=("WEBP",)) as picture:
        counts = picture.convert("RGB").histogram()
        bands = [counts[start : start + 256] for start in (0, 256, 512)]
        found = [[level for level, count in enumerate(band) if count] for band in bands]
        darkest = "#" + "".join(f"{levels[0]:02x}" for levels in found)
        lightest = "#" + "".join(f"{levels[-1]:02x}" for levels in found)
        return Written(body, picture.width, picture.height, darkest, lightest)
