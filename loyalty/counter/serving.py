"""Without a purchase: a special benefit of this shop is used, what was lent comes back, a member
checks in."""

from __future__ import annotations

import datetime as dt
import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from loyalty.counter import drafts, gift_words, loan_words, parsing, sale_page
from loyalty.counter.access import Till, counter_page
from loyalty.counter.drafts import Draft
from loyalty.services import checkins, loans, redeeming
from members import clock
from members.errors import Refusal


@require_POST
@counter_page
def serve(request: HttpRequest, till: Till, draft_id: uuid.UUID) -> HttpResponse:
    """``do`` is "check-in", "special:<benefit>", or "back", "not-back", "not-lent" with a loan; the
    sale on the screen goes on."""
    draft = drafts.load(till, draft_id)
    action, _colon, argument = request.POST.get("do", "").partition(":")
    try:
        if draft.member_id is None:
            raise Refusal("member_needed", lazy("Find the member first."), field="member")
        if action == "check-in":
            words = _check_in(till, draft.member_id)
        elif action in LOANS:
            words = _loan(request, till, draft.member_id, action, argument)
        else:
            words = _redeem(request, till, draft.member_id, argument)
    except Refusal as refusal:
        return sale_page.show(request, till, draft, error=_at_member(refusal))
    messages.success(request, words)
    return _back(draft)


def _at_member(refusal: Refusal) -> Refusal:
    refusal.field = "member"
    return refusal


def _back(draft: Draft) -> HttpResponse:
    return redirect("counter:sale", draft.id)


def _check_in(till: Till, member_id: int) -> str:
    done = checkins.check_in(member_id=member_id, shop=till.shop, actor=till.staff, at=clock.now())
    words = ngettext(
        "Checked in, %(count)s day running.", "Checked in, %(count)s days running.", done["streak"]
    ) % {"count": done["streak"]}
    if done["points"]:
        words += " " + ngettext(
            "%(count)s point given.", "%(count)s points given.", done["points"]
        ) % {"count": done["points"]}
    gift = gift_words.given(done["gifts"])
    if gift:
        words += " " + _("Gift for these days, on the card now: %(gift)s.") % {"gift": gift}
    return words


def _number(argument: str) -> int:
    if not (argument.isascii() and argument.isdigit() and len(argument) <= 18):
        raise Refusal("action_unknown", lazy("This button is not known. Reload the page."))
    return int(argument)


LOANS = {
    "back": (loans.bring_back, lazy("Brought back: %(thing)s. Thank you.")),
    "not-back": (loans.undo_return, lazy("Out again: %(thing)s.")),
    "not-lent": (loans.undo_lending, lazy("Not lent after all: %(thing)s.")),
}


def _loan(request: HttpRequest, till: Till, member_id: int, action: str, argument: str) -> str:
    service, words = LOANS[action]
    done = service(
        key=parsing.client_key(request.POST.get(f"loan-key-{argument}")),
        loan_id=_number(argument),
        member_id=member_id,
        shop=till.shop,
        actor=till.staff,
        at=clock.now(),
    )
    return str(words) % {"thing": done["thing"] or done["name"]}


def _redeem(request: HttpRequest, till: Till, member_id: int, argument: str) -> str:
    at = clock.now()
    done = redeeming.redeem_special(
        key=parsing.client_key(request.POST.get("redeem_key")),
        member_id=member_id,
        benefit_id=_number(argument),
        thing=request.POST.get("thing", ""),
        shop=till.shop,
        actor=till.staff,
        at=at,
    )
    if done["due"]:
        due_on = dt.date.fromisoformat(done["due"])
        day = loan_words.day_words(due_on, clock.local_date(at))
        return _("Lent: %(thing)s. Due back %(day)s.") % {
            "thing": loans.readable_thing(request.POST.get("thing", "")) or done["name"],
            "day": day,
        }
    if done["left"] is None:
        return _("Used: %(name)s.") % {"name": done["name"]}
    return _("Used: %(name)s. %(left)s left.") % {"name": done["name"], "left": done["left"]}
