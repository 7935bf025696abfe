"""Claim the points of a purchase that was made without the card: one tap after the scan."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from loyalty.card.access import Visit, member_page
from loyalty.card.face import face_of
from loyalty.services import claiming
from members.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def claim(request: HttpRequest, visit: Visit, token: str) -> HttpResponse:
    """What the receipt brings, and the button; afterwards the order among the member's own."""
    found = error = None
    try:
        if request.method == "POST":
            done = claiming.claim(token=token, member_id=visit.member.pk, at=visit.at)
            return redirect("card:order", done["order"])
        found = claiming.look(token=token, at=visit.at)
    except Refusal as refusal:
        error = refusal
    context = {
        "here": "points",
        "member": visit.member,
        "face": face_of(None),
        "found": found,
        "error": error,
    }
    return render(request, "member/claim.html", context, status=error.status if error else 200)
