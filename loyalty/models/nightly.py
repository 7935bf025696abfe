from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class NightlyRun(models.Model):
    """One job on one local day, however often the clock asks for it.

    Unfinished: at work since ``started_at``, or killed and taken up again later. ``result`` is
    the job's own summary: counts, and for the reconciliation its first differences.
    """

    class Job(models.TextChoices):
        EXPIRY = "expiry", _("expiry of points and coupons")
        TIERS = "tiers", _("tiers")
        BIRTHDAYS = "birthdays", _("birthday gifts")
        RECONCILE = "reconcile", _("reconciliation")

    job = models.CharField(_("job"), max_length=9, choices=Job)
    local_date = models.DateField(_("day"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    result = models.JSONField(_("result"), null=True)

    class Meta:
        verbose_name = _("nightly run")
        verbose_name_plural = _("nightly runs")
        constraints = [
            models.UniqueConstraint(fields=["job", "local_date"], name="nightlyrun_once_a_day"),
            models.CheckConstraint(
                condition=Q(job__in=["expiry", "tiers", "birthdays", "reconcile"]),
                name="nightlyrun_job_known",
            ),
            models.CheckConstraint(
                condition=(Q(finished_at__isnull=True) & Q(result__isnull=True))
                | (Q(finished_at__isnull=False) & Q(result__isnull=False)),
                name="nightlyrun_finished_with_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.local_date}"
