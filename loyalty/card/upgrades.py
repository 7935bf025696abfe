"""A tier for points, bought on the card: first what it costs and brings, then a yes."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from loyalty.card import presenters
from loyalty.card.access import Visit, member_page
from loyalty.card.face import face_of
from loyalty.card.wallet import ladder_page, shown
from loyalty.counter import gift_words, parsing
from loyalty.services import upgrading
from members.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def upgrade(request: HttpRequest, visit: Visit, tier_id: int) -> HttpResponse:
    """What the tier costs, what changes and until when; bought by the button."""
    if request.method != "POST":
        return _page(request, visit, tier_id)
    try:
        done = upgrading.buy_tier(
            key=parsing.client_key(request.POST.get("key")),
            member_id=visit.member.pk,
            tier_id=tier_id,
            price_points=parsing.price_seen(request.POST.get("price")),
            shop=None,
            actor=None,
            at=visit.at,
        )
    except Refusal as refusal:
        return _page(request, visit, tier_id, refusal=refusal)
    messages.success(request, _("You are %(tier)s now!") % {"tier": done["name"]})
    return redirect("card:tiers")


def _page(
    request: HttpRequest, visit: Visit, tier_id: int, *, refusal: Refusal | None = None
) -> HttpResponse:
    """The offer as it is now; the ladder where there is none (any more)."""
    standing, book = presenters.standing_of(visit.member, at=visit.at)
    steps = presenters.ladder(standing, book, at=visit.at)
    step = next((one for one in steps if one["tier"].id == tier_id and one["sold"]), None)
    if step is None:
        if refusal is None:
            return redirect("card:tiers")
        return ladder_page(request, visit, refusal=refusal)
    offer = step["sold"]
    mine = next((one for one in steps if one["is_mine"]), None)
    known = mine["benefits"] if mine else []
    return shown(
        request,
        visit,
        "member/upgrade.html",
        refusal=refusal,
        here="tiers",
        face=face_of(standing.tier_id),
        step=step,
        offer=offer,
        points=standing.spendable_points,
        left=standing.spendable_points - offer.points,
        new=[name for name in step["benefits"] if name not in known],
        lost=[name for name in known if name not in step["benefits"]],
        gift=gift_words.promised(offer.packs, book),
        until=date_format(offer.until, "DATE_FORMAT"),
        progress_days=book.policy["progress"] != "lifetime",
        key=uuid.uuid4(),
    )
