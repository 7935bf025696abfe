from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import CardImage, Staff

KINDS = (
    *("tier", "policy", "benefit", "coupontemplate", "giftpack", "topupplan"),
    *("product", "category", "cardface"),
)


class PlannedChange(models.Model):
    """A change of one rule that takes effect at the beginning of a day to come.

    ``lines`` holds each row it touches: ``id`` (none for a new one), ``name``, and of what is
    different ``before`` and ``after``. It is applied only where it still says what it said
    before. ``subject`` is the rule's id: 0 for the whole ladder of tiers, none for a new rule.
    """

    class Status(models.TextChoices):
        PLANNED = "planned", _("planned")
        APPLIED = "applied", _("in force")
        CANCELLED = "cancelled", _("called off")
        FAILED = "failed", _("could not be applied")

    kind = models.CharField(max_length=16)
    subject = models.BigIntegerField(null=True)
    name = models.CharField(_("name"), max_length=120)
    lines = models.JSONField()
    from_date = models.DateField(_("from"))
    status = models.CharField(
        _("status"), max_length=9, choices=Status, default=Status.PLANNED.value
    )
    # Why it could not be applied, in each language.
    problem = models.JSONField(default=dict)
    planned_by = models.ForeignKey(Staff, models.PROTECT, verbose_name=_("by"), related_name="+")
    planned_at = models.DateTimeField(_("planned"))
    closed_at = models.DateTimeField(null=True)
    # What was uploaded with it: kept for the face to come, let go of when this is over.
    pictures = models.ManyToManyField(CardImage, related_name="+")

    class Meta:
        verbose_name = _("planned change")
        verbose_name_plural = _("planned changes")
        ordering = ["from_date", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(status="planned"),
                name="plannedchange_one_at_a_time",
            ),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="plannedchange_kind_known"),
            models.CheckConstraint(
                condition=Q(status__in=["planned", "applied", "cancelled", "failed"]),
                name="plannedchange_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="planned", closed_at__isnull=True)
                | (~Q(status="planned") & Q(closed_at__isnull=False)),
                name="plannedchange_closed_at",
            ),
        ]
        indexes = [
            models.Index(
                fields=["from_date"],
                condition=Q(status__in=["planned", "failed"]),
                name="plannedchange_open",
            )
        ]

    def __str__(self) -> str:
        return self.name
