"""A second person at the counter: on the spot by their PIN, or asked for and decided later."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise

from loyalty.counter import parsing
from loyalty.counter.access import Till
from loyalty.models import Approval, Order
from loyalty.services import approvals, requests
from members.models import Staff
from members.text import row_number

ASK = "ask"  # the button that asks instead of doing
SHOWN = (Approval.Status.WAITING, Approval.Status.DECLINED)


@dataclass(frozen=True, slots=True)
class Second:
    """What the form asks for: in words from where on, who may approve here, who was chosen."""

    words: str | Promise
    people: list[Staff]
    chosen: int


def wanted(
    request: HttpRequest, till: Till, order: Order, *, base_fen: int, is_void: bool, at: dt.datetime
) -> Second | None:
    """None where the person may give this much back alone."""
    is_needed = approvals.needs_second(
        order, is_void=is_void, base_fen=base_fen, actor=till.staff, at=at
    )
    limit = approvals.limit_for(till.staff, "refund", member_id=order.member_id)
    if not is_needed or limit is None:
        return None
    return Second(
        words=approvals.needed_words("refund", limit),
        people=approvals.at_hand(actor=till.staff, shop=till.shop),
        chosen=row_number(request.POST.get("approver", "")),
    )


def proved(request: HttpRequest, till: Till) -> Staff | None:
    """Who approved by their PIN; None where no PIN was typed. Refuses as ``approvals.by_pin``."""
    pin = request.POST.get("pin", "")
    if not pin:
        return None
    return approvals.by_pin(
        staff_id=row_number(request.POST.get("approver", "")),
        pin=pin,
        actor=till.staff,
        shop=till.shop,
    )


def ask(request: HttpRequest, till: Till, order_id: int, *, at: dt.datetime, **what: Any) -> None:
    """Nobody is at hand: what the form says waits for a second person."""
    requests.ask_undo(
        key=parsing.client_key(request.POST.get("key")),
        order_id=order_id,
        reason=parsing.text(request.POST.get("reason", ""), "reason"),
        shop=till.shop,
        actor=till.staff,
        at=at,
        **what,
    )


def waiting_in(till: Till) -> QuerySet[Approval]:
    """What waits for a second person in this shop, the longest first."""
    rows = Approval.objects.filter(shop=till.shop, status=Approval.Status.WAITING)
    return rows.select_related("asked_by").order_by("pk")


def of_order(order: Order, till: Till) -> list[tuple[Approval, bool]]:
    """What waits or was declined of an order, the newest first, and whether it may be withdrawn
    here."""
    rows = Approval.objects.filter(order=order, status__in=SHOWN)
    return [
        (row, row.status == Approval.Status.WAITING and row.asked_by_id == till.staff.pk)
        for row in rows.select_related("asked_by", "decided_by").order_by("-pk")
    ]
