"""What is the member's own: data, consents, PIN, freezing, the inbox, a yes to a large spend."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from loyalty.card import wechat, words
from loyalty.card.access import Visit, close_card, member_page
from loyalty.card.wallet import shown
from loyalty.models import SpendConfirmation
from loyalty.services import confirmations
from members.errors import Refusal
from members.models import Member
from members.selectors import identities
from members.services import consent, inbox, member_pin, member_sessions, own_card
from members.services import identities as linking
from members.wechat import is_set_up

RECENT = dt.timedelta(days=7)  # as long a spend may be disowned by one tap

page = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@member_page
def me(request: HttpRequest, visit: Visit) -> HttpResponse:
    card = visit.member.cards.filter(status__in=["active", "frozen"]).first()
    return shown(
        request,
        visit,
        "member/me.html",
        here="me",
        card=card,
        is_linked=bool(identities.of_member(visit.member.pk)),
    )


@page
@member_page
def profile(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Name and birthday. The birthday can be given once."""
    if request.method != "POST":
        return shown(request, visit, "member/profile.html", here="me", form=_profile(visit.member))
    form = {name: request.POST.get(name, "").strip() for name in ("name", "year", "month", "day")}
    try:
        own_card.correct(
            member_id=visit.member.pk, changes=_changes(form, visit.member), at=visit.at
        )
    except Refusal as refusal:
        return shown(
            request,
            visit,
            "member/profile.html",
            refusal=refusal,
            here="me",
            form=form,
        )
    messages.success(request, _("Saved."))
    return redirect("card:me")


def _profile(member: Member) -> dict[str, Any]:
    return {
        "name": member.name,
        "year": member.birth_year or "",
        "month": member.birth_month or "",
        "day": member.birth_day or "",
    }


def _changes(form: dict[str, str], member: Member) -> dict[str, Any]:
    changes: dict[str, Any] = {"name": form["name"]}
    if member.birth_month is None and any(form[part] for part in ("year", "month", "day")):
        for part in ("year", "month", "day"):
            changes[f"birth_{part}"] = _number(form[part])
    return changes


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Refusal(
            "birthday_impossible",
            gettext_lazy("Write the birthday in digits, or leave it out."),
            field="birth_day",
        )
    return int(text)


@require_POST
@member_page
def language(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Switch the language of this browser and of what the member is written in."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        raise Http404
    own_card.correct(member_id=visit.member.pk, changes={"language": chosen}, at=visit.at)
    response = redirect("card:me")
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        samesite="Lax",
        secure=settings.LANGUAGE_COOKIE_SECURE,
    )
    return response


@page
@member_page
def consents(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What I agreed to. Taking back counts at once."""
    if request.method == "POST":
        answers = {question: question.name in request.POST for question in consent.OPTIONAL}
        consent.answer(
            member_id=visit.member.pk, answers=answers, source="card", actor=None, at=visit.at
        )
        messages.success(request, _("Saved. It counts from now on."))
        return redirect("card:consents")
    state = consent.state(member_id=visit.member.pk, questions=consent.OPTIONAL)
    return shown(request, visit, "member/consents.html", here="me", state=list(state.items()))


@page
@member_page
def linked(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The WeChat accounts that open this card, and the button that ends it."""
    found = identities.of_member(visit.member.pk)
    if not found and not is_set_up():
        raise Http404
    if request.method != "POST":
        return shown(request, visit, "member/linked.html", here="me", linked=found)
    linking.remove_all(member_id=visit.member.pk, at=visit.at)
    messages.success(request, _("Removed. Next time the card asks for your phone number."))
    response = redirect("card:me")
    wechat.leave(request, response)
    return response


@page
@member_page
def freeze(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Stop the card, or take it up again."""
    member = visit.member
    refusal = None
    if request.method == "POST":
        act = own_card.unfreeze if "unfreeze" in request.POST else own_card.freeze
        try:
            act(member_id=member.pk, at=visit.at)
        except Refusal as error:
            # A second tap, or the shop was quicker: the card is as it was asked to be.
            refusal = None if error.code in ("already_frozen", "not_frozen") else error
        if refusal is None:
            return redirect("card:freeze")
    return shown(
        request,
        visit,
        "member/freeze.html",
        refusal=refusal,
        here="me",
        is_frozen=member.status == Member.Status.FROZEN,
        by_shop=member.status == Member.Status.FROZEN
        and own_card.is_frozen_by_shop(member_id=member.pk),
    )


@sensitive_post_parameters("pin", "old_pin", "again")
@page
@member_page
def pin(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Six digits of one's own, typed twice; with the old ones unless the phone was just proved."""
    is_proved = visit.session.is_fresh(visit.at)
    needs_old = bool(visit.member.pin_hash) and not is_proved
    refusal = None
    if request.method == "POST":
        try:
            _set_pin(request, visit, is_proved=is_proved)
        except Refusal as error:
            refusal = error
        else:
            messages.success(request, _("Your PIN is set."))
            return redirect("card:me")
    return shown(request, visit, "member/pin.html", refusal=refusal, here="me", needs_old=needs_old)


def _set_pin(request: HttpRequest, visit: Visit, *, is_proved: bool) -> None:
    new = request.POST.get("pin", "")
    if new != request.POST.get("again", ""):
        raise Refusal(
            "pins_differ", gettext_lazy("The two PINs differ. Type them again."), field="again"
        )
    member_pin.set_pin(
        member_id=visit.member.pk,
        pin=new,
        old_pin=request.POST.get("old_pin", ""),
        is_proved=is_proved,
        at=visit.at,
    )


@require_POST
@member_page
def end_all(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Log out of every browser, this one too."""
    member_sessions.end_all(member_id=visit.member.pk, at=visit.at)
    response = redirect("card:join")
    close_card(response)
    wechat.leave(request, response)
    return response


@page
@member_page
def messages_page(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The inbox. Opening it marks nothing (a GET writes nothing); the button does."""
    if request.method == "POST":
        up_to = request.POST.get("up_to", "")
        if up_to.isascii() and up_to.isdigit() and len(up_to) < 19:
            inbox.mark_read(member_id=visit.member.pk, up_to=int(up_to), at=visit.at)
        return redirect("card:inbox")
    rows = inbox.newest(member_id=visit.member.pk)
    return shown(
        request,
        visit,
        "member/inbox.html",
        here="inbox",
        told=[words.tell(row) for row in rows],
        up_to=rows[0].pk if rows else 0,
        recent=visit.at - RECENT,
    )


@page
@member_page
def confirm(request: HttpRequest, visit: Visit, confirmation_id: int) -> HttpResponse:
    """A large spend at the counter waits for this member's yes or no."""
    row = (
        SpendConfirmation.objects.filter(pk=confirmation_id, member=visit.member)
        .select_related("shop")
        .first()
    )
    if row is None:
        raise Http404
    refusal = None
    if request.method == "POST":
        act = confirmations.approve if "yes" in request.POST else confirmations.refuse
        try:
            act(confirmation_id=row.pk, member_id=visit.member.pk, at=visit.at)
        except Refusal as error:
            refusal = error
        else:
            return redirect("card:confirm", row.pk)
    state = confirmations.check(confirmation_id=row.pk, member_id=visit.member.pk, at=visit.at)
    left_s = max(int((row.expires_at - visit.at).total_seconds()), 0)
    return shown(
        request,
        visit,
        "member/confirm.html",
        refusal=refusal,
        here="confirm",
        row=row,
        state=state,
        left_s=left_s,
    )
