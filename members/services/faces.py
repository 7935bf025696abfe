"""Card faces and the pictures on them."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import IO

from django.db import transaction
from django.db.models import Q

from members import locks, pictures
from members.errors import Refusal
from members.models import CardFace, CardImage, Staff
from members.services import rows

USES = {"logo": pictures.LOGO, "background": pictures.BACKGROUND}


def read_picture(file: IO[bytes], *, part: str) -> pictures.Written:
    """An uploaded file as it would be kept; refuses as ``pictures.rewrite``, naming the field."""
    try:
        return pictures.rewrite(file, USES[part])
    except Refusal as refusal:
        refusal.field = f"{part}_file"
        raise


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
    """
    locks.hold_faces()
    for part, written in changes.items():
        setattr(face, part, _keep(written) if written is not None else None)
    rows.store(row=face, actor=actor, at=at)
    _forget_unused()


@transaction.atomic
def remove_face(*, face: CardFace, actor: Staff, at: dt.datetime) -> bool:
    """Delete a face that no tier carries, with its pictures; refuses ``in_use`` otherwise."""
    locks.hold_faces()
    is_gone = rows.remove(row=face, actor=actor, at=at)
    _forget_unused()
    return is_gone


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


def _forget_unused() -> None:
    """A picture on no face is gone: whoever removes one means it."""
    on_faces = CardFace.objects.exclude(logo=None).values("logo")
    behind = CardFace.objects.exclude(background=None).values("background")
    CardImage.objects.exclude(Q(pk__in=on_faces) | Q(pk__in=behind)).delete()
