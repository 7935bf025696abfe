"""Without a purchase: a special benefit of this shop is used, a member checks in."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from loyalty.counter import drafts, gift_words, parsing, sale_page
from loyalty.counter.access import Till, counter_page
from loyalty.counter.drafts import Draft
from loyalty.services import checkins, redeeming
from members import clock
from members.errors import Refusal


@require_POST
@counter_page
def serve(request: HttpRequest, till: Till, draft_id: uuid.UUID) -> HttpResponse:
    """``do`` is "check-in" or "special:<id>"; the sale on the screen goes on."""
    draft = drafts.load(till, draft_id)
    action, _colon, argument = request.POST.get("do", "").partition(":")
    try:
        if draft.member_id is None:
            raise Refusal("member_needed", gettext_lazy("Find the member first."), field="member")
        if action == "check-in":
            words = _check_in(till, draft.member_id)
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


def _redeem(request: HttpRequest, till: Till, member_id: int, argument: str) -> str:
    if not (argument.isascii() and argument.isdigit() and len(argument) <= 18):
        raise Refusal("action_unknown", gettext_lazy("This button is not known. Reload the page."))
    done = redeeming.redeem_special(
        key=parsing.client_key(request.POST.get("redeem_key")),
        member_id=member_id,
        benefit_id=int(argument),
        shop=till.shop,
        actor=till.staff,
        at=clock.now(),
    )
    if done["left"] is None:
        return _("Used: %(name)s.") % {"name": done["name"]}
    return _("Used: %(name)s. %(left)s left.") % {"name": done["name"], "left": done["left"]}
