"""The members' lock, taken by primary key, once, late, but before the check."""

from __future__ import annotations

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
