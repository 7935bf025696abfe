"""Two cards of one person: found, laid side by side, made one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from loyalty.counter.wording import points_words
from loyalty.models import Tier
from loyalty.money import format_yuan
from loyalty.selectors import merging as selectors
from loyalty.selectors.merging import Side
from loyalty.services import merging, rules
from members import clock
from members.admin.base import may_do, person_of
from members.errors import Refusal
from members.models import Member
from members.selectors import find
from members.text import row_number

SHOWN = 8


def merge(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """Choose the other one (``?q=``), see what would move (``?with=``), and say yes."""
    if not may_do(request, "merge_members"):
        raise PermissionDenied
    kept = _member(str(member_id))
    chosen = request.POST.get("with") or request.GET.get("with", "")
    other = _member(chosen) if chosen else None
    if request.method == "POST" and other is not None:
        done = _merged(request, kept, other)
        if done is not None:
            return done
    words = request.GET.get("q", "").strip()
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Merge two cards"),
        "opts": model_admin.opts,
        "kept": kept,
        "other": other,
        "words": words,
        "found": _found(kept, words),
        "key": uuid.uuid4(),
        "back": reverse("admin:members_member_change", args=[kept.pk]),
    }
    if other is not None and other.pk != kept.pk:
        left, right = selectors.side_of(kept), selectors.side_of(other)
        context |= {"rows": rows(left, right), "seen": right.mark, "above": above(left, right)}
        context["reverse_url"] = (
            reverse("admin:members_member_merge", args=[other.pk]) + f"?with={kept.pk}"
        )
    return TemplateResponse(request, "admin/member_merge.html", context)


def _merged(request: HttpRequest, kept: Member, other: Member) -> HttpResponse | None:
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        key = uuid.uuid4()
    # A repeated press finds the other one empty, but has its answer under the key.
    is_new = other.merged_into_id != kept.pk
    if is_new and request.POST.get("seen") != selectors.side_of(other).mark:
        messages.warning(request, _("Something changed meanwhile. Look at the figures once more."))
        return None
    try:
        merging.merge(
            key=key,
            kept_id=kept.pk,
            merged_id=other.pk,
            actor=person_of(request),
            at=clock.now(),
        )
    except Refusal as refusal:
        if refusal.status == 403:
            raise PermissionDenied from refusal
        messages.error(request, str(refusal.message))
        return None
    messages.success(request, _("The two cards are one now. The old card and phone lead here."))
    return redirect("admin:members_member_change", kept.pk)


def _member(text: str) -> Member:
    found = Member.objects.filter(pk=row_number(text)).first()
    if found is None:
        raise Http404
    return found


def _found(kept: Member, words: str) -> list[Member]:
    """Who was searched for; without words, whoever has the same name."""
    if words:
        members = find.search(words, limit=SHOWN + 1)
    elif kept.name:
        members = list(Member.objects.filter(pinyin=kept.pinyin, name=kept.name)[: SHOWN + 1])
    else:
        members = []
    open_ones = [one for one in members if one.pk != kept.pk and one.status != Member.Status.CLOSED]
    return open_ones[:SHOWN]


def rows(kept: Side, other: Side) -> list[tuple[str, str, str, str]]:
    """What is what: (name, on the card that stays, on the other one, together afterwards)."""
    added = [
        (_("points"), kept.points, other.points, points_words),
        (_("principal"), kept.principal_fen, other.principal_fen, format_yuan),
        (_("bonus"), kept.bonus_fen, other.bonus_fen, format_yuan),
        (_("usable coupons"), kept.coupons, other.coupons, _count),
        (_("purchases"), kept.orders, other.orders, _count),
        (_("net spend"), kept.net_fen, other.net_fen, format_yuan),
        (_("notes"), kept.notes, other.notes, _count),
    ]
    table = [(name, say(a), say(b), say(a + b)) for name, a, b, say in added]
    tags = dict.fromkeys([*kept.tags, *other.tags])
    named = ["、".join(some) or "–" for some in (kept.tags, other.tags, tags)]
    table.append((_("tags"), named[0], named[1], named[2]))
    better = max((kept.tier, other.tier), key=lambda tier: tier.rank if tier else -1)
    table.insert(0, (_("tier"), _tier(kept.tier), _tier(other.tier), _tier(better)))
    phones = (kept.member.masked_phone or "–", other.member.masked_phone or "–")
    known = [phone for phone in phones if phone != "–"]
    table.insert(0, (_("phone"), *phones, "、".join(known) or "–"))
    names = (kept.member.masked_name or "–", other.member.masked_name or "–")
    name = names[0] if kept.member.name else names[1]
    table.insert(0, (pgettext("of a person", "name"), *names, name))
    return table


def above(kept: Side, other: Side) -> str:
    """What it means that the card that stays would hold more than it may; empty if it would not."""
    phone_from = kept.member if kept.member.phone else other.member
    is_proved = phone_from.phone_proved_at is not None
    limit = rules.policy().most_fen(is_phone_proved=is_proved)
    value_fen = kept.value_fen + other.value_fen
    if value_fen <= limit:
        return ""
    words = (
        _(
            "Afterwards the card holds %(held)s, more than the %(limit)s that a card may hold."
            " Nothing is lost, but nothing more can be paid in until it holds less."
        )
        if is_proved
        else _(
            "Afterwards the card holds %(held)s, more than the %(limit)s that a card may hold whose"
            " phone is not confirmed. Nothing is lost, but nothing more can be paid in until it"
            " holds less, or the member opened it with a code by SMS."
        )
    )
    return words % {"held": format_yuan(value_fen), "limit": format_yuan(limit)}


def _count(number: int) -> str:
    return f"{number:,}"


def _tier(tier: Tier | None) -> str:
    return tier.name if tier else "–"


ROUTES = (("merge/", "merge", merge),)
