"""The ladder as one grid: a tier is a column, and all of it is stored at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty.admin import gifts, planning, rule_words
from loyalty.admin.fields import YuanField
from loyalty.models import Benefit, GiftPack, Policy, Tier
from loyalty.money import format_yuan
from loyalty.selectors import ladder
from loyalty.selectors.planned import waiting
from loyalty.services import planned, rule_changes, rule_checks, rules
from members import clock
from members.admin.base import may_do, person_of
from members.admin.editing import EditAdmin
from members.admin.forms import SEEN, OfficeForm, mark_of, told
from members.errors import Refusal
from members.models import Staff

NEW = "new"


class TierForm(OfficeForm):
    compares = False  # the grid compares one mark for all of its columns
    threshold_fen = YuanField(label=lazy("from spend of"))
    dual_threshold_fen = YuanField(label=lazy("or from spend of"), required=False)

    class Meta:
        model = Tier
        fields = (
            "name",
            "threshold_fen",
            "dual_threshold_fen",
            "dual_checkins",
            "price_points",
            "keep_months",
            "grace_days",
            "upgrade_pack",
            "birthday_pack",
            "face",
            "is_active",
        )
        widgets = {
            "name": UnfoldAdminTextInputWidget(),
            "dual_checkins": UnfoldAdminIntegerFieldWidget(),
            "price_points": UnfoldAdminIntegerFieldWidget(),
            "keep_months": UnfoldAdminIntegerFieldWidget(),
            "grace_days": UnfoldAdminIntegerFieldWidget(),
            "upgrade_pack": UnfoldAdminSelectWidget(),
            "birthday_pack": UnfoldAdminSelectWidget(),
            "face": UnfoldAdminSelectWidget(),
            "is_active": UnfoldBooleanSwitchWidget(),
        }

    def check(self) -> None:
        rule_checks.check_tiers([self.instance])


class Grid:
    """The forms of the page: one for each tier in order of rank, and one for a new tier."""

    def __init__(self, data: Any = None, *, with_new: bool = False) -> None:
        tiers = list(Tier.objects.order_by("rank"))
        self.forms = [TierForm(data, instance=tier, prefix=f"t{tier.pk}") for tier in tiers]
        self.mark = mark_of({str(form.instance.pk): form.stored for form in self.forms})
        self.holds_from = planning.FromForm(data)
        self.with_new = with_new or not tiers
        if self.with_new:
            self.forms.append(TierForm(data, instance=Tier(), prefix=NEW))

    def is_valid(self) -> bool:
        # Every form, not only up to the first wrong one: all errors are shown at once.
        return not [form for form in [*self.forms, self.holds_from] if not form.is_valid()]

    def tiers(self) -> list[Tier]:
        """The rows to store. A new tier takes its place by its threshold; those above move up.

        Highest first, so that no two ranks meet on the way.
        """
        rows = [form.instance for form in self.forms]
        new = [row for row in rows if row.pk is None]
        known = [row for row in rows if row.pk is not None]
        for row in new:
            below = [one for one in known if one.threshold_fen < row.threshold_fen]
            place = max((known.index(one) + 1 for one in below), default=0)
            known.insert(place, row)
        for rank, row in enumerate(known):
            if new:
                row.rank = rank
        return list(reversed(known))

    def add_refusal(self, refusal: Refusal) -> None:
        """Beside the field of the tier that is wrong, else above the grid."""
        if refusal.field == planning.FROM:
            self.holds_from.add_error(planning.FROM, str(refusal.message))
            return
        for form in self.forms:
            if refusal.field in form.fields:
                wrong = _first_wrong(self.forms, refusal) or form
                wrong.add_error(refusal.field, str(refusal.message))
                return
        self.forms[0].add_error(None, str(refusal.message))


def _first_wrong(forms: list[TierForm], refusal: Refusal) -> TierForm | None:
    """The column that a refusal of the whole ladder is about."""
    below: TierForm | None = None
    cheaper = 0
    for form in forms:
        tier = form.instance
        if not tier.is_active:
            continue
        match refusal.code:
            case "thresholds_not_rising" if (
                below is not None and tier.threshold_fen <= below.instance.threshold_fen
            ):
                return form
            case "dual_track_incomplete" if (tier.dual_threshold_fen is None) != (
                tier.dual_checkins is None
            ):
                return form
            case "dual_track_no_easier" if (
                tier.dual_threshold_fen is not None
                and tier.dual_threshold_fen >= tier.threshold_fen
            ):
                return form
            case "price_zero" if tier.price_points == 0:
                return form
            case "price_of_first_tier" if tier.price_points and tier.threshold_fen == 0:
                return form
            case "prices_not_rising" if (
                tier.price_points is not None and tier.price_points <= cheaper
            ):
                return form
        below, cheaper = form, tier.price_points or cheaper
    return None


def _has_new(request: HttpRequest) -> bool:
    """Whether the column of a new tier was filled in; an empty one is no tier."""
    return any(request.POST.get(f"{NEW}-{name}", "") for name in ("name", "threshold_fen"))


@admin.register(Tier)
class TierAdmin(EditAdmin):
    """Tiers are written in the grid; a single one can be taken out of use."""

    change = "rules"
    search_fields = ("name",)
    archive_words = lazy("Nobody comes into it any more; who stands in it moves on by themselves.")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "counts/", self.admin_site.admin_view(self.counts_view), name="loyalty_tier_counts"
            )
        ]
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return redirect("admin:loyalty_tier_changelist")

    def drop(self, row: Tier, *, actor: Staff, at: dt.datetime) -> bool:
        return rule_changes.retire(row=row, actor=actor, at=at)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._store(request)
        grid = Grid(with_new="new" in request.GET and may_do(request, "rules"))
        return self._page(request, grid)

    def _store(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            with transaction.atomic():
                list(Tier.objects.select_for_update().order_by("pk"))
                grid = Grid(request.POST, with_new=_has_new(request))
                if request.POST.get(SEEN, "") != grid.mark:
                    grid.is_valid()
                    now = [
                        f"{form.initial['name']} {words}"
                        for form in grid.forms
                        if form.instance.pk
                        for words in form.differing()
                    ]
                    messages.error(request, told(now))
                    return self._page(request, grid, status=409)
                if not grid.is_valid():
                    return self._page(request, grid, status=400)
                _keep(request, grid)
        except Refusal as refusal:
            grid.add_refusal(refusal)
            return self._page(request, grid, status=refusal.status)
        answer = planning.tell_planned(request)
        if answer is not None:
            return answer
        messages.success(request, _("Saved. It holds from the next purchase on."))
        return redirect("admin:loyalty_tier_changelist")

    def _page(self, request: HttpRequest, grid: Grid, *, status: int = 200) -> HttpResponse:
        at = clock.now()
        now = ladder.holds_now()
        may_write = may_do(request, "rules")
        columns = [
            column | {"now": now.get(column["tier"].pk or 0, 0), "benefits": benefits}
            for column, benefits in zip(_effects(grid, at), _benefits(grid), strict=True)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Tiers"),
            "opts": self.opts,
            "columns": columns,
            "rows": [
                {
                    "name": name,
                    "label": field.label,
                    "cells": [column["form"][name] for column in columns],
                    "values": [_value(column["tier"], name) for column in columns],
                }
                for name, field in (grid.forms[0].fields.items() if grid.forms else ())
            ],
            "seen": grid.mark,
            "may_write": may_write,
            "with_new": grid.with_new,
            "holds_from": grid.holds_from["effective_from"],
            "waiting": planning.views(waiting("tier", planned.LADDER)),
            "may_rule": may_write,
            "counts_url": reverse("admin:loyalty_tier_counts"),
        }
        return TemplateResponse(request, "admin/tiers.html", context, status=status)

    def counts_view(self, request: HttpRequest) -> HttpResponse:
        """How many members the typed thresholds would hold today."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        grid = Grid(request.POST, with_new=_has_new(request))
        grid.is_valid()
        columns = _effects(grid, clock.now())
        return TemplateResponse(request, "admin/tier_counts.html", {"columns": columns})


def _keep(request: HttpRequest, grid: Grid) -> None:
    """Store the ladder, or keep it for the day that was chosen."""
    actor, at, tiers = person_of(request), clock.now(), grid.tiers()
    day = grid.holds_from.cleaned_data[planning.FROM]

    def store() -> None:
        rule_changes.save_tiers(tiers=tiers, actor=actor, at=at)

    if day is None:
        store()
    else:
        request.planned = planned.plan(  # type: ignore[attr-defined]
            rows=tiers, store=store, from_date=day, actor=actor, at=at
        )


def _value(tier: Tier, name: str) -> str:
    """A cell for readers."""
    value = getattr(tier, name)
    if name.endswith("_fen"):
        return "–" if value is None else format_yuan(value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "price_points" and value is not None:
        return f"{value:,}"
    return "–" if value is None else str(value)


def _effects(grid: Grid, at: dt.datetime) -> list[dict[str, Any]]:
    """Of each column what it would do today: whom it holds, who could buy it, and in words."""
    sheet = rules.policy()
    presents = _birthday_gifts(grid)
    return [
        {
            "form": form,
            "tier": form.instance,
            "would": would,
            "buyers": buyers,
            "words": rule_words.tier_words(
                form.instance, birthday_gift=presents.get(form.instance.birthday_pack_id or 0, "")
            ),
            "price_words": rule_words.price_words(form.instance, sheet),
            "price_warning": rule_words.price_warning(form.instance, sheet),
        }
        for form, would, buyers in zip(
            grid.forms, _would_hold(grid, sheet, at), _could_buy(grid, at), strict=True
        )
    ]


def _birthday_gifts(grid: Grid) -> dict[int, str]:
    """What the packs that are chosen as birthday gifts give, in one line each."""
    chosen = {form.instance.birthday_pack_id for form in grid.forms}
    packs = GiftPack.objects.filter(pk__in=chosen).select_related("tier")
    return {
        pack.pk: gifts.pack_words(pack, gifts.items_of(pack))
        for pack in packs.prefetch_related("items__template")
    }


def _could_buy(grid: Grid, at: dt.datetime) -> list[int | None]:
    """A count for each column with a price; None for the others."""
    found: list[int | None] = [None] * len(grid.forms)
    priced = [
        place
        for place, form in enumerate(grid.forms)
        if form.instance.is_active and form.instance.price_points
    ]
    prices = []
    for place in priced:
        tier = grid.forms[place].instance
        below = [
            other.instance.pk
            for number, other in enumerate(grid.forms)
            if other.instance.pk is not None
            # A new tier stands last on the page, wherever its amount will put it.
            and (number < place if tier.pk is not None else _starts_below(other, tier))
        ]
        prices.append(ladder.Price(tier.price_points or 0, tuple(below)))
    for place, count in zip(priced, ladder.could_buy(prices=prices, at=at), strict=True):
        found[place] = count
    return found


def _starts_below(form: TierForm, tier: Tier) -> bool:
    amounts = (form.instance.threshold_fen, tier.threshold_fen)
    return None not in amounts and amounts[0] < amounts[1]


def _would_hold(grid: Grid, sheet: Policy, at: dt.datetime) -> list[int | None]:
    """A count for each column; None for one that is out of use or not filled in."""
    steps = [
        (place, form.instance)
        for place, form in enumerate(grid.forms)
        if form.instance.is_active and form.instance.threshold_fen is not None
    ]
    steps.sort(key=lambda pair: pair[1].threshold_fen)
    counts = ladder.would_hold(
        steps=[
            ladder.Step(tier.threshold_fen, tier.dual_threshold_fen, tier.dual_checkins)
            for _place, tier in steps
        ],
        progress=sheet.progress,
        at=at,
    )
    found = {place: count for (place, _tier), count in zip(steps, counts, strict=True)}
    return [found.get(place) for place in range(len(grid.forms))]


def _benefits(grid: Grid) -> list[list[dict[str, Any]]]:
    """The benefits in force of each column's tier, in words."""
    rows = list(Benefit.objects.filter(is_active=True).prefetch_related("tiers"))
    return [
        [
            {"row": row, "words": rule_words.coupon_words(row)}
            for row in rows
            if form.instance.pk and (form.instance in row.tiers.all() or not row.tiers.all())
        ]
        for form in grid.forms
    ]
