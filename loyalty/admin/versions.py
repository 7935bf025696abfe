"""Versions of the rules: when, by whom, and what was different before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.paginator import InfinitePaginator

from loyalty.admin.rule_words import value_words
from loyalty.models import Benefit, Category, CouponTemplate, GiftPack, Policy, RuleSet, Tier
from members.admin.base import ReadOnlyAdmin
from members.models import Event

# The parts of a snapshot, the model whose columns its rows are, and what a row is called.
PARTS: tuple[tuple[str, Any, Promise], ...] = (
    ("tiers", Tier, lazy("Tier")),
    ("benefits", Benefit, lazy("Benefit")),
    ("templates", CouponTemplate, lazy("Coupon")),
    ("packs", GiftPack, lazy("Gift pack")),
)
OTHER_NAMES: dict[str, Promise] = {
    "ids": lazy("articles or categories"),
    "prices": lazy("member prices"),
    "coupons": lazy("coupons"),
    "upgrade_pack": lazy("upgrade gift"),
    "welcome_pack_id": lazy("welcome gift"),
    "tier": lazy("tier"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different: which rule, which of its columns, before and after."""

    rule: str
    what: str
    before: str
    after: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What a version changed against the one before, row by row and column by column."""
    changes = _columns(str(_("Points and rounding")), Policy, before["policy"], after["policy"])
    for part, model, kind in PARTS:
        old = {row["id"]: row for row in before[part]}
        new = {row["id"]: row for row in after[part]}
        for pk in sorted({*old, *new}):
            name = (new.get(pk) or old[pk])["name"]
            rule = f"{kind} “{name}”"
            if pk not in old:
                changes.append(Change(rule, "", "", _("new")))
            elif pk not in new:
                changes.append(Change(rule, "", "", _("no longer in force")))
            else:
                changes += _columns(rule, model, old[pk], new[pk])
    if before["categories"] != after["categories"]:
        changes.append(Change(str(Category._meta.verbose_name_plural), "", "", _("changed")))
    return changes


def _columns(
    rule: str, model: Any, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Change]:
    return [
        Change(
            rule,
            _column_name(model, key),
            value_words(model, key, before.get(key)),
            value_words(model, key, after.get(key)),
        )
        for key in after
        if before.get(key) != after[key] and key != "id"
    ]


def _column_name(model: Any, key: str) -> str:
    if key in OTHER_NAMES:
        return str(OTHER_NAMES[key])
    columns = (*model._meta.fields, *model._meta.many_to_many)
    return {field.name: str(field.verbose_name) for field in columns}.get(key, key)


@admin.register(RuleSet)
class RuleSetAdmin(ReadOnlyAdmin):
    list_display = ("version", "created_at", "by", "in_force")
    paginator = InfinitePaginator
    ordering = ("-pk",)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        published = _publishers([row.pk for row in changelist.result_list])
        current = Policy.objects.values_list("ruleset_id", flat=True).first()
        for row in changelist.result_list:
            event = published.get(row.pk)
            row.published_by = str(event.staff) if event and event.staff else "–"
            row.is_current = row.pk == current
        return changelist

    @admin.display(description=lazy("version"), ordering="pk")
    def version(self, row: RuleSet) -> int:
        return row.pk

    @admin.display(description=lazy("by"))
    def by(self, row: Any) -> str:
        return str(row.published_by)

    @admin.display(description=lazy("in force"), boolean=True)
    def in_force(self, row: Any) -> bool:
        return bool(row.is_current)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """What this version changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = RuleSet.objects.filter(pk=int(object_id) if object_id.isdigit() else 0).first()
        if found is None:
            raise Http404
        event = _publishers([found.pk]).get(found.pk)
        before_id = event.data.get("before") if event else None
        before = RuleSet.objects.filter(pk=before_id).first() if before_id else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Rules, version %(version)s") % {"version": found.pk},
            "opts": self.opts,
            "version": found,
            "before": before,
            "event": event,
            "changes": differences(before.snapshot, found.snapshot) if before else [],
            "is_current": Policy.objects.filter(ruleset=found).exists(),
        }
        return TemplateResponse(request, "admin/version.html", context)


def _publishers(ruleset_ids: list[int]) -> dict[int, Event]:
    """The event that put each version in force first."""
    events = (
        Event.objects.filter(kind="rules_published", data__ruleset__in=ruleset_ids)
        .select_related("staff")
        .order_by("-pk")
    )
    return {event.data["ruleset"]: event for event in events}
