"""A shop's day by tender and cashier: what should be in the till."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import Count, F, Q, Sum

from loyalty.models import Order, Refund, Tender, TopUp
from loyalty.models.orders import TenderKind
from members.models import Shop


@dataclass(slots=True)
class Row:
    """One tender's day, in fen. Sales count as settled; what came back counts on its own day."""

    tender: str
    sales_fen: int = 0
    top_ups_fen: int = 0
    refunds_fen: int = 0
    voids_fen: int = 0

    @property
    def left_fen(self) -> int:
        return self.sales_fen + self.top_ups_fen - self.refunds_fen - self.voids_fen


@dataclass(slots=True)
class DayEnd:
    """``rows`` in the order of the tenders; stored value is no money in the till."""

    rows: list[Row] = field(default_factory=list)
    sales: int = 0
    refunds: int = 0
    voids: int = 0
    top_ups: int = 0

    @property
    def outside_fen(self) -> int:
        return sum(row.left_fen for row in self.rows if row.tender != TenderKind.STORED_VALUE)


def day_end(shop: Shop, day: dt.date, *, staff_id: int | None = None) -> DayEnd:
    """The totals of one local day, of one cashier if asked; five statements."""
    here = Q(shop=shop, local_date=day)
    if staff_id is not None:
        here &= Q(staff_id=staff_id)
    rows: dict[str, Row] = defaultdict(lambda: Row(""))
    for kind in TenderKind.values:
        rows[kind] = Row(kind)
    orders = Order.objects.filter(here, is_imported=False)
    for kind, fen in (
        Tender.objects.filter(order__in=orders).values_list("kind").annotate(Sum("amount_fen"))
    ):
        rows[kind].sales_fen = fen
    undone = Refund.objects.filter(here)
    for is_void, kind, other, stored in (
        undone.values_list("is_void", "tender")
        .annotate(other=Sum("other_fen"), stored=Sum(F("principal_fen") + F("bonus_fen")))
        .order_by()
    ):
        name = "voids_fen" if is_void else "refunds_fen"
        if kind:
            setattr(rows[kind], name, getattr(rows[kind], name) + other)
        value = rows[TenderKind.STORED_VALUE]
        setattr(value, name, getattr(value, name) + stored)
    paid_in = TopUp.objects.filter(here, undone_at__isnull=True)
    for kind, fen in paid_in.values_list("tender").annotate(Sum("paid_fen")).order_by():
        rows[kind].top_ups_fen = fen
    counts = undone.aggregate(
        voids=Count("pk", filter=Q(is_void=True)), refunds=Count("pk", filter=Q(is_void=False))
    )
    return DayEnd(
        rows=[row for row in rows.values() if row.left_fen or row.sales_fen or row.refunds_fen],
        sales=orders.count(),
        top_ups=paid_in.count(),
        **counts,
    )


def who_worked(shop: Shop, day: dt.date) -> list[tuple[int, str]]:
    """(id, name) of everybody who settled or undid a sale, or took a top-up, that day."""
    here = {"shop": shop, "local_date": day, "staff__isnull": False}
    people: dict[int, str] = {}
    for model in (Order, Refund, TopUp):
        for row in model.objects.filter(**here).values_list(
            "staff_id", "staff__display_name", "staff__username"
        ):
            people[row[0]] = row[1] or row[2]
    return sorted(people.items(), key=lambda person: person[1])
