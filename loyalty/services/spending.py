"""Who may spend: the member told by the live code, or a spend small enough, or their own yes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from loyalty.services import confirmations
from loyalty.services.working import Worked
from members.errors import Refusal
from members.models import Staff


@dataclass(frozen=True, slots=True)
class Identity:
    """How the counter knows whose card it is.

    ``by``: "code" for the live code, anything else is mere identification. ``confirmation_id``
    is a question put to the member; ``is_pin_proved`` says that they just typed their PIN.
    ``is_code_away``: nobody's live code can be read right now.
    """

    by: str = "search"
    confirmation_id: int | None = None
    is_pin_proved: bool = False
    is_code_away: bool = False


def refuse_own_card(*, member_id: int | None, actor: Staff | None) -> None:
    """Nobody rings up a sale on their own card: other people's purchases would fill it."""
    if actor is not None and member_id is not None and actor.member_id == member_id:
        raise Refusal(
            "own_card",
            _("This is your own card. Ask a colleague to ring this sale up."),
            status=403,
            field="member",
        )


def code_away() -> Refusal:
    """What a spend is refused with while no live code can tell whose card it is."""
    return Refusal(
        "spending_away",
        _(
            "Member codes cannot be read right now, so stored value and points cannot be spent."
            " Take them off this sale and choose another way to pay; it still earns points."
        ),
        status=503,
    )


def check(*, worked: Worked, identity: Identity, at: dt.datetime) -> None:
    """Refuse ``confirmation_needed`` where the spend needs the member's own yes, and
    ``spending_away`` for any spend by a mere number while no live code can be read.

    Runs in the sale's transaction, under the lock of the member's accounts, so that two sales
    at once cannot both stay below the limit of a day. A yes is used up here.
    """
    if worked.standing is None or identity.is_pin_proved:
        return
    member_id, result = worked.standing.id, worked.settlement
    if identity.is_code_away and (result.stored_paid_fen or result.points_fen):
        raise code_away()
    if not confirmations.required(
        member_id=member_id,
        stored_fen=result.stored_paid_fen,
        points_fen=result.points_fen,
        identified_by=identity.by,
        at=at,
    ):
        return
    if identity.confirmation_id is None:
        raise confirmations.needed()
    confirmations.take(
        confirmation_id=identity.confirmation_id,
        member_id=member_id,
        cart_hash=worked.hash,
        at=at,
    )
