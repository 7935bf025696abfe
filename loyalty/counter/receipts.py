"""A receipt on paper of 58 or 80 mm: 32 or 48 columns, with the code that claims its points."""

from __future__ import annotations

import datetime as dt
import textwrap
import unicodedata
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from loyalty.counter import presenters, wording
from loyalty.counter.access import Till, counter_page
from loyalty.models import Order, OrderLine
from loyalty.money import format_yuan
from loyalty.selectors import inputs, sales
from loyalty.services import claiming
from members import barcode, clock
from members.errors import Refusal

COLUMNS = {58: 32, 80: 48}


@require_safe
@counter_page
def receipt(request: HttpRequest, till: Till, order_id: int) -> HttpResponse:
    """``?width=58`` for narrow paper."""
    order = sales.order_in(till.shop, order_id)
    if order is None:
        raise Http404
    width = 58 if request.GET.get("width") == "58" else 80
    at = clock.now()
    context: dict[str, Any] = {
        "till": till,
        "order": order,
        "width": width,
        "text": "\n".join(lines(order, columns=COLUMNS[width], at_shop=till.shop.name, at=at)),
    }
    try:
        found = claiming.look(token=claiming.token(order), at=at)
    except Refusal:
        found = None
    if found is not None and found.points:
        address = request.build_absolute_uri(reverse("card:claim", args=[claiming.token(order)]))
        path, side = barcode.qr_path(address)
        context |= {"qr": path, "qr_side": side, "claim": address, "points": found.points}
    return render(request, "counter/receipt.html", context)


def columns_of(text: str) -> int:
    """How many columns a printer takes for this; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def cut(text: str, columns: int) -> str:
    while columns_of(text) > columns:
        text = text[:-1]
    return text


def pair(left: str, right: str, columns: int) -> list[str]:
    """Words on the left, a figure on the right; long words get a line of their own."""
    room = columns - columns_of(right) - 1
    if columns_of(left) <= room:
        return [left + " " * (columns - columns_of(left) - columns_of(right)) + right]
    return [cut(left, columns), " " * (columns - columns_of(right)) + right]


def centred(text: str, columns: int) -> str:
    text = cut(text, columns)
    return " " * ((columns - columns_of(text)) // 2) + text


def lines(order: Order, *, columns: int, at_shop: str, at: dt.datetime) -> list[str]:
    """The receipt's lines, none wider than ``columns``."""
    rule = "-" * columns
    local = order.at.astimezone(clock.shop_zone())
    out = [centred(at_shop, columns), rule]
    out += pair(_("No. %(number)s") % {"number": order.pk}, f"{local:%Y-%m-%d %H:%M}", columns)
    if order.staff:
        out.append(cut(_("Served by %(name)s") % {"name": order.staff}, columns))
    out.append(rule)
    for line in OrderLine.objects.filter(order=order).order_by("index"):
        name = line.name or _("Amount")
        if line.quantity > 1:
            name = f"{name} ×{line.quantity}"
        out += pair(name, format_yuan(line.list_fen), columns)
    out.append(rule)
    for step in order.steps.all():
        view = presenters.step_view(step)
        if view["kind"] in ("other", "stored_value", "earn", "multiplier"):
            continue
        out += pair(view["name"], f"-{format_yuan(view['amount_fen'])}", columns)
    for tender in order.tenders.all():
        out += pair(wording.tender_words(tender.kind), format_yuan(tender.amount_fen), columns)
    out += _of_member(order, columns, rule, at)
    if order.status != Order.Status.SETTLED:
        out += [rule, centred(wording.state_words(order.status), columns)]
    return [*out, rule, *_wrapped(_("Thank you. Come back soon!"), columns)]


def _of_member(order: Order, columns: int, rule: str, at: dt.datetime) -> list[str]:
    if order.member is None:
        return []
    standing = inputs.load(member_id=order.member.pk, at=at)
    out = [rule, cut(order.member.masked_name or order.member.masked_phone, columns)]
    if order.points_earned:
        out += pair(_("Points earned"), f"+{order.points_earned:,}", columns)
    if standing is not None:
        out += pair(_("Points now"), f"{standing.spendable_points:,}", columns)
        out += pair(_("Balance now"), format_yuan(standing.value_fen), columns)
    return out


def _wrapped(text: str, columns: int) -> list[str]:
    if columns_of(text) <= columns:
        return [centred(text, columns)]
    return textwrap.wrap(text, columns // 2)
