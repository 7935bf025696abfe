"""A spend that waits for the member: a yes on their phone, or their PIN typed here."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from loyalty.counter import drafts, presenters, sale
from loyalty.counter.access import Till, counter_page, till_of
from loyalty.counter.drafts import Draft
from loyalty.services import checkout, confirmations
from members import clock
from members.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def confirm(request: HttpRequest, till: Till, draft_id: uuid.UUID) -> HttpResponse:
    """The waiting page; it settles by itself once the member said yes, or by their PIN."""
    draft = drafts.load(till, draft_id)
    if draft.order_id is not None:
        return redirect("counter:order", draft.order_id)
    if draft.confirmation_id is None:
        return redirect("counter:sale", draft_id)
    if request.method != "POST":
        return _page(request, till, draft)
    try:
        if request.POST.get("do") == "ask":
            sale.ask_member(till, draft, at=clock.now())
            return redirect("counter:confirm", draft_id)
        if request.POST.get("do") == "pin" and not request.POST.get("pin", "").strip():
            raise Refusal("pin_needed", _("Let the member type the six digits."), field="pin")
        return sale.settle(request, till, draft)
    except Refusal as refusal:
        return _page(request, till, draft, error=refusal)


@require_safe
def state(request: HttpRequest, draft_id: uuid.UUID) -> JsonResponse:
    """How the question stands, for the page that waits."""
    try:
        draft = drafts.load(till_of(request), draft_id)
        body, status = {"status": _status(draft)}, 200
    except Refusal as refusal:
        body, status = refusal.as_dict(), refusal.status
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _status(draft: Draft) -> str:
    if draft.order_id is not None:
        return "settled"
    if draft.confirmation_id is None or draft.member_id is None:
        return "expired"
    return confirmations.check(
        confirmation_id=draft.confirmation_id, member_id=draft.member_id, at=clock.now()
    )


def _page(
    request: HttpRequest, till: Till, draft: Draft, *, error: Refusal | None = None
) -> HttpResponse:
    at = clock.now()
    try:
        quote = presenters.quote_view(checkout.quote(cart=draft.cart(), shop=till.shop, at=at))
        status = _status(draft)
    except Refusal:
        return redirect("counter:sale", draft.id)  # which says what is wrong
    context = {
        "till": till,
        "here": "sale",
        "sale_link": draft.id,
        "draft": draft,
        "quote": quote,
        "member": quote["member"],
        "spend_fen": quote["stored_paid_fen"] + quote["points_fen"],
        "status": status,
        "life_s": int(confirmations.LIFE.total_seconds()),
        "error": presenters.error_view(error) if error else None,
    }
    return render(request, "counter/confirm.html", context, status=error.status if error else 200)
