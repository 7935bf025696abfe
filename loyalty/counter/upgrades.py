"""A tier for points at the counter: what it costs and brings, a yes, and a minute to undo it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from loyalty.counter import drafts, gift_words, identity, parsing, presenters, sale
from loyalty.counter.access import Till, counter_page
from loyalty.counter.drafts import Draft
from loyalty.counter.joining import sale_of
from loyalty.models import TierPurchase
from loyalty.services import confirmations, upgrade_undoing, upgrading
from members import clock
from members.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def upgrade(request: HttpRequest, till: Till, draft_id: uuid.UUID, tier_id: int) -> HttpResponse:
    """For the member of the sale on the screen; the sale goes on with the new tier."""
    draft = drafts.load(till, draft_id)
    if request.method != "POST":
        return _page(request, till, draft, tier_id)
    try:
        done = _buy(request, till, draft, tier_id)
    except Refusal as refusal:
        return _page(request, till, draft, tier_id, error=refusal)
    return redirect(f"{reverse('counter:upgraded', args=[done['purchase']])}?sale={draft_id}")


def _buy(request: HttpRequest, till: Till, draft: Draft, tier_id: int) -> dict[str, Any]:
    if draft.member_id is None:
        raise Refusal("member_needed", _("Find the member first."), field="member")
    at = clock.now()
    return upgrading.buy_tier(
        key=parsing.client_key(request.POST.get("key")),
        member_id=draft.member_id,
        tier_id=tier_id,
        price_points=parsing.price_seen(request.POST.get("price")),
        shop=till.shop,
        actor=till.staff,
        at=at,
        identity=identity.of_draft(
            draft,
            till=till,
            at=at,
            is_pin_proved=sale.pin_proved(request, draft, at),
            spends=True,
        ),
    )


def _page(
    request: HttpRequest,
    till: Till,
    draft: Draft,
    tier_id: int,
    *,
    error: Refusal | None = None,
) -> HttpResponse:
    """The offer as it is now; without one only why there is none."""
    at = clock.now()
    standing = book = offer = None
    if draft.member_id is not None:
        standing, book = presenters.standing_of(draft.member_id, at=at)
    if standing is not None and book is not None:
        offers = upgrading.offers(standing, book, at=at)
        offer = next((one for one in offers if one.tier.id == tier_id), None)
    if offer is None and error is None:
        return redirect("counter:sale", draft.id)
    context: dict[str, Any] = {
        "till": till,
        "here": "sale",
        "sale_link": draft.id,
        "draft": draft,
        "member": presenters.member_view(standing, book) if standing else None,
        "offer": offer,
        "error": presenters.error_view(error) if error else None,
        "key": uuid.uuid4(),
    }
    if standing is not None and book is not None and offer is not None:
        context |= {
            "left": standing.spendable_points - offer.points,
            "until": date_format(offer.until, "DATE_FORMAT"),
            "gift": gift_words.promised(offer.packs, book),
            "needs_pin": confirmations.required(
                member_id=standing.id,
                stored_fen=0,
                points_fen=upgrading.worth_of(offer.points, book),
                identified_by=identity.of_draft(draft, till=till, at=at).by,
                at=at,
            ),
        }
    return render(request, "counter/upgrade.html", context, status=error.status if error else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def upgraded(request: HttpRequest, till: Till, purchase_id: int) -> HttpResponse:
    """What was bought here; one tap undoes it within a minute."""
    row = (
        TierPurchase.objects.filter(pk=purchase_id, shop=till.shop)
        .select_related("tier", "tier_before")
        .first()
    )
    if row is None:
        raise Http404
    error = None
    if request.method == "POST":
        try:
            upgrade_undoing.undo(
                key=parsing.client_key(request.POST.get("key")),
                purchase_id=row.pk,
                shop=till.shop,
                actor=till.staff,
                at=clock.now(),
            )
        except Refusal as refusal:
            error = refusal
        else:
            return redirect(request.get_full_path())
    at = clock.now()
    standing, book = presenters.standing_of(row.member_id, at=at)
    context = {
        "till": till,
        "here": "sale",
        "sale": sale_of(request),
        "row": row,
        "until": date_format(row.until, "DATE_FORMAT"),
        "member": presenters.member_view(standing, book) if standing else None,
        "undo_left": 0 if row.undone_at else _undo_left(row.at, at),
        "error": presenters.error_view(error) if error else None,
        "key": uuid.uuid4(),
    }
    return render(request, "counter/upgraded.html", context, status=error.status if error else 200)


def _undo_left(bought: dt.datetime, at: dt.datetime) -> int:
    left = bought + upgrade_undoing.WINDOW - at
    return max(int(left.total_seconds()), 0) if at >= bought else 0
