"""What is in the card: coupons, points, stored value, tiers, check-ins and orders."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from loyalty.card import bills, presenters
from loyalty.card.access import Visit, member_page
from loyalty.card.face import face_of
from loyalty.models import CheckIn, Coupon, Order
from loyalty.services import offers
from members import barcode, clock
from members.errors import Refusal
from members.models import Shop
from members.services import inbox

PAGE = 30
PAST = 20
LOTS = 3  # the ones that end soonest, by day; the rest as one sum
CALENDAR_DAYS = 28


def shown(
    request: HttpRequest,
    visit: Visit,
    template: str,
    *,
    refusal: Refusal | None = None,
    **context: object,
) -> HttpResponse:
    """A page of the card: the face of the member's tier, what is unread, what was refused."""
    plain = {
        "member": visit.member,
        "at": visit.at,
        "today": clock.local_date(visit.at),
        "unread": inbox.unread(visit.member.pk).count(),
        "error": refusal,
    }
    if "face" not in context:
        stats = getattr(visit.member, "stats", None)
        plain["face"] = face_of(stats.tier_id if stats else None)
    status = refusal.status if refusal else 200
    return render(request, template, {**plain, **context}, status=status)


def _before(request: HttpRequest) -> int | None:
    given = request.GET.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


@require_safe
@member_page
def coupons(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The usable coupons with their price in hand, then what became of the others."""
    standing, book = presenters.standing_of(visit.member, at=visit.at)
    shop = presenters.usual_shop(visit.member, list(Shop.objects.filter(is_active=True)))
    held = offers.wallet(standing=standing, book=book, shop_id=shop.pk if shop else 0, at=visit.at)
    views = presenters.coupon_views(held, book, at=visit.at)
    codes = Coupon.objects.in_bulk([view["id"] for view in views])
    for view in views:
        row = codes.get(view["id"])
        code, source = (row.code, row.source) if row else ("", "")
        bars, width = barcode.code128_path(code) if code else ("", 0)
        view |= {"code": presenters.grouped(code), "bars": bars, "bars_width": width}
        view["source"] = bills.SOURCES.get(source, "")
    past = Coupon.objects.filter(member=visit.member).exclude(pk__in=codes)
    return shown(
        request,
        visit,
        "member/coupons.html",
        here="coupons",
        face=face_of(standing.tier_id),
        coupons=views,
        past=list(past.select_related("template").order_by("-expires_at", "-pk")[:PAST]),
    )


@require_safe
@member_page
def points(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The points: what they are worth, when they end, and why each changed."""
    standing, book = presenters.standing_of(visit.member, at=visit.at)
    rows = bills.points_rows(visit.member.pk, before=_before(request), limit=PAGE)
    rule, lots = book.points_rule, bills.points_lots(standing)
    return shown(
        request,
        visit,
        "member/points.html",
        here="points",
        face=face_of(standing.tier_id),
        points=standing.spendable_points,
        worth_fen=standing.spendable_points // rule.step_points * rule.step_value_fen,
        debt=standing.points_debt,
        step_points=rule.step_points,
        step_fen=rule.step_value_fen,
        lots=lots[:LOTS],
        later=sum(left for left, _day in lots[LOTS:]),
        rows=rows,
        earlier=rows[-1].id if len(rows) == PAGE else None,
    )


@require_safe
@member_page
def value(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The stored value: principal and bonus, and each movement with its shop and order."""
    standing, _book = presenters.standing_of(visit.member, at=visit.at)
    rows, earlier = bills.value_rows(visit.member.pk, before=_before(request), limit=PAGE)
    return shown(
        request,
        visit,
        "member/value.html",
        here="value",
        face=face_of(standing.tier_id),
        value_fen=standing.value_fen,
        principal_fen=sum(lot.principal_fen for lot in standing.value_lots),
        bonus_fen=sum(lot.bonus_fen for lot in standing.value_lots),
        rows=rows,
        earlier=earlier,
    )


@require_safe
@member_page
def tiers(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The ladder: what each tier takes and gives, and where the member stands."""
    return ladder_page(request, visit)


def ladder_page(
    request: HttpRequest, visit: Visit, *, refusal: Refusal | None = None
) -> HttpResponse:
    standing, book = presenters.standing_of(visit.member, at=visit.at)
    return shown(
        request,
        visit,
        "member/tiers.html",
        refusal=refusal,
        here="tiers",
        face=face_of(standing.tier_id),
        tiers=presenters.ladder(standing, book, at=visit.at),
        points=standing.spendable_points,
        progress=presenters.progress(standing, book),
        until=standing.tier_until,
        is_trailing=book.policy["progress"] != "lifetime",
    )


@require_safe
@member_page
def check_ins(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The last four weeks, day by day."""
    standing, book = presenters.standing_of(visit.member, at=visit.at)
    today = clock.local_date(visit.at)
    monday = today - dt.timedelta(days=today.weekday() + CALENDAR_DAYS - 7)
    done = set(
        CheckIn.objects.filter(member=visit.member, day__gte=monday).values_list("day", flat=True)
    )
    days = [monday + dt.timedelta(days=number) for number in range(CALENDAR_DAYS)]
    return shown(
        request,
        visit,
        "member/check_ins.html",
        here="check_ins",
        face=face_of(standing.tier_id),
        streak=presenters.streak(visit.member.pk, day=today, book=book),
        checkin_points=int(book.policy.get("checkin_points", 0)),
        total=standing.checkins,
        days=[(day, day in done, day == today, day > today) for day in days],
    )


@require_safe
@member_page
def orders(request: HttpRequest, visit: Visit) -> HttpResponse:
    before = _before(request)
    rows = Order.objects.filter(member=visit.member).select_related("shop")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[:PAGE])
    return shown(
        request,
        visit,
        "member/orders.html",
        here="orders",
        orders=found,
        earlier=found[-1].pk if len(found) == PAGE else None,
    )


@require_safe
@member_page
def order(request: HttpRequest, visit: Visit, order_id: int) -> HttpResponse:
    """One order of one's own: its articles, how its price came about, what came back."""
    row = (
        Order.objects.filter(pk=order_id, member=visit.member)
        .select_related("shop", "staff")
        .prefetch_related("lines", "steps", "tenders", "refunds")
        .first()
    )
    if row is None:
        raise Http404
    return shown(
        request, visit, "member/order.html", here="orders", order=row, **bills.order_view(row)
    )
