"""What the clock asks for, in plain words: what it does, how often, when it was last asked."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask

WORDS: dict[str, Promise] = {
    "members.drain_outbox": lazy("Does what follows from purchases and other events"),
    "loyalty.sweep_bulk": lazy("Goes on giving coupons to many"),
    "loyalty.apply_planned": lazy("Puts planned changes of rules into force"),
    "loyalty.tidy": lazy("Tidies away held sales and logins that are over"),
    "loyalty.nightly_expiry": lazy("Expiry of points and coupons"),
    "loyalty.nightly_tiers": lazy("Tiers that have had their time"),
    "loyalty.nightly_birthdays": lazy("Birthday gifts of the tiers"),
    "loyalty.nightly_reconcile": lazy("Recomputes every balance and every sale"),
}
NIGHTLY = "loyalty.nightly_"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row of the schedule."""

    words: str
    often: str
    last: dt.datetime | None
    is_on: bool


def all_of_them() -> list[Schedule]:
    """Every row that runs a task of ours, in the order of ``WORDS``; new ones at the end."""
    rows = PeriodicTask.objects.select_related("crontab", "interval").order_by("task")
    ours = [row for row in rows if not row.task.startswith("celery.")]
    order = {task: number for number, task in enumerate(WORDS)}
    ours.sort(key=lambda row: order.get(row.task, len(order)))
    return [
        Schedule(
            words=str(WORDS.get(row.task, row.name)),
            often=_often(row),
            last=row.last_run_at,
            is_on=row.enabled,
        )
        for row in ours
    ]


def _often(row: PeriodicTask) -> str:
    if row.task.startswith(NIGHTLY):
        return _("once a night after three, asked for every hour")
    if row.interval is not None and row.interval.period == "seconds":
        return ngettext("every second", "every %(seconds)s seconds", row.interval.every) % {
            "seconds": row.interval.every
        }
    if row.crontab is not None:
        minute, hour = row.crontab.minute, row.crontab.hour
        if minute == "*":
            return _("every minute")
        if hour == "*":
            return _("every hour")
        if minute.isdigit() and hour.isdigit():
            return _("every day at %(time)s") % {"time": f"{int(hour):02d}:{int(minute):02d}"}
    return str(row.schedule)
