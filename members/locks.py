"""Locks: a member's by primary key, once, late, but before the check; and the card faces'."""

from __future__ import annotations

from django.db import connection

from members.errors import member_unknown
from members.models import Member


def lock_member(member_id: int) -> Member:
    """Lock one member's row until the transaction ends, and read it.

    Sales only point at the row and are not held up. Refuses with ``member_unknown``.
    """
    member = Member.objects.select_for_update(no_key=True).filter(pk=member_id).first()
    if member is None:
        raise member_unknown()
    return member


FACES = 0x68745F66616365  # any number of our own


def hold_faces() -> None:
    """One change of card faces at a time: a picture let go of by one may be taken up by another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FACES])
