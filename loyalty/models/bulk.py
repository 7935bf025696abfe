"""One coupon for each of many members, given in the background."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.coupons import Coupon, CouponTemplate
from members.models import Member, Staff


class BulkIssue(models.Model):
    """A coupon for everybody who was chosen, done in batches.

    ``leased_until`` is our own lease: a killed worker's issue goes on when it has passed,
    whatever the broker believes. The counts are kept with each batch.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("stopped")

    template = models.ForeignKey(CouponTemplate, models.PROTECT, verbose_name=_("coupon"))
    staff = models.ForeignKey(Staff, models.PROTECT, verbose_name=_("by"), db_index=False)
    at = models.DateTimeField(_("when"))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.RUNNING)
    leased_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    chosen_count = models.PositiveIntegerField(_("members chosen"), default=0)
    given_count = models.PositiveIntegerField(_("coupons given"), default=0)
    left_out_count = models.PositiveIntegerField(_("left out"), default=0)

    class Meta:
        verbose_name = _("bulk issue")
        verbose_name_plural = _("bulk issues")
        indexes = [
            models.Index(
                fields=["at"], condition=Q(finished_at__isnull=True), name="bulkissue_unfinished"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=(Q(status="running") & Q(finished_at__isnull=True))
                | (Q(status__in=["done", "cancelled"]) & Q(finished_at__isnull=False)),
                name="bulkissue_finished_when_over",
            ),
            models.CheckConstraint(
                condition=Q(chosen_count__gte=F("given_count") + F("left_out_count")),
                name="bulkissue_within_chosen",
            ),
            models.CheckConstraint(
                condition=~Q(status="done")
                | Q(chosen_count=F("given_count") + F("left_out_count")),
                name="bulkissue_done_with_all",
            ),
        ]

    def __str__(self) -> str:
        return f"bulk issue {self.pk}"


class BulkIssueMember(models.Model):
    """One of the chosen members, and what became of it. Unique: nobody is given twice."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("not reached yet")
        GIVEN = "given", _("given")
        FROZEN = "frozen", _("card frozen")
        CLOSED = "closed", _("membership ended")
        LIMIT = "limit", _("has as many as allowed")
        STOCK = "stock", _("none left")
        BUDGET = "budget", _("budget used up")
        OVER = "over", _("coupon no longer in use")

    issue = models.ForeignKey(BulkIssue, models.PROTECT, related_name="members", db_index=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome, default=Outcome.WAITING)
    coupon = models.ForeignKey(Coupon, models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("member of a bulk issue")
        verbose_name_plural = _("members of a bulk issue")
        indexes = [
            models.Index(
                fields=["issue", "member"],
                condition=Q(outcome="waiting"),
                name="bulkissuemember_waiting",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["issue", "member"], name="bulkissuemember_once"),
            models.CheckConstraint(
                condition=(Q(outcome="given") & Q(coupon__isnull=False))
                | (
                    Q(
                        outcome__in=[
                            *("waiting", "frozen", "closed", "limit", "stock", "budget", "over")
                        ]
                    )
                    & Q(coupon__isnull=True)
                ),
                name="bulkissuemember_coupon_if_given",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.issue_id} {self.member_id}"
