"""Large spends without the live code wait for the member: a yes on their phone, or their PIN.

A phone number or a card number says who somebody claims to be. Stored value or points spent on
that alone, above ¥200 a sale or ¥500 a day, needs the member themselves (RULES.md).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.models import SpendConfirmation
from members import clock, statements
from members.errors import Refusal
from members.locks import lock_member
from members.models import Shop, Staff
from members.services import events

LIMIT_A_SALE_FEN = 20_000
LIMIT_A_DAY_FEN = 50_000
LIFE = dt.timedelta(seconds=60)
USABLE = dt.timedelta(minutes=5)  # from the yes to Enter
LIVE_CODE = "code"

Status = SpendConfirmation.Status

SPENT = """
SELECT (
    SELECT COALESCE(sum(principal_fen + bonus_fen + points_fen), 0) FROM loyalty_order
    WHERE member_id = %(member)s AND at >= %(start)s AND at <= %(at)s AND is_valid
)::bigint + (
    SELECT COALESCE(sum(points_fen), 0) FROM loyalty_tierpurchase
    WHERE member_id = %(member)s AND at >= %(start)s AND at <= %(at)s AND undone_at IS NULL
)::bigint
"""


def spent_today_fen(*, member_id: int, at: dt.datetime) -> int:
    """Stored value and worth of points the member spent today, however they were identified.

    The careful reading of "a day": an order does not tell how its member was identified.
    """
    start = clock.start_of_day(clock.local_date(at))
    [(spent_fen,)] = statements.run(SPENT, {"member": member_id, "start": start, "at": at})
    return int(spent_fen)


def required(
    *, member_id: int, stored_fen: int, points_fen: int, identified_by: str, at: dt.datetime
) -> bool:
    """Whether this spend needs the member's own yes. ``identified_by``: "code" is the live code;
    anything else ("phone", "card", "search" …) is mere identification."""
    spend = stored_fen + points_fen
    if identified_by == LIVE_CODE or spend <= 0:
        return False
    if spend > LIMIT_A_SALE_FEN:
        return True
    return spend + spent_today_fen(member_id=member_id, at=at) > LIMIT_A_DAY_FEN


def request(
    *,
    member_id: int,
    stored_fen: int,
    points: int,
    points_fen: int,
    cart_hash: str,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
) -> SpendConfirmation:
    """Ask the member on their phone; an earlier question that still waits is void.

    Asked again for the same cart, the question that waits is given back.
    """
    with transaction.atomic():
        lock_member(member_id)
        waiting = pending(member_id=member_id, at=at)
        if waiting is not None and waiting.cart_hash == cart_hash:
            return waiting
        _rows(member_id).filter(status=Status.PENDING).update(status=Status.EXPIRED)
        return SpendConfirmation.objects.create(
            member_id=member_id,
            shop=shop,
            staff=actor,
            stored_fen=stored_fen,
            points=points,
            points_fen=points_fen,
            cart_hash=cart_hash,
            created_at=at,
            expires_at=at + LIFE,
        )


def pending(*, member_id: int, at: dt.datetime) -> SpendConfirmation | None:
    """The question that waits for this member now."""
    waiting = _rows(member_id).filter(status=Status.PENDING, expires_at__gt=at)
    return waiting.select_related("shop").first()


def approve(*, confirmation_id: int, member_id: int, at: dt.datetime) -> None:
    """The member's yes; one event ``spend_approved``.

    Refuses ``confirmation_over`` when it is decided or too late already.
    """
    _decide(confirmation_id, member_id, Status.APPROVED, at)


def refuse(*, confirmation_id: int, member_id: int, at: dt.datetime) -> None:
    """The member's no; one event ``spend_refused``. Refuses ``confirmation_over``."""
    _decide(confirmation_id, member_id, Status.REFUSED, at)


def check(*, confirmation_id: int, member_id: int, at: dt.datetime) -> str:
    """How it stands: ``pending``, ``approved``, ``refused`` or ``expired``.

    Refuses ``confirmation_unknown``.
    """
    row = _rows(member_id).filter(pk=confirmation_id).first()
    if row is None:
        raise Refusal(
            "confirmation_unknown", _("There is no such confirmation. Ask the member again.")
        )
    if row.status == Status.PENDING and row.expires_at <= at:
        return Status.EXPIRED.value
    return str(row.status)


def take(*, confirmation_id: int, member_id: int, cart_hash: str, at: dt.datetime) -> None:
    """Use a yes up, in the transaction of the sale it is for.

    Refuses ``confirmation_needed``: no yes, another cart's, used already, or older than
    ``USABLE``.
    """
    usable = _rows(member_id).filter(
        pk=confirmation_id,
        status=Status.APPROVED,
        cart_hash=cart_hash,
        used_at__isnull=True,
        decided_at__gt=at - USABLE,
    )
    if not usable.update(used_at=at):
        raise needed()


def needed() -> Refusal:
    """What a sale is refused with that needs the member's own yes."""
    return Refusal(
        "confirmation_needed",
        _(
            "This spend needs the member: scan the live code, or let them confirm on their phone"
            " or by PIN."
        ),
        status=403,
    )


def _rows(member_id: int) -> QuerySet[SpendConfirmation]:
    return SpendConfirmation.objects.filter(member_id=member_id)


def _decide(confirmation_id: int, member_id: int, status: Status, at: dt.datetime) -> None:
    with transaction.atomic():
        waiting = _rows(member_id).filter(
            pk=confirmation_id, status=Status.PENDING, expires_at__gt=at
        )
        if not waiting.update(status=status, decided_at=at):
            raise Refusal(
                "confirmation_over",
                _("This question is over: it was answered, or a minute has passed."),
                status=409,
            )
        row = SpendConfirmation.objects.get(pk=confirmation_id)
        events.record(
            kind=f"spend_{status.value}",
            at=at,
            member_id=member_id,
            shop_id=row.shop_id,
            data={"confirmation": row.pk, "stored_fen": row.stored_fen, "points": row.points},
        )
