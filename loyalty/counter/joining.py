"""Open a card at the counter: the phone is enough; the sale goes on with the new member."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from loyalty.counter import drafts, identity, presenters
from loyalty.counter.access import Till, counter_page
from loyalty.services import joining
from members import clock
from members.errors import Refusal
from members.models import Member
from members.selectors import find
from members.text import row_number


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def join(request: HttpRequest, till: Till) -> HttpResponse:
    """``?sale=`` names the sale to go on with, ``?phone=`` what was already typed."""
    sale_id = sale_of(request) or uuid.uuid4()
    if request.method != "POST":
        context = {
            "till": till,
            "here": "join",
            "sale_link": sale_id,
            "sale": sale_id,
            "phone": request.GET.get("phone", ""),
        }
        return render(request, "counter/join.html", context)
    phone, name = request.POST.get("phone", "").strip(), request.POST.get("name", "")
    known = request.POST.get("known", "")
    try:
        member = (
            identity.usable(find.by_id(row_number(known)), till=till)
            if known
            else _open(till, phone, name)
        )
    except Refusal as refusal:
        context = {
            "till": till,
            "here": "join",
            "sale_link": sale_id,
            "sale": sale_id,
            "phone": phone,
            "name": name,
            "error": presenters.error_view(refusal),
            "known": refusal.details.get("member_id"),
        }
        return render(request, "counter/join.html", context, status=refusal.status)
    if not known:
        messages.success(request, _("The card is open. The sale can go on."))
    draft = drafts.load(till, sale_id)
    draft.choose_member(member.pk)
    drafts.save(till, draft)
    return redirect("counter:sale", sale_id)


def _open(till: Till, phone: str, name: str) -> Member:
    if not phone:
        raise Refusal("phone_needed", gettext_lazy("Enter the phone number."), field="phone")
    return joining.join(
        phone=phone,
        name=name,
        shop=till.shop,
        actor=till.staff,
        at=clock.now(),
        channel="counter",
    )


def sale_of(request: HttpRequest) -> uuid.UUID | None:
    """The sale on the screen that this page was opened from."""
    try:
        return uuid.UUID(request.POST.get("sale") or request.GET.get("sale") or "")
    except ValueError:
        return None
