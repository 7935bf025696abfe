"""Settled sales and top-ups of one shop, as its counter shows them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch

from loyalty.models import Order, OrderLine, Refund, TopUp
from loyalty.settlement.refunds import SoldLine, SoldOrder
from members.models import Shop

LAST = 30


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a settled sale, and what of it is still with the customer."""

    line: OrderLine
    sold: SoldLine


def order_in(shop: Shop, order_id: int) -> Order | None:
    """One sale of this shop with its member, steps, tenders and refunds; None elsewhere."""
    return (
        Order.objects.filter(pk=order_id, shop=shop)
        .select_related("member", "staff", "tier")
        .prefetch_related(
            "steps",
            "tenders",
            Prefetch("refunds", Refund.objects.select_related("approved_by").order_by("pk")),
        )
        .first()
    )


def order_by_key(shop: Shop, key: UUID) -> int | None:
    """The sale that was settled with this client key."""
    return Order.objects.filter(key=key, shop=shop).values_list("pk", flat=True).first()


def is_in(shop: Shop, order_id: int) -> bool:
    """Whether this sale is one of this shop's: a sale is undone where it was made."""
    return Order.objects.filter(pk=order_id, shop=shop).exists()


def rows(order: Order, state: SoldOrder) -> list[Row]:
    """The order's lines beside their state."""
    lines = OrderLine.objects.filter(order=order).order_by("index")
    return [Row(line, sold) for line, sold in zip(lines, state.lines, strict=True)]


def last_orders(shop: Shop, *, limit: int = LAST) -> list[Order]:
    """The newest sales of this shop, newest first."""
    newest = Order.objects.filter(shop=shop).select_related("member", "staff")
    return list(newest.order_by("-local_date", "-pk")[:limit])


def top_up_in(shop: Shop, top_up_id: int) -> TopUp | None:
    return TopUp.objects.filter(pk=top_up_id, shop=shop).select_related("member", "plan").first()
