"""An order as the refund arithmetic sees it: what was sold, and what came back already."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, Sum

from loyalty.models import Entry, Order, OrderLine, RefundLine
from loyalty.settlement.refunds import Parts, SoldDraw, SoldLine, SoldOrder

PARTS = (
    "base_fen",
    "points_used",
    "points_fen",
    "stored_cover_fen",
    "stored_paid_fen",
    "principal_fen",
    "rounding_fen",
    "other_fen",
    "points_earned",
    "basis_fen",
)
RETURNED = {"points_used": "points_returned", "points_earned": "points_clawed_back"}


def load(order: Order) -> SoldOrder:
    """The order's lines (keyed by their index) and stored-value draws. Read under its lock."""
    return SoldOrder(_lines(order), _draws(order))


def owner_id(order: Order) -> int | None:
    """Whose accounts the sale moved: the member's, or those of one merged into theirs since."""
    entries = Entry.objects.filter(order=order, refund__isnull=True)
    first = entries.order_by("pk").values_list("account__member_id", flat=True).first()
    return first or order.member_id


def line_ids(order: Order) -> dict[int, int]:
    """Line index → primary key."""
    return dict(OrderLine.objects.filter(order=order).values_list("index", "pk"))


def _lines(order: Order) -> tuple[SoldLine, ...]:
    sums = {part: Sum(RETURNED.get(part, part)) for part in PARTS}
    returned: dict[int, Any] = {
        row["line__index"]: row
        for row in RefundLine.objects.filter(refund__order=order)
        .values("line__index")
        .annotate(
            **{f"back_{part}": total for part, total in sums.items()},
            units=Sum("quantity"),
            by_amount=Sum("base_fen", filter=Q(quantity=0)),
        )
    }
    lines = []
    for line in OrderLine.objects.filter(order=order).order_by("index"):
        back = returned.get(line.index)
        lines.append(
            SoldLine(
                key=line.index,
                quantity=max(line.quantity, 1),
                sold=Parts(*(getattr(line, part) for part in PARTS)),
                returned=Parts(*(back[f"back_{part}"] for part in PARTS)) if back else Parts(),
                returned_quantity=back["units"] if back else 0,
                returned_by_amount_fen=(back["by_amount"] or 0) if back else 0,
            )
        )
    return tuple(lines)


def _draws(order: Order) -> tuple[SoldDraw, ...]:
    """By lot, oldest first. Draws are negative entries, returns positive ones."""

    def total(kind: str, side: str) -> Sum:
        return Sum("delta", filter=Q(account__kind=kind, side=side), default=0)

    rows = (
        Entry.objects.filter(order=order, account__kind__in=["principal", "bonus"])
        .filter(side__in=[Entry.Side.REVENUE, Entry.Side.RETURNED])
        .values("lot_id", "lot__issued_at")
        .annotate(
            principal=total("principal", Entry.Side.REVENUE),
            bonus=total("bonus", Entry.Side.REVENUE),
            back_principal=total("principal", Entry.Side.RETURNED),
            back_bonus=total("bonus", Entry.Side.RETURNED),
            covered=Sum("list_fen", filter=Q(side=Entry.Side.REVENUE), default=0),
            back_list=Sum("list_fen", filter=Q(side=Entry.Side.RETURNED), default=0),
        )
        .order_by("lot__issued_at", "lot_id")
    )
    return tuple(
        SoldDraw(
            lot_id=row["lot_id"],
            principal_fen=-row["principal"],
            bonus_fen=-row["bonus"],
            list_fen=row["covered"],
            returned_principal_fen=row["back_principal"],
            returned_bonus_fen=row["back_bonus"],
            returned_list_fen=-row["back_list"],
        )
        for row in rows
    )
