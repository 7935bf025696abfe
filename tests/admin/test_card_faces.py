"""The face's pictures: uploaded, shown, taken off, refused; and the card they make."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from PIL import Image

from config.uploads import UploadLimitMiddleware
from loyalty.card import face as card_face
from members import colours, pictures
from members.models import CardFace, CardImage, Event
from tests.admin.conftest import House, SignedIn, form_of
from tests.admin.test_rule_forms import errors_of
from tests.members.test_pictures import SVG, bomb, picture

ADD = reverse("admin:members_cardface_add")
PLAIN = {"name": "夜", "brand_colour": "#101820", "text_colour": "#F2E9DC", "slogan": ""}


def file(raw: bytes, name: str = "a.png", kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, raw, kind)


def change(face: CardFace) -> str:
    return reverse("admin:members_cardface_change", args=[face.pk])


def noisy(width: int = 1600, height: int = 1600) -> bytes:
    return picture(width, height, "JPEG", quality=60)


@pytest.fixture
def dressed(house: House, owner: Client) -> CardFace:
    """A face with both pictures, made by the form."""
    return dress(owner, noisy(320, 320))


def dress(owner: Client, background: bytes) -> CardFace:
    files = {"logo_file": file(picture()), "background_file": file(background, "b.jpg")}
    answer = owner.post(ADD, {**PLAIN, **files})
    assert answer.status_code == 302, errors_of(answer)
    return CardFace.objects.get(name="夜")


def test_pictures_are_kept_by_their_content(dressed: CardFace, house: House) -> None:
    assert CardImage.objects.count() == 2
    assert dressed.logo is not None
    with Image.open(io.BytesIO(bytes(dressed.logo.body))) as found:
        assert found.format == "WEBP"
    event = Event.objects.filter(kind="row_added").latest("pk")
    assert event.data["after"]["logo"] == dressed.logo_id
    assert event.data["after"]["background"] == dressed.background_id


def test_the_same_picture_is_kept_once(dressed: CardFace, owner: Client) -> None:
    owner.post(ADD, {**PLAIN, "name": "昼", "logo_file": file(picture())})
    assert CardFace.objects.get(name="昼").logo_id == dressed.logo_id
    assert CardImage.objects.count() == 2


def test_a_picture_has_an_address_for_ever(dressed: CardFace, client: Client) -> None:
    answer = client.get(reverse("card:image", args=[dressed.logo_id]))
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert client.get(reverse("card:image", args=["0" * 64])).status_code == 404
    assert client.get(f"/m/face/101820-f2e9dc-{'0' * 64}.css").status_code == 404


def test_the_heaviest_pictures_leave_the_card_light(house: House, owner: Client) -> None:
    """15 KB for the page (tests/loyalty/card/test_home.py), the rest for the pictures."""
    dress(owner, noisy())
    weight = pictures.LOGO.max_bytes + pictures.BACKGROUND.max_bytes
    assert weight + 15 * 1024 <= 60 * 1024
    parts = [bytes(image.body) for image in CardImage.objects.all()]
    assert sum(len(gzip.compress(part)) for part in parts) <= weight + 100


def test_the_face_lies_under_a_veil(dressed: CardFace, client: Client) -> None:
    css = client.get(card_face.face_of(None).stylesheet).content.decode()
    assert dressed.background_id is not None
    assert "url(" not in css  # the first face has no picture
    CardFace.objects.exclude(pk=dressed.pk).delete()
    css = client.get(card_face.face_of(None).stylesheet).content.decode()
    assert f"url(/m/face/{dressed.background_id}.webp) center/cover #101820" in css
    assert "linear-gradient(rgb(16 24 32 / " in css


@pytest.mark.parametrize(
    ("brand", "text"),
    [
        ("#7A4B2A", "#FFFFFF"),
        ("#101820", "#F2E9DC"),
        ("#FFE100", "#12100E"),
        ("#767676", "#FFFFFF"),
    ],
)
@pytest.mark.parametrize(
    "seen", [card_face.ANY_PICTURE, ((40, 30, 20), (90, 80, 70)), ((0, 0, 0), (255, 0, 0))]
)
def test_through_the_veil_every_pixel_can_be_written_on(brand: str, text: str, seen: Any) -> None:
    ground, ink = colours.parse_hex(brand), colours.parse_hex(text)
    step = card_face.veil(ground, ink, seen)
    for level in range(0, 256, 15):
        pixel = tuple(low + (high - low) * level // 255 for low, high in zip(*seen, strict=True))
        over = colours.mix((pixel[0], pixel[1], pixel[2]), ground, step)
        assert colours.contrast(ink, over) >= colours.CONTRAST


def test_a_calm_picture_shows_through_more() -> None:
    ground, ink = colours.parse_hex("#7A4B2A"), colours.parse_hex("#FFFFFF")
    calm, any_one = (
        card_face.veil(ground, ink, ((0, 0, 0), (90, 80, 70))),
        card_face.veil(ground, ink),
    )
    assert (calm, any_one) == (1, 33)


@pytest.mark.parametrize(("brand", "text"), [("#7A4B2A", "#FFFFFF"), ("#FFE100", "#12100E")])
def test_the_far_end_of_the_colour_can_be_written_on_too(brand: str, text: str) -> None:
    ground, ink = colours.parse_hex(brand), colours.parse_hex(text)
    assert colours.contrast(ink, card_face.deep(ground, ink)) >= colours.CONTRAST


@pytest.mark.parametrize(
    ("field", "raw", "words"),
    [
        ("logo_file", SVG, "Save it as PNG, JPEG or WebP"),
        ("logo_file", bomb(), "more than 25 million pixels"),
        ("background_file", picture(300, 300)[:-4000], "damaged or cut off"),
        ("background_file", bytes(6 * 1024 * 1024), "larger than 5 MB"),
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_is_stored(
    dressed: CardFace, owner: Client, field: str, raw: bytes, words: str
) -> None:
    before = (CardFace.objects.filter(pk=dressed.pk).values().get(), CardImage.objects.count())
    form = form_of(owner.get(change(dressed)))
    answer = owner.post(change(dressed), {**form, "slogan": "新", field: file(raw)})
    assert words in " ".join(errors_of(answer)[field])
    after = (CardFace.objects.filter(pk=dressed.pk).values().get(), CardImage.objects.count())
    assert after == before


def test_a_name_and_a_type_say_nothing(house: House, owner: Client) -> None:
    form = {**PLAIN, "logo_file": file(SVG, "logo.png", "image/png")}
    assert "logo_file" in errors_of(owner.post(ADD, form))
    assert not CardImage.objects.exists()


def test_a_picture_is_taken_off_and_forgotten(dressed: CardFace, owner: Client) -> None:
    logo = dressed.logo_id
    page = owner.get(change(dressed))
    answer = owner.post(change(dressed), {**form_of(page), "no_background": "on"})
    assert answer.status_code == 302, errors_of(answer)
    dressed.refresh_from_db()
    assert (dressed.logo_id, dressed.background_id) == (logo, None)
    assert list(CardImage.objects.values_list("pk", flat=True)) == [logo]
    owner.post(reverse("admin:members_cardface_delete", args=[dressed.pk]))
    assert not CardFace.objects.filter(pk=dressed.pk).exists()
    assert not CardImage.objects.exists()


def test_what_is_not_named_stays(dressed: CardFace, owner: Client) -> None:
    before = (dressed.logo_id, dressed.background_id)
    owner.post(change(dressed), {**form_of(owner.get(change(dressed))), "slogan": "再来"})
    dressed.refresh_from_db()
    assert (dressed.slogan, dressed.logo_id, dressed.background_id) == ("再来", *before)


def test_the_second_of_two_who_change_the_picture_is_told(dressed: CardFace, owner: Client) -> None:
    mine, theirs = (form_of(owner.get(change(dressed))) for _ in range(2))
    owner.post(change(dressed), {**theirs, "logo_file": file(picture(30, 30))})
    dressed.refresh_from_db()
    stored = dressed.logo_id
    answer = owner.post(change(dressed), {**mine, "logo_file": file(picture(50, 50))})
    assert "Somebody changed this" in errors_of(answer)["__all__"][0]
    dressed.refresh_from_db()
    assert dressed.logo_id == stored


def test_the_preview_shows_the_pictures(dressed: CardFace, owner: Client) -> None:
    address = reverse("admin:members_cardface_preview", args=[dressed.pk])
    form = form_of(owner.get(change(dressed)))
    page = owner.post(address, form).content.decode()
    assert page.count(f'src="/m/face/{dressed.logo_id}.webp"') == 2
    assert f"url(/m/face/{dressed.background_id}.webp)" in page
    bare = owner.post(address, {**form, "no_logo": "on", "no_background": "on"}).content.decode()
    assert "/m/face/" not in bare
    assert CardImage.objects.count() == 2


@pytest.mark.parametrize("role", ["manager", "cashier"])
def test_only_the_owner_uploads(dressed: CardFace, signed_in: SignedIn, role: str) -> None:
    answer = signed_in(role).post(change(dressed), {"logo_file": file(picture(31, 31))})
    assert answer.status_code == 403
    assert CardImage.objects.count() == 2


def test_fifty_megabytes_are_turned_away_unread(house: House, owner: Client) -> None:
    raw = bytes(50 * 1024 * 1024)
    answer = owner.post(ADD, {**PLAIN, "logo_file": file(raw)})
    assert answer.status_code == 413
    assert "A picture may be 5 MB at most" in answer.content.decode()
    assert not CardFace.objects.filter(name="夜").exists()


def test_nothing_of_what_is_too_long_is_kept() -> None:
    """The body is read past in small pieces, and of one without end nothing is read at all."""

    class Stream(io.RawIOBase):
        def __init__(self, size: int) -> None:
            self.left, self.largest = size, 0

        def read(self, size: int = -1) -> bytes:
            self.largest = max(self.largest, size)
            count = min(size, self.left)
            self.left -= count
            return bytes(count)

    def never(_request: HttpRequest) -> HttpResponse:
        raise AssertionError("it went on")

    def answer(size: int) -> tuple[int, Stream]:
        stream = Stream(size)
        request = RequestFactory().generic("POST", ADD)
        request.META.update(CONTENT_LENGTH=str(size))
        request._stream = stream  # type: ignore[assignment]
        return UploadLimitMiddleware(never)(request).status_code, stream

    status, stream = answer(50 * 1024 * 1024)
    assert (status, stream.left, stream.largest) == (413, 0, 64 * 1024)
    status, stream = answer(10 * 1024**3)
    assert (status, stream.left) == (413, 10 * 1024**3)


def test_a_program_is_told_in_its_own_shape(owner: Client) -> None:
    body = bytes(12 * 1024 * 1024)
    answer = owner.post("/counter/api/quote", body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
