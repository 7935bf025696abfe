"""Put money on a member's card: by a plan with its gift, or a free amount."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from loyalty.counter import drafts, entry, hints, identity, parsing, presenters, wording
from loyalty.counter.access import Till, counter_page
from loyalty.counter.joining import sale_of
from loyalty.models import Policy, TopUpPlan
from loyalty.selectors import sales
from loyalty.selectors.inputs import Standing
from loyalty.selectors.plans import plans_for
from loyalty.services import checkout, rules, top_ups
from members import clock
from members.errors import Refusal
from members.models import Member


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def top_up(request: HttpRequest, till: Till) -> HttpResponse:
    """``?member=`` is who it is for; without it the page asks. ``?sale=`` is where to go back."""
    sale_id = sale_of(request)
    if request.method != "POST":
        return _page(
            request, till, member_id=_member_asked(request, till, sale_id), sale_id=sale_id
        )
    try:
        if request.POST.get("do") == "find":
            return redirect(_address(_find(till, request.POST.get("entry", "")), sale_id))
        answer = _pay_in(request, till)
    except Refusal as refusal:
        member_id = _number(request.POST.get("member", ""))
        return _page(request, till, member_id=member_id, sale_id=sale_id, error=refusal)
    done = reverse("counter:topped_up", args=[answer["top_up"]])
    return redirect(f"{done}?sale={sale_id}" if sale_id else done)


def _member_asked(request: HttpRequest, till: Till, sale_id: uuid.UUID | None) -> int | None:
    given = _number(request.GET.get("member", ""))
    if given is None and sale_id is not None:
        return drafts.load(till, sale_id).member_id
    return given


def _address(member: Member, sale_id: uuid.UUID | None) -> str:
    address = f"{reverse('counter:top_up')}?member={member.pk}"
    return f"{address}&sale={sale_id}" if sale_id else address


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _find(till: Till, words: str) -> Member:
    found = entry.read(words) if words.strip() else None
    if isinstance(found, entry.MemberCode):
        return identity.claim(till=till, code=found.digits, at=clock.now())
    if isinstance(found, Member):
        return found
    if isinstance(found, entry.Choice) and len(found.members) == 1:
        return found.members[0]
    raise Refusal(
        "member_needed",
        _("Type the member's whole phone number or card number."),
        field="entry",
    )


def _pay_in(request: HttpRequest, till: Till) -> dict[str, Any]:
    member_id = _number(request.POST.get("member", ""))
    if member_id is None:
        raise Refusal("member_needed", _("Find the member first."), field="entry")
    words = request.POST.get("amount", "").strip()
    plan = request.POST.get("plan", "")
    amount_fen = entry.read_amount(words, "amount") if words else None
    if amount_fen is None and not plan:
        raise Refusal("top_up_unreadable", _("Choose one plan or enter one amount."), field="plan")
    return top_ups.top_up(
        key=parsing.client_key(request.POST.get("key")),
        member_id=member_id,
        # An amount that was typed is meant, whatever plan was chosen before.
        plan_id=_number(plan) if amount_fen is None else None,
        amount_fen=amount_fen,
        tender=parsing.tender(request.POST.get("tender")),
        shop=till.shop,
        actor=till.staff,
        at=clock.now(),
    )


def _page(
    request: HttpRequest,
    till: Till,
    *,
    member_id: int | None,
    sale_id: uuid.UUID | None,
    error: Refusal | None = None,
) -> HttpResponse:
    member = None
    policy = rules.policy()
    plans: list[TopUpPlan] = []
    savings: dict[int, int] = {}
    too_much: dict[int, Refusal] = {}
    if member_id is not None:
        standing, book = presenters.standing_of(member_id, at=clock.now())
        if standing is not None:
            member = presenters.member_view(standing, book)
            plans = plans_for(standing.tier_id)
            savings = _savings(till, sale_id, plans)
            too_much = _too_much(plans, standing, policy)
    # The key of a refused form is free again; one of a form that is sent twice settles once.
    context = {
        "till": till,
        "here": "top_up",
        "sale_link": sale_id,
        "sale": sale_id,
        "member": member,
        "plans": [
            (plan, 0, True) if plan.pk in too_much else (plan, savings.get(plan.pk, 0), False)
            for plan in plans
        ],
        "too_much": next(iter(too_much.values()), None),
        "most_unproved_fen": policy.most_fen(is_phone_proved=False),
        "error": presenters.error_view(error) if error else None,
        "typed": request.POST,
        "key": request.POST.get("key") or uuid.uuid4(),
        "tenders": [(kind, wording.tender_words(kind)) for kind in parsing.TENDERS],
        "tender": request.POST.get("tender") or policy.default_tender,
    }
    return render(request, "counter/top_up.html", context, status=error.status if error else 200)


def _too_much(plans: list[TopUpPlan], standing: Standing, policy: Policy) -> dict[int, Refusal]:
    """The plans that the card may not take now, and why."""
    found = {plan.pk: top_ups.over_limit(plan.total_fen, standing, policy=policy) for plan in plans}
    return {plan_id: why for plan_id, why in found.items() if why is not None}


def _savings(till: Till, sale_id: uuid.UUID | None, plans: list[TopUpPlan]) -> dict[int, int]:
    """What each plan would save on the sale that waits, in fen."""
    if sale_id is None:
        return {}
    draft = drafts.load(till, sale_id)
    if not draft.lines or draft.member_id is None:
        return {}
    try:
        worked = checkout.quote(cart=draft.cart(), shop=till.shop, at=clock.now())
    except Refusal:
        return {}
    return {plan.pk: hints.saved_by(worked, plan) for plan in plans}


@require_safe
@counter_page
def topped_up(request: HttpRequest, till: Till, top_up_id: int) -> HttpResponse:
    row = sales.top_up_in(till.shop, top_up_id)
    if row is None:
        raise Http404
    standing, book = presenters.standing_of(row.member_id, at=clock.now())
    context = {
        "till": till,
        "sale": sale_of(request),
        "top_up": row,
        "tender": wording.tender_words(row.tender),
        "spoken": wording.spoken(row.paid_fen),
        "member": presenters.member_view(standing, book) if standing else None,
        "next_sale": uuid.uuid4(),
    }
    return render(request, "counter/topped_up.html", context)
