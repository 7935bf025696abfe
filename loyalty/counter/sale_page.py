"""The sale as it stands on the screen: its lines, how it is worked out, the member beside it."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from loyalty.counter import hints, identity, parsing, presenters, wording
from loyalty.counter.access import Till
from loyalty.counter.drafts import Draft
from loyalty.counter.entry import Choice
from loyalty.selectors import articles, sales
from loyalty.services import checkout, rules
from members import clock, registry, store
from members.errors import Refusal
from members.models import Member
from members.selectors import find

SHOWN_ORDERS = 5
TAKEN_OFF = {"price", "amount_off", "coupon", "points", "stored_discount", "rounding"}


def show(
    request: HttpRequest,
    till: Till,
    draft: Draft,
    *,
    error: Refusal | None = None,
    choice: Choice | None = None,
    seen: str = "",
) -> HttpResponse:
    """The sale as it stands. What was typed stays in the field when it was refused."""
    at = clock.now()
    worked = standing = book = None
    try:
        if draft.lines:
            worked = checkout.quote(cart=draft.cart(), shop=till.shop, at=at)
            standing, book = worked.standing, worked.book
    except Refusal as refusal:
        error = error or refusal
    if worked is None and draft.member_id is not None:
        standing, book = presenters.standing_of(draft.member_id, at=at)
    quote = presenters.quote_view(worked) if worked else None
    member = presenters.member_view(standing, book) if standing else None
    policy = rules.policy()
    offers, rest = presenters.offers_view(quote) if quote else ([], [])
    context: dict[str, Any] = {
        "till": till,
        "here": "sale",
        "sale_link": draft.id,
        "draft": draft,
        "lines": _lines(draft, quote),
        "open_amount": _("Amount"),
        "quote": quote,
        "has_working": quote is not None and any(s["kind"] in TAKEN_OFF for s in quote["steps"]),
        "member": member,
        "offers": offers,
        "rest": rest,
        "points_choices": _points_choices(member, policy.step_points),
        "tails": find.by_tail(draft.tail) if draft.tail else [],
        "choice": choice,
        "tiles": articles.tiles(till.shop) if not choice else [],
        "seen": seen,
        "codes_away": store.is_away(),
        "by_code": identity.is_by_code(draft, till=till, at=at),
        **hints.of_member(standing, book, quote, till=till, at=at),
        "saving": hints.top_up_saving(worked, policy) if worked else None,
        "upgrades": hints.upgrades(standing, book, at=at),
        "redeem_key": uuid.uuid4(),
        "at": at,
        "person": _for_panels(draft),
        "error": presenters.error_view(error, at=_place(request, draft, error)) if error else None,
        "entry": request.POST.get("entry", "") if error or choice or seen else "",
        "points_typed": request.POST.get("points", draft.points) if error else draft.points,
        "tenders": [(kind, wording.tender_words(kind)) for kind in parsing.TENDERS],
        "tender": request.POST.get("tender") or draft.tender or policy.default_tender,
        "orders": sales.last_orders(till.shop, limit=SHOWN_ORDERS) if draft.is_blank else [],
    }
    return render(request, "counter/sale.html", context, status=error.status if error else 200)


def _for_panels(draft: Draft) -> Member | None:
    """The member for what other apps show here; not read while nobody shows anything."""
    if draft.member_id is None or not registry.panels_of("counter"):
        return None
    return Member.objects.filter(pk=draft.member_id).first()


def _place(request: HttpRequest, draft: Draft, error: Refusal) -> str:
    """Beside what the words stand: the field, the points, the member, the lines, or the total."""
    if request.POST.get("entry", "").strip():
        return "entry"
    if error.code.startswith("points"):
        return "points"
    if error.field == "member":
        return "member"
    if error.field.startswith("lines"):
        return "lines"
    return "pay" if draft.lines else "entry"


def _lines(draft: Draft, quote: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The lines with their prices; without prices while the sale cannot be worked out."""
    priced = quote["lines"] if quote else [None] * len(draft.lines)
    return [
        {
            "name": line.name,
            "quantity": line.quantity,
            "unit_fen": price["unit_price_fen"] if price else None,
            "list_fen": price["list_fen"] if price else None,
        }
        for line, price in zip(draft.lines, priced, strict=True)
    ]


def _points_choices(member: dict[str, Any] | None, step: int) -> list[dict[str, Any]]:
    """Nothing, half or all of the points held, in whole steps; empty when there is no step."""
    held = member["points"] // step * step if member else 0
    if not held:
        return []
    half = held // 2 // step * step
    return [
        {"points": 0, "words": pgettext("points", "None")},
        {"points": half, "words": _("Half")},
        {"points": held, "words": _("All")},
    ]
