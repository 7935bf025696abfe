"""Into the card: phone, six digits, done. The same two pages for joining and for coming back."""

from __future__ import annotations

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from loyalty.card import wechat
from loyalty.card.access import address_of, close_card, next_page, open_card, visit_of
from loyalty.card.face import face_of, shop_name
from loyalty.card.links import link_of, shop_of
from loyalty.services import entering
from members import clock
from members.channels import text_sender
from members.errors import Refusal
from members.models import Shop
from members.phones import normalise_phone, phone_text
from members.services import consent, login_codes

# Between the two pages the phone and the ticks wait here, signed, for a quarter of an hour.
WAITING = "huitou_join"
WAITING_S = 900
SALT = "loyalty.card.entry"


def _page(
    request: HttpRequest, template: str, refusal: Refusal | None, **more: object
) -> HttpResponse:
    shops = list(Shop.objects.filter(is_active=True))
    context = {
        "face": face_of(None),
        "shop_name": shop_name(shops),
        "error": refusal,
        "next": next_page(request),
        **more,
    }
    return render(request, template, context, status=refusal.status if refusal else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """The phone and the consents; sends the code. ``?c=`` names the channel, ``?s=`` the shop."""
    if request.method != "POST" and visit_of(request) is not None:
        return redirect(next_page(request))
    link = link_of(request)
    away = wechat.sent_away(request, link)
    if away is not None:
        return away
    is_known = wechat.known(request) is not None
    shown = {
        "channel": link["c"],
        "shop": link["s"],
        "is_wechat_known": is_known,
        "wechat_url": wechat.again_url(link) if wechat.is_inside(request) and not is_known else "",
        "phone": request.POST.get("phone", "")[:40],
        "terms": consent.TERMS,
        "optional": consent.AT_JOINING,
        "ticked": [question for question in consent.QUESTIONS if question.name in request.POST],
    }
    if request.method != "POST":
        return _page(request, "member/join.html", None, **shown)
    try:
        phone = _ask_for_code(request)
    except Refusal as refusal:
        return _page(request, "member/join.html", refusal, **shown)
    response = redirect("card:join_code")
    content = {
        "phone": phone,
        "agreed": [
            question.name for question in consent.QUESTIONS if question.name in request.POST
        ],
        "channel": shown["channel"],
        "shop": shown["shop"],
        "next": next_page(request),
    }
    response.set_cookie(
        WAITING,
        signing.dumps(content, salt=SALT),
        max_age=WAITING_S,
        path="/m/join",
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def _ask_for_code(request: HttpRequest) -> str:
    phone = normalise_phone(request.POST.get("phone", ""))
    if consent.TERMS.name not in request.POST:
        raise entering.terms_needed()
    login_codes.send(phone=phone, address=address_of(request), at=clock.now())
    return phone


def _waiting(request: HttpRequest) -> dict[str, str | list[str]] | None:
    try:
        found: dict[str, str | list[str]] = signing.loads(
            request.COOKIES.get(WAITING, ""), salt=SALT, max_age=WAITING_S
        )
    except signing.BadSignature:
        return None
    return found


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def join_code(request: HttpRequest) -> HttpResponse:
    """The six digits; opens the card."""
    waiting = _waiting(request)
    if waiting is None:
        return redirect(wechat.form_url() if request.method == "POST" else "card:join")
    phone = str(waiting["phone"])
    if request.method != "POST":
        return _code_page(request, phone, None)
    at = clock.now()
    try:
        if "again" in request.POST:
            login_codes.send(phone=phone, address=address_of(request), at=at)
            return redirect("card:join_code")
        entered = entering.enter(
            phone=phone,
            code=request.POST.get("code", ""),
            address=address_of(request),
            agreed=frozenset(q for q in consent.QUESTIONS if q.name in waiting["agreed"]),
            channel=str(waiting["channel"]),
            shop=shop_of(str(waiting["shop"])),
            language=get_language() or "",
            subject=wechat.known(request),
            at=at,
        )
    except Refusal as refusal:
        return _code_page(request, phone, refusal)
    response = redirect(str(waiting["next"]))
    open_card(response, entered.member, proved_at=at, at=at)
    response.delete_cookie(WAITING, path="/m/join", samesite="Lax")
    if wechat.known(request) is not None:
        wechat.forget(response)
    if entered.is_new:
        messages.success(request, _("Welcome! Your card is open; your gifts are in it."))
    return response


def _code_page(request: HttpRequest, phone: str, refusal: Refusal | None) -> HttpResponse:
    return _page(
        request,
        "member/join_code.html",
        refusal,
        phone=phone_text(phone),
        demo_text=text_sender().shown(phone=phone),
        wait_s=login_codes.wait_s(phone=phone, at=clock.now()),
    )


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """What a member agrees to, with the version that consents name."""
    return _page(request, "member/terms.html", None, version=consent.TERMS.version)


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """This browser only."""
    response = redirect("card:join")
    close_card(response)
    wechat.leave(request, response)
    return response
