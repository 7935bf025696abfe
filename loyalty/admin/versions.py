"""Versions of the rules: when, by whom, and what was different before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.paginator import InfinitePaginator

from loyalty.admin import planning
from loyalty.admin.changes import Change, Names, columns
from loyalty.models import Benefit, Category, CouponTemplate, GiftPack, Policy, RuleSet, Tier
from loyalty.selectors.planned import waiting
from members.admin.base import ReadOnlyAdmin, may_do
from members.models import Event
from members.text import row_number

# The parts of a snapshot, the model whose columns its rows are, and what a row is called.
PARTS: tuple[tuple[str, Any, Promise], ...] = (
    ("tiers", Tier, lazy("Tier")),
    ("benefits", Benefit, lazy("Benefit")),
    ("templates", CouponTemplate, lazy("Coupon")),
    ("packs", GiftPack, lazy("Gift pack")),
)
# What an older version says nothing of, as it was then.
THEN: dict[Any, dict[str, Any]] = {
    Policy: {"streaks": []},
    Benefit: {"return_days": None, "stops_when_overdue": True},
}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What a version changed against the one before, row by row and column by column."""
    names = Names()
    changes = columns(
        str(_("Points and rounding")),
        Policy,
        THEN[Policy] | before["policy"],
        after["policy"],
        names,
    )
    for part, model, kind in PARTS:
        old = {row["id"]: THEN.get(model, {}) | row for row in before[part]}
        new = {row["id"]: row for row in after[part]}
        for pk in sorted({*old, *new}):
            name = (new.get(pk) or old[pk])["name"]
            rule = _rule(kind, name)
            if pk not in old:
                changes.append(Change(rule, "", "", _("new")))
            elif pk not in new:
                changes.append(Change(rule, "", "", _("no longer in force")))
            else:
                changes += columns(rule, model, old[pk], new[pk], names)
    return changes + _moved(before["categories"], after["categories"], names)


def _rule(kind: Any, name: str) -> str:
    return _("%(kind)s “%(name)s”") % {"kind": kind, "name": name}


def _moved(
    before: Mapping[str, int | None], after: Mapping[str, int | None], names: Names
) -> list[Change]:
    """Categories that came, went, or lie in another one. A version holds no names of them."""
    changes = []
    for pk in sorted({*before, *after}, key=int):
        rule = _rule(Category._meta.verbose_name, names.of(Category, int(pk)))
        if pk not in before:
            changes.append(Change(rule, "", "", _("new")))
        elif pk not in after:
            changes.append(Change(rule, "", "", _("no longer in force")))
        else:
            old, new = {"parent": before[pk]}, {"parent": after[pk]}
            changes += columns(rule, Category, old, new, names)
    return changes


@admin.register(RuleSet)
class RuleSetAdmin(ReadOnlyAdmin):
    list_display = ("version", "created_at", "by", "in_force")
    list_before_template = "admin/versions_before.html"
    paginator = InfinitePaginator
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        cancel = path(
            "planned/<int:change_id>/cancel/",
            self.admin_site.admin_view(planning.cancel_view),
            name="loyalty_ruleset_cancel",
        )
        return [cancel, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The versions so far, and before them what is to come."""
        more = {"waiting": planning.views(waiting()), "may_rule": may_do(request, "rules")}
        return super().changelist_view(request, more | (extra_context or {}))

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

    @admin.display(description=lazy("in force"))
    def in_force(self, row: Any) -> str:
        # Only one is; a red cross on every other one would look like a fault.
        return _("in force") if row.is_current else "–"

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
        found = RuleSet.objects.filter(pk=row_number(object_id)).first()
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
