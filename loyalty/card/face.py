"""How a card looks: colours as a stylesheet of its own, since the CSP allows no inline style."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from loyalty.counter import accent
from loyalty.models import Tier
from members.models import CardFace, Shop

DEFAULT = CardFace(name="", brand_colour=accent.DEFAULT, text_colour="#FFFFFF")
WHITE, INK = "#ffffff", "#12100e"


@dataclass(frozen=True, slots=True)
class Face:
    """``brand`` and ``text`` are hex colours without the mark."""

    brand: str
    text: str
    slogan: str


def face_of(tier_id: int | None) -> Face:
    """The face of a tier's cards, else the shop's first one. One or two statements."""
    tier = Tier.objects.select_related("face").filter(pk=tier_id).first() if tier_id else None
    row = tier.face if tier is not None and tier.face is not None else None
    if row is None:
        row = CardFace.objects.order_by("pk").first() or DEFAULT
    return Face(row.brand_colour[1:].lower(), row.text_colour[1:].lower(), row.slogan)


def shop_name(shops: list[Shop]) -> str:
    """What the shops are called together: the beginning all their names share, else the first's."""
    if not shops:
        return ""
    first, *rest = [shop.name for shop in shops]
    length = 0
    while length < len(first) and all(name[: length + 1] == first[: length + 1] for name in rest):
        length += 1
    shared = first[:length].strip(" ·-—(（")
    return shared if len(shared) >= 2 else first


@require_safe
def face_css(request: HttpRequest, brand: str, text: str) -> HttpResponse:
    """The colours of a face; its address says all of it, so it may be kept for ever."""
    ground, ink = accent.parse_hex(f"#{brand}"), accent.parse_hex(f"#{text}")
    if accent.contrast(ground, ink) < accent.CONTRAST:
        ink = max(
            (accent.parse_hex(WHITE), accent.parse_hex(INK)),
            key=lambda colour: accent.contrast(ground, colour),
        )
    deep = accent.as_hex(accent.mix(ground, (0, 0, 0), accent.STEPS // 5))
    css = (
        f"{accent.stylesheet(f'#{brand}')}"
        f":root{{--face:#{brand};--face-deep:{deep};--on-face:{accent.as_hex(ink)}}}"
    )
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
