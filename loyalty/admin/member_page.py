"""One member: who, what they have, what they did, what to do next."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from loyalty.admin import events_words, next_steps
from loyalty.card import bills, presenters
from loyalty.counter import wording
from loyalty.models import Coupon, Order
from loyalty.selectors.inputs import Standing
from loyalty.services import rules, tiers
from members import clock, registry
from members.admin.base import may_do, person_of
from members.errors import Refusal
from members.models import Card, Event, Member, Staff, Tag
from members.services import identities, looking, notes, tags
from members.services import members as member_service
from members.services.staff import staff_shops
from members.text import row_number

PAGE = 30
PARTS = ("timeline", "points", "value", "coupons", "orders")


def show(request: HttpRequest, object_id: str, model_admin: Any) -> HttpResponse:
    """The member's page; ``?show=`` chooses the list below, ``?before=`` an earlier part of it."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    return _page(request, _member(object_id), model_admin)


def _member(object_id: str) -> Member:
    member = (
        Member.objects.select_related("stats__tier", "joined_shop", "assigned_staff", "merged_into")
        .prefetch_related("tags")
        .filter(pk=row_number(object_id))
        .first()
    )
    if member is None:
        raise Http404
    return member


def _page(
    request: HttpRequest, member: Member, model_admin: Any, *, phone: str = ""
) -> HttpResponse:
    at = clock.now()
    person = person_of(request)
    standing, book = presenters.standing_of(member, at=at)
    part = request.GET.get("show", PARTS[0])
    part = part if part in PARTS else PARTS[0]
    before = request.GET.get("before", "")
    is_known = may_do(request, "see_phone")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": (member.name if is_known else member.masked_name) or _("Member"),
        "opts": model_admin.opts,
        "member": member,
        "phone": phone or member.masked_phone,
        "phone_is_full": bool(phone),
        "may": {
            name: may_do(request, name)
            for name in (
                "see_phone",
                "edit_member",
                "adjust",
                "freeze",
                "unfreeze",
                "give_coupons",
                "merge_members",
                "close_member",
                "note",
            )
        },
        "notes": [
            (note, note.staff_id == person.pk or may_do(request, "edit_member"))
            for note in member.notes.select_related("staff").order_by("-pk")
        ],
        "merged": list(member.merged.order_by("pk")),
        "is_linked": member.identities.exists(),
        "former_phones": list(member.former_phones.order_by("pk")),
        "next_steps": next_steps.of_member(standing, book, at=at),
        "card": Card.objects.filter(member=member).order_by("-pk").first(),
        "standing": standing,
        "principal_fen": sum(lot.principal_fen for lot in standing.value_lots),
        "bonus_fen": sum(lot.bonus_fen for lot in standing.value_lots),
        "points_lots": bills.points_lots(standing)[:1],
        "most_unproved_fen": _most_unproved(member),
        "progress": presenters.progress(standing, book),
        "progress_fen": tiers.progress_fen(standing, book),
        "other_tags": _other_tags(member) if may_do(request, "edit_member") else [],
        "panels": [
            shown
            for panel in registry.panels_of("member")
            if (shown := panel.render(member, request, at)) is not None
        ],
        "part": part,
        "parts": _parts(member, part),
        "shop_ids": set(staff_shops(person).values_list("pk", flat=True)),
        "is_owner": person.role == Staff.Role.OWNER,
        **_list(part, member, standing, row_number(before) or None, at=at),
    }
    return TemplateResponse(request, "admin/member.html", context)


def _most_unproved(member: Member) -> int:
    """What the card may hold while its phone is not confirmed; 0 where there is nothing to say."""
    if member.phone_proved_at is not None or member.status == Member.Status.CLOSED:
        return 0
    return rules.policy().most_fen(is_phone_proved=False)


def _parts(member: Member, part: str) -> list[dict[str, Any]]:
    names = {
        "timeline": _("Timeline"),
        "points": _("Points ledger"),
        "value": _("Stored-value ledger"),
        "coupons": _("Coupons"),
        "orders": _("Purchases"),
    }
    return [{"name": names[key], "key": key, "is_here": key == part} for key in PARTS]


def _other_tags(member: Member) -> list[Tag]:
    mine = {tag.pk for tag in member.tags.all()}
    return [tag for tag in Tag.objects.all() if tag.pk not in mine]


def _list(
    part: str, member: Member, standing: Standing, before: int | None, *, at: dt.datetime
) -> dict[str, Any]:
    """The rows of the chosen list, and the id to go on from."""
    match part:
        case "points":
            rows: list[Any] = bills.points_rows(member.pk, before=before, limit=PAGE + 1)
            return _cut(rows)
        case "value":
            rows, more = bills.value_rows(member.pk, before=before, limit=PAGE)
            return {"rows": rows, "more": more}
        case "coupons":
            coupons = Coupon.objects.filter(member=member).select_related("template")
            return _cut(_earlier(coupons, before), tell=lambda one: _coupon(one, at))
        case "orders":
            orders = Order.objects.filter(member=member).select_related("shop", "staff")
            return _cut(_earlier(orders, before), tell=_order)
    # What happened under a card that was merged into this one is theirs, too.
    cards = [member.pk, *member.merged.values_list("pk", flat=True)]
    events = Event.objects.filter(member__in=cards).select_related("staff", "shop")
    cut = _cut(_earlier(events, before))
    return {**cut, "rows": events_words.tell_all(cut["rows"])}


def _earlier(rows: QuerySet[Any], before: int | None) -> list[Any]:
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: PAGE + 1])


def _cut(rows: list[Any], tell: Any = None) -> dict[str, Any]:
    shown = rows[:PAGE]
    more = getattr(shown[-1], "pk", None) or getattr(shown[-1], "id", None) if shown else None
    told = [tell(row) for row in shown] if tell else shown
    return {"rows": told, "more": more if len(rows) > PAGE else None}


def _order(order: Order) -> dict[str, Any]:
    return {"order": order, "state": wording.state_words(order.status), "net_fen": order.net_fen}


def _coupon(coupon: Coupon, at: dt.datetime) -> dict[str, Any]:
    is_over = coupon.status == Coupon.Status.ACTIVE and coupon.expires_at <= at
    status = Coupon.Status.EXPIRED if is_over else Coupon.Status(coupon.status)
    return {
        "coupon": coupon,
        "status": status.label,
        "is_usable": status == Coupon.Status.ACTIVE,
        "last_day": clock.local_date(coupon.expires_at - dt.timedelta(seconds=1)),
        "source": bills.SOURCES.get(coupon.source, coupon.source),
    }


# --- what is done at once, by one button -----------------------------------------------------
def _here(member_id: int) -> str:
    return reverse("admin:members_member_change", args=[member_id])


def phone(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """Show the phone in full, once; that it was looked at is written down."""
    if request.method != "POST":
        return redirect(_here(member_id))
    try:
        member = looking.see_phone(member_id=member_id, actor=person_of(request), at=clock.now())
    except Refusal as refusal:
        return _refused(request, refusal, member_id)
    response = _page(request, _member(str(member_id)), model_admin, phone=member.phone or "")
    response.headers["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, refusal: Refusal, member_id: int) -> HttpResponse:
    if refusal.status == 403:
        raise PermissionDenied
    messages.error(request, str(refusal.message))
    return redirect(_here(member_id))


def freeze(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    return _switch(request, member_id, "freeze")


def unfreeze(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    return _switch(request, member_id, "unfreeze")


def _switch(request: HttpRequest, member_id: int, action: str) -> HttpResponse:
    if request.method != "POST":
        return redirect(_here(member_id))
    if not may_do(request, action):
        raise PermissionDenied
    _member(str(member_id))
    try:
        if action == "freeze":
            member_service.freeze(
                member_id=member_id,
                reason=request.POST.get("reason", "")[:120],
                actor=person_of(request),
                at=clock.now(),
            )
            messages.success(request, _("Frozen. Nothing can be paid with this card any more."))
        else:
            member_service.unfreeze(member_id=member_id, actor=person_of(request), at=clock.now())
            messages.success(request, _("The card can be used again."))
    except Refusal as refusal:
        return _refused(request, refusal, member_id)
    return redirect(_here(member_id))


def tag(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """Put one tag on, or take it off."""
    if request.method != "POST":
        return redirect(_here(member_id))
    if not may_do(request, "edit_member"):
        raise PermissionDenied
    _member(str(member_id))
    chosen = request.POST.get("on") or request.POST.get("off") or ""
    service = tags.put_on if request.POST.get("on") else tags.take_off
    try:
        service(
            tag_id=row_number(chosen),
            member_ids=[member_id],
            actor=person_of(request),
            at=clock.now(),
        )
    except Refusal as refusal:
        return _refused(request, refusal, member_id)
    return redirect(_here(member_id))


def note(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """Write a note, or take one away."""
    if request.method != "POST":
        return redirect(_here(member_id))
    _member(str(member_id))
    person, at = person_of(request), clock.now()
    gone = request.POST.get("remove", "")
    try:
        if gone:
            note_id = row_number(gone)
            notes.remove(member_id=member_id, note_id=note_id, actor=person, at=at)
        else:
            text = request.POST.get("text", "")
            notes.add(member_id=member_id, text=text, actor=person, at=at)
    except Refusal as refusal:
        return _refused(request, refusal, member_id)
    return redirect(_here(member_id))


def unlink(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """The member's WeChat opens the card no more, until they prove their phone from it again."""
    if request.method != "POST":
        return redirect(_here(member_id))
    _member(str(member_id))
    try:
        identities.remove_all(member_id=member_id, actor=person_of(request), at=clock.now())
    except Refusal as refusal:
        return _refused(request, refusal, member_id)
    messages.success(request, _("WeChat no longer opens this card."))
    return redirect(_here(member_id))


def forget_phone(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """A former number is somebody else's now."""
    if request.method != "POST":
        return redirect(_here(member_id))
    if not may_do(request, "edit_member"):
        raise PermissionDenied
    _member(str(member_id))
    chosen = request.POST.get("phone", "")
    try:
        member_service.forget_phone(
            member_id=member_id,
            phone_id=row_number(chosen),
            actor=person_of(request),
            at=clock.now(),
        )
    except Refusal as refusal:
        return _refused(request, refusal, member_id)
    return redirect(_here(member_id))


ROUTES = (
    ("unlink/", "unlink", unlink),
    ("forget-phone/", "forget_phone", forget_phone),
    ("note/", "note", note),
    ("phone/", "phone", phone),
    ("freeze/", "freeze", freeze),
    ("unfreeze/", "unfreeze", unfreeze),
    ("tag/", "tag", tag),
)
