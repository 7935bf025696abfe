from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.rules import Benefit
from loyalty.models.standing import QuotaUse
from members.models import Member, Shop, Staff


class Loan(models.Model):
    """A thing a member took along by a special benefit and is to bring back.

    ``due_on`` is the last day on which it is in time, in the shop's zone. ``quota_use`` is the use
    it took; lending undone gives it back.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("out")
        RETURNED = "returned", _("brought back")
        WRITTEN_OFF = "written_off", _("written off")
        CANCELLED = "cancelled", _("undone")

    member = models.ForeignKey(Member, models.PROTECT, related_name="loans")
    benefit = models.ForeignKey(Benefit, models.PROTECT, verbose_name=_("benefit"))
    shop = models.ForeignKey(
        Shop, models.PROTECT, verbose_name=_("shop"), related_name="+", db_index=False
    )
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("by"), null=True, related_name="+", db_index=False
    )
    quota_use = models.OneToOneField(QuotaUse, models.PROTECT, null=True)
    thing = models.CharField(_("thing"), max_length=60, blank=True)
    lent_at = models.DateTimeField(_("lent"))
    lent_on = models.DateField()
    due_on = models.DateField(_("due back"))
    status = models.CharField(_("status"), max_length=11, choices=Status, default=Status.OPEN)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_shop = models.ForeignKey(
        Shop, models.PROTECT, null=True, related_name="+", db_index=False
    )
    ended_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("loan")
        verbose_name_plural = _("loans")
        indexes = [
            models.Index(fields=["due_on"], condition=Q(status="open"), name="loan_open_by_due")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(due_on__gt=F("lent_on")), name="loan_due_after_it_was_lent"
            ),
            models.CheckConstraint(
                condition=Q(
                    status="open",
                    ended_at__isnull=True,
                    ended_shop__isnull=True,
                    ended_by__isnull=True,
                )
                | (
                    Q(status__in=["returned", "written_off", "cancelled"])
                    & Q(ended_at__isnull=False)
                ),
                name="loan_ended_when_over",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("lent_at")),
                name="loan_ended_after_it_was_lent",
            ),
            models.CheckConstraint(
                condition=~Q(status="cancelled") | Q(quota_use__isnull=True),
                name="loan_undone_gives_its_use_back",
            ),
        ]

    def __str__(self) -> str:
        return self.thing or str(self.benefit)
