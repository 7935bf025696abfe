"""Inside WeChat the card opens by itself: once, silently, and never instead of the phone form.

One cookie remembers how it stands between this browser and WeChat: asked (the state that must
come back), known (an account that opens no card yet, until its phone is proved), or not to be
asked again. While it is there, nobody is sent to WeChat unless they tap for it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from loyalty.card.access import FORM_ONLY, PATH, address_of, open_card
from loyalty.card.links import link_of
from members import clock, wechat
from members.errors import Refusal
from members.selectors import identities
from members.services import member_sessions, wechat_entry
from members.wechat import Subject

COOKIE = "huitou_wechat"
SALT = "loyalty.card.wechat"
PARAMETER = "wechat"  # of the join page
ASK_AGAIN = {PARAMETER: "yes"}
ASKED, KNOWN, NOT = "asked", "known", "not"
KNOWN_S = 900  # as long as the form waits for its code
FAILED_S = 600
LEFT_S = int(member_sessions.LIFE.total_seconds())  # who logged out does not come in by itself


def is_inside(request: HttpRequest) -> bool:
    """Whether WeChat's own browser asks, with the account that could be known here.

    Not a mini-program's web-view (that signs in by a ticket), nor the one for companies.
    """
    agent = request.headers.get("User-Agent", "").lower()
    return (
        "micromessenger" in agent
        and "miniprogram" not in agent
        and "wxwork" not in agent
        and wechat.official_account() is not None
    )


def is_web_view(request: HttpRequest) -> bool:
    """Whether a mini-program shows the page, or the tool that mini-programs are made with."""
    agent = request.headers.get("User-Agent", "").lower()
    return "miniprogram" in agent or "wechatdevtools" in agent


def sent_away(request: HttpRequest, link: dict[str, str]) -> HttpResponse | None:
    """The way to WeChat and back, if it is time for it; else None: show the form.

    ``link`` is what the form's address says; the way back says it, too.
    """
    app = wechat.official_account()
    is_page = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    wish = {PARAMETER: request.GET.get(PARAMETER)}
    if app is None or request.method != "GET" or not (is_page and is_inside(request)):
        return None
    if wish == FORM_ONLY or (request.COOKIES.get(COOKIE) and wish != ASK_AGAIN):
        return None
    try:
        asked = wechat_entry.ask(
            app=app,
            redirect_uri=request.build_absolute_uri(_address("card:wechat", link)),
            address=address_of(request),
            at=clock.now(),
        )
    except Refusal:
        return None
    response = redirect(asked.url)
    _remember(response, [ASKED, asked.state], wechat_entry.STATE_S)
    return response


@never_cache
@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """From WeChat: into the card, or to the phone form."""
    app = wechat.official_account()
    if app is None:
        raise Http404
    at, link, state = clock.now(), link_of(request), request.GET.get("state", "")
    form = redirect(form_url(link))
    kind, *rest = _remembered(request)
    if kind != ASKED or not constant_time_compare(rest[0], state):
        # Another browser's sign-in would link this one to somebody else's WeChat.
        return form
    try:
        subject = wechat_entry.come_back(
            app=app,
            state=state,
            code=request.GET.get("code", ""),
            address=address_of(request),
            at=at,
        )
    except Refusal as refusal:
        # WeChat may load a page twice: what the first one remembered stands.
        if refusal.code != wechat_entry.STATE_SPENT:
            _remember(form, [NOT], FAILED_S)
        return form
    identity = identities.of_subject(subject)
    if identity is None:
        _remember(form, [KNOWN, subject.app_id, subject.openid, subject.union_id], KNOWN_S)
        return form
    response = redirect(link["next"])
    open_card(response, identity.member, proved_at=identity.at, at=at)
    forget(response)
    return response


def form_url(link: dict[str, str] | None = None) -> str:
    """The phone form, from which nobody is sent on."""
    return _address("card:join", {**(link or {}), **FORM_ONLY})


def again_url(link: dict[str, str]) -> str:
    """The way to WeChat for whoever taps for it."""
    return _address("card:join", {**link, **ASK_AGAIN})


def _address(name: str, query: dict[str, str]) -> str:
    return f"{reverse(name)}?{urlencode({key: value for key, value in query.items() if value})}"


def known(request: HttpRequest) -> Subject | None:
    """The account of this browser that opens no card yet."""
    kind, *rest = _remembered(request)
    app = wechat.official_account()
    if kind != KNOWN or app is None or rest[0] != app.app_id:
        return None
    return Subject(*rest)


def forget(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, path=PATH, samesite="Lax")


def leave(request: HttpRequest, response: HttpResponse) -> None:
    """Whoever leaves inside WeChat stays out until they tap to come in."""
    if is_inside(request):
        _remember(response, [NOT], LEFT_S)


def _remember(response: HttpResponse, content: list[str], seconds: int) -> None:
    response.set_cookie(
        COOKIE,
        signing.dumps(content, salt=SALT),
        max_age=seconds,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _remembered(request: HttpRequest) -> list[Any]:
    try:
        found: list[Any] = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KNOWN_S
        )
    except signing.BadSignature:
        return [NOT]
    return found
