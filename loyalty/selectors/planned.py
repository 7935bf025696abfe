"""Changes of rules that wait for their day, and those that could not be applied."""

from __future__ import annotations

import datetime as dt

from loyalty.models import PlannedChange

Status = PlannedChange.Status


def due_ids(day: dt.date) -> list[int]:
    """What should be in force by this local day, in the order in which it was to come."""
    due = PlannedChange.objects.filter(status=Status.PLANNED, from_date__lte=day)
    return list(due.order_by("from_date", "pk").values_list("pk", flat=True))


def waiting(kind: str = "", subject: int | None = None) -> list[PlannedChange]:
    """Planned and failed changes: all of them, or those of one rule."""
    rows = PlannedChange.objects.filter(status__in=[Status.PLANNED, Status.FAILED])
    if kind:
        rows = rows.filter(kind=kind, subject=subject)
    return list(rows.select_related("planned_by").order_by("from_date", "pk"))


def is_planned(kind: str, subject: int) -> bool:
    """Whether a change of this rule waits for its day."""
    rows = PlannedChange.objects.filter(status=Status.PLANNED, kind=kind, subject=subject)
    return rows.exists()


def count_failed() -> int:
    return PlannedChange.objects.filter(status=Status.FAILED).count()
