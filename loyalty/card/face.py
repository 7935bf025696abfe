"""How a card looks: colours as a stylesheet of its own, since the CSP allows no inline style.

Over a background picture lies a veil of the face's own colour, just as thick as the text needs:
whatever the picture shows, what is written on it can be read.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from loyalty.counter import accent
from loyalty.models import Tier
from members import colours
from members.colours import CONTRAST, Colour
from members.models import CardFace, CardImage, Shop
from members.pictures import MEDIA_TYPE

DEFAULT = CardFace(name="", brand_colour=accent.DEFAULT, text_colour="#FFFFFF")
WHITE, INK = "#ffffff", "#12100e"
FOR_EVER = "public, max-age=31536000, immutable"
ANY_PICTURE = ((0, 0, 0), (255, 255, 255))


@dataclass(frozen=True, slots=True)
class Face:
    """``brand`` and ``text`` are hex colours without the mark; pictures go by their hash."""

    brand: str
    text: str
    slogan: str
    logo: str | None = None
    background: str | None = None

    @property
    def stylesheet(self) -> str:
        """Its address says all of it."""
        if self.background is None:
            return reverse("card:face", args=[self.brand, self.text])
        return reverse("card:face_over", args=[self.brand, self.text, self.background])


def face_of(tier_id: int | None) -> Face:
    """The face of a tier's cards, else the shop's first one. One or two statements."""
    tier = Tier.objects.select_related("face").filter(pk=tier_id).first() if tier_id else None
    row = tier.face if tier is not None and tier.face is not None else None
    if row is None:
        row = CardFace.objects.order_by("pk").first() or DEFAULT
    return Face(
        row.brand_colour[1:].lower(),
        row.text_colour[1:].lower(),
        row.slogan,
        logo=row.logo_id,
        background=row.background_id,
    )


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


def readable_ink(ground: Colour, ink: Colour) -> Colour:
    """The text's colour, or white or black where it cannot be read on the ground."""
    if colours.contrast(ground, ink) >= CONTRAST:
        return ink
    return max(
        (colours.parse_hex(WHITE), colours.parse_hex(INK)),
        key=lambda colour: colours.contrast(ground, colour),
    )


def deep(ground: Colour, ink: Colour) -> Colour:
    """The far end of the face's gradient: away from the text, so that it stays readable."""
    is_light = colours.luminance(ink) > colours.luminance(ground)
    return colours.mix(ground, (0, 0, 0) if is_light else (255, 255, 255), colours.STEPS // 5)


def veil(ground: Colour, ink: Colour, picture: tuple[Colour, Colour] = ANY_PICTURE) -> int:
    """How thick the veil must be, in steps of ``colours.STEPS``, for the text to be read.

    ``picture`` holds all of its pixels between two colours. The highest is the colour alone.
    """
    darkest, lightest = picture
    text = colours.luminance(ink)
    for step in range(colours.STEPS):
        low, high = colours.mix(darkest, ground, step), colours.mix(lightest, ground, step)
        is_above = text > colours.luminance(high) and colours.contrast(ink, high) >= CONTRAST
        is_below = text < colours.luminance(low) and colours.contrast(ink, low) >= CONTRAST
        if is_above or is_below:
            # One more than it takes: a browser rounds each pixel its own way.
            return min(step + 1, colours.STEPS)
    return colours.STEPS


def veil_css(ground: Colour, step: int) -> str:
    red, green, blue = ground
    return f"rgb({red} {green} {blue} / {step * 100 / colours.STEPS:g}%)"


def bounds(image: CardImage) -> tuple[Colour, Colour]:
    return colours.parse_hex(image.darkest), colours.parse_hex(image.lightest)


@require_safe
def face_css(
    request: HttpRequest, brand: str, text: str, background: str | None = None
) -> HttpResponse:
    """The colours of a face; its address says all of it, so it may be kept for ever."""
    ground = colours.parse_hex(f"#{brand}")
    ink = readable_ink(ground, colours.parse_hex(f"#{text}"))
    css = (
        f"{accent.stylesheet(f'#{brand}')}"
        f":root{{--face:#{brand};--face-deep:{colours.as_hex(deep(ground, ink))}"
        f";--on-face:{colours.as_hex(ink)}}}"
    )
    if background is not None:
        image = CardImage.objects.defer("body").filter(pk=background).first()
        if image is None:
            raise Http404
        over = veil_css(ground, veil(ground, ink, bounds(image)))
        address = reverse("card:image", args=[background])
        css += (
            f".face{{background:linear-gradient({over},{over}),"
            f"url({address}) center/cover #{brand}}}"
        )
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = FOR_EVER
    return response


@require_safe
def face_image(request: HttpRequest, sha256: str) -> HttpResponse:
    """A picture by the hash of its content. Nothing but an image, whatever it is taken for."""
    body = CardImage.objects.filter(pk=sha256).values_list("body", flat=True).first()
    if body is None:
        raise Http404
    response = HttpResponse(bytes(body), content_type=MEDIA_TYPE)
    response["Cache-Control"] = FOR_EVER
    response["X-Content-Type-Options"] = "nosniff"
    return response
