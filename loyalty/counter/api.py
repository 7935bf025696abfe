"""The counter's JSON endpoints, for its own scripts, `ring_up` and the benchmark.

Plain functions on the hottest path: parse, one service call, answer. Signed in by session, so
every POST carries the CSRF token. Errors are always {"error": {"code", "message", …}}.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.csrf import csrf_failure

from loyalty.counter import identity, parsing, presenters
from loyalty.counter.access import Till, till_of
from loyalty.selectors import sales
from loyalty.services import approvals, checkout, top_ups, undoing
from loyalty.services.checkout import QuoteChanged
from loyalty.services.confirmations import LIVE_CODE
from loyalty.services.spending import Identity
from members import clock
from members.errors import Refusal, member_unknown
from members.models import Staff

Answer = dict[str, Any]
Endpoint = Callable[..., Answer]

UNDO_FIELDS = frozenset({"key", "reason", "approver", "pin"})
REFUND_FIELDS = UNDO_FIELDS | {"lines", "amount_fen"}
TOP_UP_FIELDS = frozenset({"key", "member", "plan", "amount_fen", "tender"})
SETTLE_FIELDS = parsing.CART_FIELDS | {"key", "hash", "tender"}


def endpoint(method: str) -> Callable[[Endpoint], Callable[..., HttpResponse]]:
    """An endpoint of one method: calls ``view(request, till, …)`` and answers its dict as JSON."""

    def decorate(view: Endpoint) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise Refusal(
                        "method_not_allowed", _("This address is not used like that."), status=405
                    )
                answer = view(request, till_of(request), *args, **kwargs)
            except Refusal as refusal:
                return refused(refusal)
            response = JsonResponse(answer)
            response["Cache-Control"] = "no-store"
            return response

        return serve

    return decorate


def refused(refusal: Refusal) -> JsonResponse:
    body = refusal.as_dict()
    if isinstance(refusal, QuoteChanged):
        details = body["error"].setdefault("details", {})
        details["quote"] = presenters.quote_view(refusal.worked)
    return JsonResponse(body, status=refusal.status, headers={"Cache-Control": "no-store"})


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Every form of the site without its token: programs are answered in their own shape."""
    if not request.path.startswith(reverse("counter:home") + "api/"):
        return csrf_failure(request, reason=reason)
    words = _("The token of this session is missing or old. Load the page anew and send it again.")
    return refused(Refusal("csrf_failed", words, status=403))


def _claim(till: Till, at: dt.datetime) -> Callable[[str], int]:
    """Takes a live code for this session: for five minutes the member may then be named by id.

    The same code again in the same session is the same request repeated: it names the member
    once more and opens nothing anew.
    """

    def take(code: str) -> int:
        known = identity.claimed_before(till=till, code=code)
        if known is not None:
            return known
        member_id = identity.claim(till=till, code=code, at=at).pk
        identity.remember(till=till, member_id=member_id, code=code, at=at)
        return member_id

    return take


@endpoint("POST")
def quote(request: HttpRequest, till: Till) -> Answer:
    """Work a sale out; writes nothing."""
    data = parsing.body_of(request)
    parsing.known_fields(data, parsing.CART_FIELDS)
    at = clock.now()
    cart = parsing.cart(data, claim=_claim(till, at))
    return presenters.quote_view(checkout.quote(cart=cart, shop=till.shop, at=at))


@endpoint("POST")
def settle(request: HttpRequest, till: Till) -> Answer:
    """Settle a sale once; the same key again gets the first answer."""
    data = parsing.body_of(request)
    parsing.known_fields(data, SETTLE_FIELDS)
    at = clock.now()
    key = parsing.client_key(data.get("key"))
    expected_hash = parsing.quote_hash(data.get("hash"))
    tender = parsing.tender(data.get("tender"))
    cart = parsing.cart(data, claim=_claim(till, at))
    who = Identity()
    if cart.member_id is not None and (cart.points or cart.use_stored_value):
        who = identity.of_session(till=till, member_id=cart.member_id, at=at)
    answer = checkout.settle(
        key=key,
        cart=cart,
        expected_hash=expected_hash,
        tender=tender,
        shop=till.shop,
        actor=till.staff,
        at=at,
        identity=who,
    )
    if cart.member_id is not None and who.by == LIVE_CODE:
        identity.forget(till=till, member_id=cart.member_id)
    return answer


def _check_shop(till: Till, order_id: int) -> None:
    """A sale is undone in the shop that made it; another shop's is as good as none."""
    if not sales.is_in(till.shop, order_id):
        raise Refusal("order_unknown", _("No such order. Check the number."), status=404)


def _approver(data: Answer, till: Till) -> Staff | None:
    """Who approves a large one on the spot: {"approver": id, "pin": "…"}; without, nobody."""
    if data.get("approver") is None and data.get("pin") is None:
        return None
    return approvals.by_pin(
        staff_id=parsing.whole_number(data.get("approver"), "approver", code="approver_unknown"),
        pin=parsing.text(data.get("pin"), "pin", needed=True),
        actor=till.staff,
        shop=till.shop,
    )


@endpoint("POST")
def void(request: HttpRequest, till: Till, order_id: int) -> Answer:
    """Undo a sale of today as a whole. A large one needs somebody's ``approver`` and ``pin``."""
    data = parsing.body_of(request)
    parsing.known_fields(data, UNDO_FIELDS)
    _check_shop(till, order_id)
    return undoing.void(
        key=parsing.client_key(data.get("key")),
        order_id=order_id,
        reason=parsing.text(data.get("reason"), "reason"),
        shop=till.shop,
        actor=till.staff,
        approver=_approver(data, till),
        at=clock.now(),
    )


@endpoint("POST")
def refund(request: HttpRequest, till: Till, order_id: int) -> Answer:
    """Give back some lines, an amount, or (with neither) everything that is left.

    A large one needs somebody's ``approver`` and ``pin``.
    """
    data = parsing.body_of(request)
    parsing.known_fields(data, REFUND_FIELDS)
    _check_shop(till, order_id)
    lines, amount_fen = data.get("lines"), data.get("amount_fen")
    if lines is not None and amount_fen is not None:
        parsing.refuse(
            "refund_unreadable", _("Give back lines or an amount, not both at once."), "lines"
        )
    return undoing.refund(
        key=parsing.client_key(data.get("key")),
        order_id=order_id,
        lines=None if lines is None else parsing.refund_lines(lines),
        amount_fen=None if amount_fen is None else parsing.amount(amount_fen, "amount_fen"),
        reason=parsing.text(data.get("reason"), "reason"),
        shop=till.shop,
        actor=till.staff,
        approver=_approver(data, till),
        at=clock.now(),
    )


@endpoint("POST")
def top_up(request: HttpRequest, till: Till) -> Answer:
    """Put money on a member's card, by a plan or a free amount."""
    data = parsing.body_of(request)
    parsing.known_fields(data, TOP_UP_FIELDS)
    plan, amount_fen = data.get("plan"), data.get("amount_fen")
    if (plan is None) == (amount_fen is None):
        parsing.refuse("top_up_unreadable", _("Choose one plan or enter one amount."), "plan")
    at = clock.now()
    member_id = parsing.member_id(data.get("member"), claim=_claim(till, at))
    if member_id is None:
        parsing.refuse("member_needed", _("Find the member first."), "member")
    return top_ups.top_up(
        key=parsing.client_key(data.get("key")),
        member_id=member_id,
        plan_id=None
        if plan is None
        else parsing.whole_number(plan, "plan", low=1, code="plan_unknown"),
        amount_fen=None if amount_fen is None else parsing.amount(amount_fen, "amount_fen"),
        tender=parsing.tender(data.get("tender")),
        shop=till.shop,
        actor=till.staff,
        at=at,
    )


@endpoint("GET")
def member(request: HttpRequest, till: Till) -> Answer:
    """Find a member by phone or card number; masked, as the cashier sees them.

    A live code is claimed by a POST (``identify``): an address is no place for it.
    """
    asked = {name: value for name, value in request.GET.items() if name in ("phone", "card")}
    found = parsing.member_id(asked or {"": ""})
    return _seen(int(found or 0), clock.now())


@endpoint("POST")
def identify(request: HttpRequest, till: Till) -> Answer:
    """Claim a scanned live code: {"code": …}. The member may be named by id for five minutes."""
    data = parsing.body_of(request)
    parsing.known_fields(data, {"code"})
    at = clock.now()
    return _seen(_claim(till, at)(parsing.text(data.get("code"), "code", needed=True)), at)


def _seen(member_id: int, at: dt.datetime) -> Answer:
    standing, book = presenters.standing_of(member_id, at=at)
    if standing is None:
        raise member_unknown()
    return {"member": presenters.member_view(standing, book)}
