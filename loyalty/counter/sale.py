"""The sale: one field, the working in words, Enter to settle. Complete without JavaScript.

Every change is a POST that leads back to the sale's own address, so reload, back and a change of
language lose nothing. Enter does the next thing: read the field, take over the points, settle.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from typing import TypeGuard

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from loyalty.counter import changes, drafts, entry, identity, parsing, sale_page
from loyalty.counter.access import Till, counter_page
from loyalty.counter.drafts import Draft, DraftLine
from loyalty.counter.entry import Choice
from loyalty.models import Coupon, CouponTemplate
from loyalty.selectors import sales
from loyalty.services import checkout, confirmations, discount_codes, redeeming
from members import clock
from members.errors import Refusal, member_unknown
from members.models import Member
from members.selectors import find
from members.services import member_pin
from members.text import plain, plain_digits


@require_safe
@counter_page
def home(request: HttpRequest, till: Till) -> HttpResponse:
    """A blank sale; its address is made with the first thing entered."""
    return sale_page.show(request, till, Draft(uuid.uuid4()))


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def ring_up(request: HttpRequest, till: Till, draft_id: uuid.UUID) -> HttpResponse:
    draft = drafts.load(till, draft_id)
    if draft.order_id is not None:
        return redirect("counter:order", draft.order_id)
    if request.method != "POST":
        return sale_page.show(request, till, draft)
    try:
        if drafts.is_repeated(draft, request.POST):
            return redirect("counter:sale", draft_id)
        return _act(request, till, draft)
    except Refusal as refusal:
        return sale_page.show(request, till, drafts.load(till, draft_id), error=refusal)


def _act(request: HttpRequest, till: Till, draft: Draft) -> HttpResponse:
    """What was asked by a button, or by Enter: the next thing."""
    action, _colon, argument = request.POST.get("do", "go").partition(":")
    if action not in ("go", "take", "look"):
        change = changes.ALL.get(action)
        if change is None:
            raise Refusal("action_unknown", _("This button is not known. Reload the page."))
        _take_seen(request, till, draft)
        before = draft.member_id
        change(draft, argument)
        if draft.member_id is not None and draft.member_id != before:
            identity.usable(find.by_id(draft.member_id), till=till)
        if action in changes.SPENDING and argument not in ("off", "0"):
            identity.refuse_spending_unseen(draft, till=till, at=clock.now())
        return _kept(request, till, draft)
    words = request.POST.get("entry", "").strip()
    points = _points_asked(request, draft)
    if words:
        found = entry.read(words)
        if isinstance(found, Choice):
            return sale_page.show(request, till, draft, choice=found)
        if action == "look":  # what it would come to; nothing is kept
            return _look(request, till, draft, found, words)
        draft.points = points
        _take(draft, found, words, till=till)
        if isinstance(found, entry.DiscountCode):
            done = _("On the card now: %(name)s.") % {"name": found.template.name}
            messages.success(request, done)
        if _is_pass_alone(found, draft):
            return _redeem_pass(till, draft, found.pk)
        if isinstance(found, DraftLine) and _was_seen(request, till, draft, words):
            return settle(request, till, draft)
        return _kept(request, till, draft)
    if points != draft.points:
        draft.points = points
        identity.refuse_spending_unseen(draft, till=till, at=clock.now())
        checkout.quote(cart=draft.cart(), shop=till.shop, at=clock.now())
        return _kept(request, till, draft)
    if action != "go":
        return sale_page.show(request, till, draft)
    return settle(request, till, draft)


def _look(
    request: HttpRequest, till: Till, draft: Draft, found: entry.Read, words: str
) -> HttpResponse:
    """The page as it would be with this amount, for who is still typing."""
    if isinstance(found, DraftLine):
        _take(draft, found, words, till=till)
        _default_stored_value(till, draft)
    return sale_page.show(request, till, draft, seen=words)


def _take_seen(request: HttpRequest, till: Till, draft: Draft) -> None:
    """A button pressed while an amount that was worked out stands in the field: it is meant."""
    words = request.POST.get("entry", "").strip()
    if words and request.POST.get("seen") == words:
        found = entry.read(words)
        if isinstance(found, DraftLine):
            _take(draft, found, words, till=till)


def _was_seen(request: HttpRequest, till: Till, draft: Draft, words: str) -> bool:
    """Whether the cashier saw what this very amount comes to for this member: then Enter settles.

    Without a member the amount is only taken; the next scan may still tell who pays.
    """
    if draft.member_id is None or request.POST.get("seen") != words or draft.tail:
        return False
    _default_stored_value(till, draft)
    worked = checkout.quote(cart=draft.cart(), shop=till.shop, at=clock.now())
    return worked.hash == request.POST.get("hash")


def _default_stored_value(till: Till, draft: Draft) -> None:
    """After a live code stored value pays by itself when it covers everything."""
    if draft.is_stored_chosen or not draft.lines:
        return
    draft.use_stored_value = False
    at = clock.now()
    if identity.is_by_code(draft, till=till, at=at):
        try:
            cart = replace(draft.cart(), use_stored_value=True)
            covered = checkout.quote(cart=cart, shop=till.shop, at=at).settlement
        except Refusal:
            return  # the page says why
        draft.use_stored_value = covered.other_fen == 0 and covered.stored_paid_fen > 0


def _kept(request: HttpRequest, till: Till, draft: Draft) -> HttpResponse:
    _default_stored_value(till, draft)
    drafts.mark_done(draft, request.POST)
    drafts.save(till, draft)
    return redirect("counter:sale", draft.id)


def _points_asked(request: HttpRequest, draft: Draft) -> int:
    text = plain(request.POST.get("points", str(draft.points))) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Refusal("points_unreadable", _("Write the points as a whole number."), field="points")
    return int(text)


def _take(
    draft: Draft,
    found: entry.Read,
    words: str,
    *,
    till: Till,
) -> None:
    draft.tail = ""
    if isinstance(found, entry.MemberCode):
        _claim(draft, found.digits, till=till)
    elif isinstance(found, Member):
        draft.choose_member(identity.usable(found, till=till).pk)
    elif isinstance(found, Choice):
        return
    elif isinstance(found, Coupon):
        _take_coupon(draft, found, till=till)
    elif isinstance(found, entry.DiscountCode):
        _take_code(draft, found, till=till)
    elif len(draft.lines) >= parsing.MAX_LINES:
        raise Refusal("too_many_lines", _("A sale has at most 500 lines. Split it into two."))
    else:
        draft.add(found)
        digits = plain_digits(words)
        if draft.member_id is None and len(digits) == 4 and digits.isdigit():
            draft.tail = digits


def _claim(draft: Draft, code: str, *, till: Till) -> None:
    """The same code twice in one sale is a scanner that stammers."""
    if draft.code == code:
        return
    at = clock.now()
    draft.choose_member(identity.claim(till=till, code=code, at=at).pk)
    identity.remember_in(draft, till=till, code=code, at=at)


def _take_coupon(draft: Draft, coupon: Coupon, *, till: Till) -> None:
    """A coupon also tells whose it is, as a card number does."""
    if draft.member_id is None:
        draft.choose_member(identity.usable(find.by_id(coupon.member_id), till=till).pk)
    if coupon.member_id != draft.member_id:
        raise Refusal("coupon_unknown", _("This coupon is not one of this member's."), status=404)
    chosen = draft.coupons or []
    draft.coupons = chosen if coupon.pk in chosen else [*chosen, coupon.pk]
    draft.without_coupons = [other for other in draft.without_coupons if other != coupon.pk]

    if draft.lines:  # refused now, while taking it back is one scan less
        checkout.quote(cart=draft.cart(), shop=till.shop, at=clock.now())


def _take_code(draft: Draft, found: entry.DiscountCode, *, till: Till) -> None:
    """The code's coupon goes on the member's card, where the best combination finds it."""
    if draft.member_id is None:
        raise Refusal(
            "member_needed",
            _("This discount code needs a member. Find the member, then type it again."),
            field="entry",
        )
    coupon_id = discount_codes.take(
        template=found.template,
        member_id=draft.member_id,
        shop=till.shop,
        actor=till.staff,
        at=clock.now(),
    )
    draft.without_coupons = [one for one in draft.without_coupons if one != coupon_id]


def settle(request: HttpRequest, till: Till, draft: Draft) -> HttpResponse:
    """Settle what was on the screen; a spend that needs the member's own yes waits for it."""
    seen = request.POST.get("hash", "")
    if not draft.lines:
        raise Refusal("cart_empty", _("Enter an amount or an article first."))
    if not seen:  # the amount was never on the screen: show it first
        return _kept(request, till, draft)
    draft.tender = parsing.tender(request.POST.get("tender"))
    at = clock.now()
    try:
        answer = checkout.settle(
            key=draft.id,
            cart=draft.cart(),
            expected_hash=seen,
            tender=draft.tender,
            shop=till.shop,
            actor=till.staff,
            at=at,
            identity=identity.of_draft(
                draft, till=till, at=at, is_pin_proved=pin_proved(request, draft, at)
            ),
        )
    except Refusal as refusal:
        if refusal.code == "confirmation_needed":
            ask_member(till, draft, at=at)
            return redirect("counter:confirm", draft.id)
        # Settled before, by another tab or an answer that was lost: that sale is the answer.
        order_id = sales.order_by_key(till.shop, draft.id)
        if refusal.code != "key_reused" or order_id is None:
            raise
    else:
        order_id = answer["order"]
    draft.order_id = order_id
    drafts.save(till, draft)
    return redirect("counter:order", order_id)


def ask_member(till: Till, draft: Draft, *, at: dt.datetime) -> None:
    """Put the spend to the member on their phone."""
    worked = checkout.quote(cart=draft.cart(), shop=till.shop, at=at)
    result = worked.settlement
    if draft.member_id is None or not (result.stored_paid_fen or result.points_fen):
        raise Refusal("nothing_to_confirm", _("Nothing in this sale needs the member's yes."))
    draft.confirmation_id = confirmations.request(
        member_id=draft.member_id,
        stored_fen=result.stored_paid_fen,
        points=result.points_used,
        points_fen=result.points_fen,
        cart_hash=worked.hash,
        shop=till.shop,
        actor=till.staff,
        at=at,
    ).pk
    drafts.save(till, draft)


def pin_proved(request: HttpRequest, draft: Draft, at: dt.datetime) -> bool:
    """Whether the member just typed their PIN here. Refuses a wrong one."""
    pin = request.POST.get("pin", "").strip()
    if not pin or draft.member_id is None:
        return False
    member_pin.check(member=find.by_id(draft.member_id), pin=pin, at=at)
    return True


def _is_pass_alone(found: entry.Read, draft: Draft) -> TypeGuard[Coupon]:
    """A pass scanned with nothing to buy is used once: a coffee handed over."""
    return (
        isinstance(found, Coupon)
        and found.template.kind == CouponTemplate.Kind.PASS
        and not draft.lines
    )


def _redeem_pass(till: Till, draft: Draft, coupon_id: int) -> HttpResponse:
    if draft.member_id is None:
        raise member_unknown()
    answer = redeeming.redeem_pass(
        key=draft.id,
        member_id=draft.member_id,
        coupon_id=coupon_id,
        shop=till.shop,
        actor=till.staff,
        at=clock.now(),
    )
    draft.order_id = answer["order"]
    drafts.save(till, draft)
    return redirect("counter:order", draft.order_id)
