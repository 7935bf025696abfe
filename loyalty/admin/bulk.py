"""A coupon for many members: asked for from the list, given in the background, watched here."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.admin.orders import member_link
from loyalty.models import BulkIssue, BulkIssueMember, CouponTemplate
from loyalty.selectors import bulk as selectors
from loyalty.selectors.coupons import left_of
from loyalty.services import bulk
from members import clock
from members.admin.base import ReadOnlyAdmin, person_of
from members.errors import Refusal
from members.models import Member
from members.text import row_number

Outcome = BulkIssueMember.Outcome
SHOWN = 100  # members left out that the page lists


def give(request: HttpRequest, queryset: QuerySet[Member], *, model_admin: Any) -> HttpResponse:
    """Ask which coupon, show what it comes to, then have it done. An action of the members' list:
    the filters stay in the address, the chosen rows are sent along with each step."""
    at = clock.now()
    templates = bulk.usable_templates(at=at)
    chosen = request.POST.get("template", "")
    template = next((one for one in templates if str(one.pk) == chosen), None)
    preview = selectors.preview(audience=queryset, template=template) if template else None
    seen = request.POST.get("seen", "")
    if template is not None and preview is not None and seen == preview.mark:
        try:
            issue_id = bulk.start(
                key=_key(request),
                template_id=template.pk,
                audience=queryset,
                actor=person_of(request),
                at=at,
            )
            return redirect("admin:loyalty_bulkissue_change", issue_id)
        except Refusal as refusal:
            messages.error(request, str(refusal.message))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Give a coupon"),
        "templates": [(one, _left(one)) for one in templates],
        "count": preview.chosen if preview else queryset.count(),
        "template": template,
        "preview": preview,
        "left_out": reasons(preview.left_out) if preview else [],
        "has_changed": bool(seen),
        "key": uuid.uuid4(),
        "selected": request.POST.getlist("_selected_action"),
        "across": request.POST.get("select_across", "0"),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/give_coupon.html", context)


def _key(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid.uuid4()


def _left(template: CouponTemplate) -> str:
    left = left_of(template).count
    return "" if left is None else _("%(count)s left") % {"count": f"{left:,}"}


def reasons(counts: Any) -> list[tuple[str, int]]:
    """Reasons in words with their numbers of members."""
    return [(str(Outcome(outcome).label), count) for outcome, count in counts]


@admin.register(BulkIssue)
class BulkIssueAdmin(ReadOnlyAdmin):
    see = "give_coupons"
    list_display = (
        "at",
        "template",
        "staff",
        "chosen_count",
        "given_count",
        "left_out_count",
        "status",
    )
    list_select_related = ("template", "staff")
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"<int:issue_id>/{name}/", wrap(view), name=f"loyalty_bulkissue_{name}")
            for name, view in (
                ("progress", self.progress),
                ("stop", self.stop),
                ("take_back", self.take_back),
            )
        ]
        urls: list[URLPattern] = own + super().get_urls()
        return urls

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        issue = self._issue(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": issue.template.name,
            "opts": self.opts,
            **_state(issue),
        }
        return TemplateResponse(request, "admin/bulk_issue.html", context)

    def progress(self, request: HttpRequest, issue_id: int) -> HttpResponse:
        """The part of the page that renews itself while the coupons are being given."""
        issue = self._issue(request, str(issue_id))
        return TemplateResponse(request, "admin/bulk_progress.html", _state(issue))

    def stop(self, request: HttpRequest, issue_id: int) -> HttpResponse:
        issue = self._issue(request, str(issue_id))
        if request.method == "POST":
            try:
                bulk.cancel(issue_id=issue.pk, actor=person_of(request), at=clock.now())
            except Refusal as refusal:
                messages.error(request, str(refusal.message))
            else:
                messages.success(request, _("Stopped. Nobody else gets this coupon."))
        return redirect("admin:loyalty_bulkissue_change", issue.pk)

    def take_back(self, request: HttpRequest, issue_id: int) -> HttpResponse:
        issue = self._issue(request, str(issue_id))
        if request.method == "POST":
            try:
                count = bulk.take_back(issue_id=issue.pk, actor=person_of(request), at=clock.now())
            except Refusal as refusal:
                messages.error(request, str(refusal.message))
            else:
                messages.success(
                    request,
                    ngettext("%(count)s coupon taken back.", "%(count)s coupons taken back.", count)
                    % {"count": f"{count:,}"},
                )
        return redirect("admin:loyalty_bulkissue_change", issue.pk)

    def _issue(self, request: HttpRequest, object_id: str) -> BulkIssue:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = BulkIssue.objects.select_related("template", "staff")
        found = rows.filter(pk=row_number(object_id)).first()
        if found is None:
            raise Http404
        return found


def _state(issue: BulkIssue) -> dict[str, Any]:
    """How far it is; who was left out once it is over."""
    is_over = issue.finished_at is not None
    state: dict[str, Any] = {
        "issue": issue,
        "is_over": is_over,
        "reached": issue.given_count + issue.left_out_count,
        "here": reverse("admin:loyalty_bulkissue_change", args=[issue.pk]),
    }
    if is_over:
        passed_over = (
            issue.members.exclude(outcome__in=[Outcome.GIVEN, Outcome.WAITING])
            .select_related("member")
            .order_by("member_id")[:SHOWN]
        )
        state["left_out"] = reasons(selectors.left_out(issue.pk))
        state["passed_over"] = [
            (member_link(row.member), row.member.masked_phone, row.get_outcome_display())
            for row in passed_over
        ]
        state["unused"] = selectors.count_unused(issue.pk)
    return state
