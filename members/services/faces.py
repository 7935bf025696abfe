"""Card faces and the pictures on them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import IO, Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members import colours, locks, pictures
from members.errors import Refusal
from members.models import CardFace, CardImage, Staff
from members.services import rows

USES = {"logo": pictures.LOGO, "background": pictures.BACKGROUND}


def read_picture(file: IO[bytes], *, part: str) -> pictures.Written:
    """An uploaded file as it would be kept; refuses as ``pictures.rewrite``, naming the field."""
    file.seek(0)  # a form that was refused is read once more
    try:
        return pictures.rewrite(file, USES[part])
    except Refusal as refusal:
        refusal.field = f"{part}_file"
        raise


def contrast(face: CardFace) -> float:
    """How far the text stands out from the face, 1 to 21."""
    return colours.contrast(
        colours.parse_hex(face.brand_colour), colours.parse_hex(face.text_colour)
    )


def readable_text(face: CardFace) -> str:
    """The text colour, white or black, that stands out most."""
    ground = colours.parse_hex(face.brand_colour)
    return max(
        ("#FFFFFF", "#12100E"), key=lambda text: colours.contrast(ground, colours.parse_hex(text))
    )


def check_face(face: CardFace) -> None:
    """Refuse ``colour_unreadable``, and ``contrast_too_low`` for text nobody can read."""
    for name in ("brand_colour", "text_colour"):
        if not colours.HEX.fullmatch(getattr(face, name)):
            raise Refusal("colour_unreadable", _("Write a colour like #7A4B2A."), field=name)
    found = contrast(face)
    if found < colours.CONTRAST:
        raise Refusal(
            "contrast_too_low",
            _(
                "This text cannot be read on this colour (contrast %(found)s,"
                " %(needed)s is needed). %(better)s would be readable."
            )
            % {
                "found": f"{found:.1f}",
                "needed": colours.CONTRAST,
                "better": readable_text(face),
            },
            field="text_colour",
        )


@transaction.atomic
def save_face(
    *,
    face: CardFace,
    changes: dict[str, pictures.Written | None],
    actor: Staff,
    at: dt.datetime,
) -> None:
    """Store a face. ``changes``: ``logo`` or ``background`` to a new picture, or to none.

    What is not named stays. One event with what was before and after; pictures by their hash.
    Refuses what ``check_face`` refuses.
    """
    check_face(face)
    locks.hold_faces()
    for part, written in changes.items():
        setattr(face, part, _keep(written) if written is not None else None)
    rows.store(row=face, actor=actor, at=at)
    forget_unused()


@transaction.atomic
def remove_face(*, face: CardFace, actor: Staff, at: dt.datetime) -> bool:
    """Delete a face that no tier carries, with its pictures; refuses ``in_use`` otherwise."""
    locks.hold_faces()
    is_gone = rows.remove(row=face, actor=actor, at=at)
    forget_unused()
    return is_gone


@transaction.atomic
def keep_pictures(written: Iterable[pictures.Written]) -> list[CardImage]:
    """Pictures that no face shows yet, for whoever names them before the transaction ends."""
    locks.hold_faces()
    return [_keep(one) for one in written]


def _keep(written: pictures.Written) -> CardImage:
    """The picture's row; equal pictures share one."""
    sha256 = hashlib.sha256(written.body).hexdigest()
    return CardImage.objects.get_or_create(
        sha256=sha256,
        defaults={
            "body": written.body,
            "width": written.width,
            "height": written.height,
            "darkest": written.darkest,
            "lightest": written.lightest,
        },
    )[0]


@transaction.atomic
def forget_unused() -> None:
    """A picture that nothing names, on a face or for a face to come, is gone."""
    locks.hold_faces()
    unused = CardImage.objects.all()
    # Whoever points at pictures, also from an app above this one.
    relations: list[Any] = CardImage._meta.get_fields(include_hidden=True)
    for relation in relations:
        if relation.one_to_many:
            namer, name = relation.related_model, relation.remote_field.name
            named = namer._default_manager.exclude(**{name: None}).values(name)
            unused = unused.exclude(pk__in=named)
    unused.delete()
