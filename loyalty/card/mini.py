"""For the shop's mini-program: who WeChat says it is, or one tap for the phone, opens the card.

JSON, without cookies: the answer is an address that signs a browser in once, within a minute, for
the mini-program's web-view. Errors are {"error": {"code", "message", …}} as everywhere.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from loyalty.card import wechat as card_wechat
from loyalty.card.access import address_of, open_card, own_page, visit_of
from loyalty.card.links import channel_of, shop_of
from loyalty.counter import parsing
from loyalty.services import entering
from members import clock, wechat
from members.errors import Refusal
from members.models import Member
from members.selectors import identities
from members.services import consent, entry_tickets, wechat_entry
from members.services.consent import Question
from members.wechat import App

OWN_CHANNEL = "mini"
LOGIN_FIELDS = frozenset({"login_code", "next"})
JOIN_FIELDS = LOGIN_FIELDS | {"phone_code", "agreed", "channel", "shop"}
CODE_LENGTH = wechat_entry.LONGEST_CODE

Answer = dict[str, Any]
Endpoint = Callable[[HttpRequest, App], Answer]


def endpoint(method: str) -> Callable[[Endpoint], Callable[[HttpRequest], HttpResponse]]:
    """An endpoint of one method, there only where a mini-program is set up.

    It reads no cookie and sets none, so there is nothing that a token would protect.
    """

    def decorate(view: Endpoint) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @functools.wraps(view)
        def serve(request: HttpRequest) -> HttpResponse:
            app = wechat.mini_program()
            try:
                if app is None:
                    raise Refusal("not_found", _("There is nothing at this address."), status=404)
                if request.method != method:
                    raise Refusal(
                        "method_not_allowed", _("This address is not used like that."), status=405
                    )
                answer, status = view(request, app), 200
            except Refusal as refusal:
                answer, status = refusal.as_dict(), refusal.status
            return JsonResponse(answer, status=status, headers={"Cache-Control": "no-store"})

        return serve

    return decorate


@endpoint("GET")
def terms(request: HttpRequest, app: App) -> Answer:
    """What to show beside the button: each question with the version that is agreed to."""
    return {
        "questions": [
            {
                "name": question.name,
                "version": question.version,
                "text": str(question.text),
                "needed": question == consent.TERMS,
            }
            for question in (consent.TERMS, *consent.AT_JOINING)
        ],
        "terms_url": request.build_absolute_uri(reverse("card:terms")),
    }


@endpoint("POST")
def login(request: HttpRequest, app: App) -> Answer:
    """{"login_code"}: silently, for a WeChat account that opens a card already."""
    data = parsing.body_of(request)
    parsing.known_fields(data, LOGIN_FIELDS)
    at, page = clock.now(), _page(data)
    subject = wechat_entry.of_mini_program(
        app=app, login_code=_code(data, "login_code"), address=address_of(request), at=at
    )
    identity = identities.of_subject(subject)
    if identity is None:
        raise wechat_entry.unknown()
    return _ticket(request, identity.member, proved_at=identity.at, page=page, at=at)


@endpoint("POST")
def join(request: HttpRequest, app: App) -> Answer:
    """{"login_code", "phone_code", "agreed": {name: version}}: comes back or joins by one tap."""
    data = parsing.body_of(request)
    parsing.known_fields(data, JOIN_FIELDS)
    at, page = clock.now(), _page(data)
    entered = entering.enter_by_mini_program(
        app=app,
        login_code=_code(data, "login_code"),
        phone_code=_code(data, "phone_code"),
        address=address_of(request),
        agreed=_agreed(data.get("agreed")),
        channel=channel_of(parsing.text(data.get("channel"), "channel"), OWN_CHANNEL),
        shop=shop_of(parsing.text(data.get("shop"), "shop")),
        language=get_language() or "",
        at=at,
    )
    answer = _ticket(request, entered.member, proved_at=at, page=page, at=at)
    return {**answer, "is_new": entered.is_new}


def _code(data: Answer, name: str) -> str:
    return parsing.text(data.get(name), name, length=CODE_LENGTH, needed=True)


def _agreed(value: Any) -> frozenset[Question]:
    """What was agreed to, each to the text that holds now."""
    if not isinstance(value, dict):
        raise entering.terms_needed()
    known = {question.name: question for question in consent.QUESTIONS}
    parsing.known_fields(value, frozenset(known), "agreed")
    old = [name for name, version in value.items() if version != known[name].version]
    if old:
        raise Refusal(
            "terms_changed",
            _("The text has changed. Read it again, then agree to it."),
            status=409,
            field="agreed",
            details={"versions": {name: known[name].version for name in old}},
        )
    return frozenset(known[name] for name in value)


def _page(data: Answer) -> str:
    """The page that comes first. Read before anything is spent."""
    return own_page(parsing.text(data.get("next"), "next", length=200))


def _ticket(
    request: HttpRequest, member: Member, *, proved_at: dt.datetime, page: str, at: dt.datetime
) -> Answer:
    ticket = entry_tickets.issue(member=member, proved_at=proved_at, page=page, at=at)
    address = f"{reverse('card:enter')}?{urlencode({'ticket': ticket})}"
    return {"url": request.build_absolute_uri(address), "expires_s": entry_tickets.TTL_S}


@never_cache
@require_GET
def enter(request: HttpRequest) -> HttpResponse:
    """A mini-program's web-view opens its ticket: once, and on to the card."""
    if wechat.mini_program() is None:
        raise Http404
    if not card_wechat.is_web_view(request):
        # A link with somebody else's ticket would have its victim top up somebody else's card.
        return redirect(card_wechat.form_url())
    at = clock.now()
    try:
        entry = entry_tickets.claim(ticket=request.GET.get("ticket", ""), at=at)
    except Refusal as refusal:
        if visit_of(request) is not None:
            return redirect("card:home")  # the page loaded anew: the ticket did its work
        messages.warning(request, str(refusal.message))
        return redirect(card_wechat.form_url())
    response = redirect(entry.page)
    open_card(response, entry.member, proved_at=entry.proved_at, at=at)
    return response
