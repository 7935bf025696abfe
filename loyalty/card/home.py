"""The card itself: face, live code, balances, what is best now; and what keeps it up to date."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from loyalty.card import presenters
from loyalty.card.access import Visit, member_page, visit_of
from loyalty.card.face import face_of, shop_name
from loyalty.counter import gift_words
from loyalty.services import checkins, confirmations, offers
from members import barcode, clock
from members.errors import Refusal
from members.models import Card, Event, Member, Shop
from members.services import inbox, live_codes


def code_view(member: Member, *, at: dt.datetime) -> dict[str, Any]:
    """A fresh live code as paths to draw, or why there is none now."""
    if member.status == Member.Status.FROZEN:
        return {"is_frozen": True}
    try:
        code = live_codes.issue(member_id=member.pk, at=at)
    except Refusal:
        return _away(member)
    qr, qr_side = barcode.qr_path(code.digits)
    bars, bars_width = barcode.code128_path(code.digits)
    return {
        "digits": code.digits,
        "grouped": code.grouped,
        "renew_s": code.renew_s,
        "qr": qr,
        "qr_side": qr_side,
        "bars": bars,
        "bars_width": bars_width,
    }


def _away(member: Member) -> dict[str, Any]:
    """In place of a live code: the card's own number, which a gun at the counter reads too."""
    card = member.cards.filter(status=Card.Status.ACTIVE).order_by("-pk").first()
    if card is None:
        return {"is_away": True}
    bars, bars_width = barcode.code128_path(card.number)
    return {
        "is_away": True,
        "card_number": presenters.grouped(card.number),
        "bars": bars,
        "bars_width": bars_width,
    }


def _version(member_id: int) -> int:
    """The member's newest event: when it moves, what the card shows has moved."""
    newest = Event.objects.filter(member_id=member_id).order_by("-id")
    return newest.values_list("pk", flat=True).first() or 0


@require_safe
@member_page
def home(request: HttpRequest, visit: Visit) -> HttpResponse:
    member, at = visit.member, visit.at
    standing, book = presenters.standing_of(member, at=at)
    shops = list(Shop.objects.filter(is_active=True))
    shop = presenters.usual_shop(member, shops)
    offer = None
    if shop is not None:
        offer = offers.best_offer(standing=standing, book=book, shop_id=shop.pk, at=at)
    context = {
        "here": "home",
        "member": member,
        "at": at,
        "face": face_of(standing.tier_id),
        "shop_name": shop_name(shops),
        "tier": book.tier_by_id.get(standing.tier_id or 0),
        "card_number": presenters.grouped(standing.card_number or ""),
        "code": code_view(member, at=at),
        "points": standing.spendable_points,
        "value_fen": standing.value_fen,
        "coupons": len(standing.coupons),
        "progress": presenters.progress(standing, book),
        "upgrade": presenters.upgrade(standing, book, at=at),
        "offer": presenters.offer_view(offer) if offer else None,
        "streak": presenters.streak(member.pk, day=clock.local_date(at), book=book),
        "checkin_points": int(book.policy.get("checkin_points", 0)),
        "unread": inbox.unread(member.pk).count(),
        "confirmation": confirmations.pending(member_id=member.pk, at=at),
        "version": _version(member.pk),
    }
    return render(request, "member/home.html", context)


@require_safe
@member_page
def code(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The code alone, as large as the screen: for the scanner. The screen stays awake."""
    context = {
        "here": "code",
        "member": visit.member,
        "code": code_view(visit.member, at=visit.at),
        "face": face_of(None),
        "version": _version(visit.member.pk),
    }
    return render(request, "member/code.html", context)


@require_safe
@member_page
def fresh_code(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The next code, for the page that is open."""
    context = {"code": code_view(visit.member, at=visit.at), "member": visit.member}
    return render(request, "member/code_panel.html", context)


@require_safe
def now(request: HttpRequest) -> JsonResponse:
    """Whether anything happened: the newest event, and a spend that waits for a yes.

    ``soon``: the code was just read at a counter, so it is worth asking again quickly.
    """
    visit = visit_of(request)
    if visit is None:
        response = JsonResponse({"version": None, "confirm": None}, status=401)
    else:
        waiting = confirmations.pending(member_id=visit.member.pk, at=visit.at)
        response = JsonResponse(
            {
                "version": _version(visit.member.pk),
                "confirm": reverse("card:confirm", args=[waiting.pk]) if waiting else None,
                "soon": live_codes.is_at_counter(member_id=visit.member.pk),
            }
        )
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
@member_page
def check_in(request: HttpRequest, visit: Visit) -> HttpResponse:
    try:
        result = checkins.check_in(member_id=visit.member.pk, shop=None, actor=None, at=visit.at)
    except Refusal as refusal:
        messages.warning(request, str(refusal.message))
        return redirect(_back(request))
    words = ngettext(
        "Checked in, %(count)s day running.",
        "Checked in, %(count)s days running.",
        result["streak"],
    ) % {"count": result["streak"]}
    if result["points"]:
        words += " " + ngettext(
            "%(count)s point for you.", "%(count)s points for you.", result["points"]
        ) % {"count": result["points"]}
    gift = gift_words.given(result["gifts"])
    if gift:
        words += " " + _("For coming so faithfully: %(gift)s. Enjoy it!") % {"gift": gift}
    if result["promotion"]:
        words += " " + _("You are %(tier)s now!") % {"tier": result["promotion"]["name"]}
    messages.success(request, words)
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    return "card:check_ins" if "page" in request.POST else "card:home"
