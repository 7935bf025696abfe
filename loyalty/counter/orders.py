"""Settled sales: the result, the last ones, undo, refund."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import astuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from loyalty.counter import entry, parsing, presenters, seconds, wording
from loyalty.counter.access import Till, counter_page
from loyalty.models import Order, Refund
from loyalty.models.orders import TenderKind
from loyalty.selectors import sales, sold
from loyalty.services import approvals, requests, undoing
from loyalty.services.refusals import refusal_for
from loyalty.settlement import refunds
from loyalty.settlement.refunds import RefundRequest, RefundResult, SoldOrder
from loyalty.settlement.types import Refused
from members import clock
from members.errors import Refusal
from members.text import plain, row_number

SECOND = ("approver", "pin")  # the fields of whoever approves
JUST_NOW = dt.timedelta(seconds=8)


@require_safe
@counter_page
def last(request: HttpRequest, till: Till) -> HttpResponse:
    """The last sales of this shop."""
    context = {
        "till": till,
        "here": "orders",
        "orders": sales.last_orders(till.shop),
        "waiting": seconds.waiting_in(till),
    }
    return render(request, "counter/orders.html", context)


@require_safe
@counter_page
def order(request: HttpRequest, till: Till, order_id: int) -> HttpResponse:
    """A sale: the result right after Enter, and its papers ever after."""
    return _page(request, till, _found(till, order_id))


def _found(till: Till, order_id: int) -> Order:
    found = sales.order_in(till.shop, order_id)
    if found is None:
        raise Http404
    return found


def _page(
    request: HttpRequest, till: Till, found: Order, *, error: Refusal | None = None
) -> HttpResponse:
    at = clock.now()
    member = None
    if found.member_id is not None:
        standing, book = presenters.standing_of(found.member_id, at=at)
        member = presenters.member_view(standing, book) if standing else None
    undone = list(found.refunds.all())
    state = sold.load(found)
    second = seconds.wanted(
        request,
        till,
        found,
        base_fen=sum(line.left_fen for line in state.lines),
        is_void=True,
        at=at,
    )
    context = {
        "till": till,
        "order": found,
        "rows": sales.rows(found, state),
        "steps": [presenters.step_view(step) for step in found.steps.all()],
        "tenders": [
            (wording.tender_words(tender.kind), tender.amount_fen) for tender in found.tenders.all()
        ],
        "refunds": undone,
        "returned": _returned(undone[-1]) if undone else None,
        "just_returned": bool(undone) and at - undone[-1].at < JUST_NOW,
        "outside": _outside_tender(found),
        "state": wording.state_words(found.status),
        "member": member,
        # One tap asks for no PIN.
        "undo_left": 0 if second else undo_left(found, at),
        "second": second,
        "is_about_second": bool(second) and error is not None and error.field in SECOND,
        "requests": seconds.of_order(found, till),
        "papers": "papers" in request.GET,
        "spoken": wording.spoken(sum(tender.amount_fen for tender in found.tenders.all())),
        "can_void": found.status == Order.Status.SETTLED
        and found.local_date == clock.local_date(at),
        "can_refund": found.status in (Order.Status.SETTLED, Order.Status.PART_REFUNDED),
        "key": uuid.uuid4(),
        "next_sale": uuid.uuid4(),
        "error": presenters.error_view(error) if error else None,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "counter/order.html", context, status=error.status if error else 200)


def _returned(last: Refund) -> dict[str, int]:
    """What the last refund gave back and took back, for the figures at the top."""
    return {
        "other_fen": last.other_fen,
        "stored_fen": last.principal_fen + last.bonus_fen,
        "points": last.points_returned,
        "taken": last.points_clawed_back,
    }


def undo_left(found: Order, at: dt.datetime) -> int:
    """Seconds in which one tap undoes the sale."""
    if found.status != Order.Status.SETTLED:
        return 0
    age = int((at - found.at).total_seconds())
    return max(approvals.UNDO_SECONDS - age, 0) if age >= 0 else 0


@sensitive_post_parameters("pin")
@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def void(request: HttpRequest, till: Till, order_id: int) -> HttpResponse:
    """Undo a sale of today. Within a minute one tap is enough; later a reason is asked, and of a
    large one a second person."""
    found = _found(till, order_id)
    if request.method != "POST":
        return redirect("counter:order", order_id)
    at = clock.now()
    reason = request.POST.get("reason", "").strip()
    try:
        # Of a sale that is undone already the service says so, or replays the first answer.
        if not reason and found.status == Order.Status.SETTLED and not undo_left(found, at):
            raise Refusal("reason_needed", _("Say why, in a few words."), field="reason")
        if request.POST.get("do") == seconds.ASK:
            seconds.ask(request, till, order_id, is_void=True, lines=None, amount_fen=None, at=at)
            return redirect("counter:order", order_id)
        undoing.void(
            key=parsing.client_key(request.POST.get("key")),
            order_id=order_id,
            reason=parsing.text(reason, "reason") or wording.UNDONE_AT_ONCE,
            shop=till.shop,
            actor=till.staff,
            approver=seconds.proved(request, till),
            at=at,
        )
    except Refusal as refusal:
        return _page(request, till, _found(till, order_id), error=refusal)
    return redirect("counter:order", order_id)


@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def withdraw(request: HttpRequest, till: Till, order_id: int) -> HttpResponse:
    """Whoever asked for a second person does not want it any more."""
    found = _found(till, order_id)
    if request.method == "POST":
        approval_id = row_number(request.POST.get("request", ""))
        try:
            requests.withdraw(approval_id=approval_id, actor=till.staff, at=clock.now())
        except Refusal as refusal:
            return _page(request, till, found, error=refusal)
    return redirect("counter:order", order_id)


@sensitive_post_parameters("pin")
@require_http_methods(["GET", "HEAD", "POST"])
@counter_page
def refund(request: HttpRequest, till: Till, order_id: int) -> HttpResponse:
    """Give back chosen lines, an amount, or everything that is left.

    Worked out and shown first; given back when exactly that is confirmed, or asked for.
    """
    found = _found(till, order_id)
    state = sold.load(found)
    at = clock.now()
    error = preview = None
    if request.method == "POST":
        try:
            wanted = _wanted(request, state)
            preview = _worked_out(state, wanted)
            if request.POST.get("seen") == _token(preview) and request.POST.get("do") != "all":
                _give_back(request, till, order_id, wanted, at=at)
                return redirect("counter:order", order_id)
        except Refusal as refusal:
            error = refusal
    context = {
        "till": till,
        "order": found,
        "rows": [
            (row, request.POST.get(f"quantity-{row.line.index}", ""))
            for row in sales.rows(found, state)
        ],
        "left_fen": sum(line.left_fen for line in state.lines),
        "preview": preview,
        "seen": _token(preview) if preview else "",
        "everything": preview is not None and preview.is_full and _asks_everything(request),
        "tender": _outside_tender(found),
        "second": seconds.wanted(
            request, till, found, base_fen=preview.total.base_fen, is_void=False, at=at
        )
        if preview
        else None,
        "error": presenters.error_view(error) if error else None,
        "typed": request.POST,
        "key": request.POST.get("key") or uuid.uuid4(),
    }
    return render(request, "counter/refund.html", context, status=error.status if error else 200)


def _asks_everything(request: HttpRequest) -> bool:
    return request.POST.get("do") == "all" or request.POST.get("everything") == "on"


def _wanted(request: HttpRequest, state: SoldOrder) -> RefundRequest:
    """What the form asks to give back. Refuses with the field that is wrong."""
    if _asks_everything(request):
        return RefundRequest(everything=True)
    lines = _chosen_lines(request, state)
    words = request.POST.get("amount", "").strip()
    amount_fen = entry.read_amount(words, "amount") if words else None
    if lines and amount_fen is not None:
        parsing.refuse(
            "refund_unreadable", _("Give back lines or an amount, not both at once."), "amount"
        )
    if not lines and amount_fen is None:
        parsing.refuse(
            "refund_unreadable",
            _("Say how many of which line go back, or enter an amount."),
            "lines",
        )
    return RefundRequest(lines=tuple(lines), amount_fen=amount_fen)


def _worked_out(state: SoldOrder, wanted: RefundRequest) -> RefundResult:
    try:
        return refunds.refund(state, wanted)
    except Refused as error:
        refusal = refusal_for(error)
        refusal.field = "amount" if wanted.amount_fen is not None else "lines"
        raise refusal from error


def _token(result: RefundResult) -> str:
    """What the preview showed, to see that the confirmation means the same."""
    return "-".join(str(part) for part in astuple(result.total))


def _give_back(
    request: HttpRequest, till: Till, order_id: int, wanted: RefundRequest, *, at: dt.datetime
) -> None:
    reason = parsing.text(request.POST.get("reason", ""), "reason")
    if not reason:
        parsing.refuse("reason_needed", _("Say why, in a few words."), "reason")
    what = {"lines": wanted.lines or None, "amount_fen": wanted.amount_fen}
    if request.POST.get("do") == seconds.ASK:
        seconds.ask(request, till, order_id, is_void=False, at=at, **what)
        return
    undoing.refund(
        key=parsing.client_key(request.POST.get("key")),
        order_id=order_id,
        lines=wanted.lines or None,
        amount_fen=wanted.amount_fen,
        reason=reason,
        shop=till.shop,
        actor=till.staff,
        approver=seconds.proved(request, till),
        at=at,
    )


def _chosen_lines(request: HttpRequest, state: SoldOrder) -> list[tuple[int, int]]:
    """(line, how many) of every field that holds more than 0."""
    chosen = []
    for line in state.lines:
        field = f"quantity-{line.key}"
        text = plain(request.POST.get(field, ""))
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            parsing.refuse("quantity_unreadable", _("Write how many as a whole number."), field)
        if int(text) > line.left_quantity:
            parsing.refuse(
                "refund_exceeds_paid",
                _("More than was paid cannot be given back. Check what is left."),
                field,
            )
        if int(text):
            chosen.append((line.key, int(text)))
    return chosen


def _outside_tender(found: Order) -> str:
    for tender in found.tenders.all():
        if tender.kind != TenderKind.STORED_VALUE:
            return wording.tender_words(tender.kind)
    return wording.tender_words(TenderKind.CASH)
