"""What runs by itself, in plain words: the nightly jobs, the outbox, the programs behind it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from loyalty.admin import planning, schedules
from loyalty.models import BulkIssue, NightlyRun
from loyalty.selectors.planned import waiting
from loyalty.selectors.reconciliation import CHECKS
from members import clock
from members.admin.base import ReadOnlyAdmin, may_do
from members.models import Event, Outbox

Job = NightlyRun.Job
WHAT: dict[str, Promise] = {
    Job.EXPIRY: lazy("Takes points and coupons past their last day."),
    Job.TIERS: lazy("Moves members whose tier has had its time, after the grace days."),
    Job.BIRTHDAYS: lazy("Gives the tiers' birthday gifts, also for days on which it did not run."),
    Job.RECONCILE: lazy("Recomputes every balance and every sale, and compares."),
}
COUNTS: dict[str, Promise] = {
    "members": lazy("members"),
    "points": lazy("points"),
    "lots": lazy("parcels"),
    "coupons": lazy("coupons"),
    "down": lazy("members moved down"),
    "renewed": lazy("members kept"),
    "given": lazy("birthday gifts"),
    "nothing_left": lazy("members for whom nothing was left"),
    "accounts": lazy("accounts"),
    "entries": lazy("movements"),
    "orders": lazy("purchases"),
    "refunds": lazy("refunds"),
}
DAYS = 14
LABELS: dict[str, Promise] = {check.name: check.label for check in CHECKS}


@admin.register(NightlyRun)
class HealthAdmin(ReadOnlyAdmin):
    """One page instead of a table."""

    see = "report"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        at = clock.now()
        since = clock.local_date(at) - dt.timedelta(days=DAYS)
        runs = list(NightlyRun.objects.filter(local_date__gte=since).order_by("-local_date", "job"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("What runs by itself"),
            "opts": self.opts,
            "jobs": [_job(job, runs, at) for job in Job],
            "runs": [(run, result_words(run)) for run in runs],
            "outbox": _outbox(at),
            "bulk_issues": BulkIssue.objects.filter(finished_at__isnull=True).select_related(
                "template"
            ),
            "schedules": schedules.all_of_them(),
            "waiting": planning.views(waiting()),
            "may_rule": may_do(request, "rules"),
        }
        return TemplateResponse(request, "admin/health.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One run, with what it found."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.get_object(request, object_id)
        if run is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        result = run.result or {}
        context = {
            **self.admin_site.each_context(request),
            "title": run.get_job_display(),
            "opts": self.opts,
            "run": run,
            "words": result_words(run),
            "sealed": result.get("ledger", {}),
            "totals": [
                (LABELS.get(name, name), count) for name, count in result.get("totals", {}).items()
            ],
            "differences": [
                {**one, "label": LABELS.get(one["check"], one["check"])}
                for one in result.get("differences", [])
            ],
        }
        return TemplateResponse(request, "admin/nightly_run.html", context)


def _job(job: Any, runs: list[NightlyRun], at: dt.datetime) -> dict[str, Any]:
    mine = [run for run in runs if run.job == job]
    last = next((run for run in mine if run.finished_at), None)
    is_late = last is None or clock.local_date(at) - last.local_date > dt.timedelta(days=1)
    return {
        "name": Job(job).label,
        "what": WHAT[job],
        "last": last,
        "words": result_words(last) if last else "",
        "is_bad": bool(last and (last.result or {}).get("totals")),
        "is_late": is_late,
    }


def result_words(run: NightlyRun) -> str:
    """What a run came to: counts, or how many differences."""
    if run.result is None:
        return _("at work, or cut off and taken up again soon")
    totals = run.result.get("totals")
    if totals:
        return _("%(count)s differences found") % {"count": f"{sum(totals.values()):,}"}
    counted = run.result.get("counted", run.result)
    words = [
        f"{COUNTS.get(name, name)} {number:,}"
        for name, number in counted.items()
        if isinstance(number, int) and not isinstance(number, bool)
    ]
    text = "、".join(words) or "–"
    return (
        _("everything agrees: %(counts)s") % {"counts": text} if "counted" in run.result else text
    )


def _outbox(at: dt.datetime) -> dict[str, Any]:
    """What waits to be acted on: how much, since when, and what went wrong last."""
    waiting = Outbox.objects.aggregate(
        count=Count("pk"),
        oldest=Min("event__at"),
        failing=Count("pk", filter=Q(attempts__gt=1)),
        attempts=Max("attempts"),
    )
    failing = (
        Outbox.objects.filter(attempts__gt=1).select_related("event").order_by("-attempts")[:5]
    )
    oldest = waiting["oldest"]
    return {
        **waiting,
        "rows": list(failing),
        "is_stuck": bool(oldest and at - oldest > dt.timedelta(minutes=5)),
        "newest_event": Event.objects.order_by("-pk").values_list("at", flat=True).first(),
    }
