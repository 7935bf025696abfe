"""What an import brought of the time before: campaigns, whom they targeted, what was redeemed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import Member


class PastCampaign(models.Model):
    external_no = models.CharField(max_length=32, unique=True)
    kind = models.CharField(_("kind"), max_length=32, blank=True)
    starts = models.DateField(_("starts"))
    ends = models.DateField(_("ends"))

    class Meta:
        verbose_name = _("past campaign")
        verbose_name_plural = _("past campaigns")

    def __str__(self) -> str:
        return self.external_no


class PastTarget(models.Model):
    campaign = models.ForeignKey(
        PastCampaign, models.PROTECT, related_name="targets", db_index=False
    )
    member = models.ForeignKey(Member, models.PROTECT)

    class Meta:
        verbose_name = _("past campaign's target")
        verbose_name_plural = _("past campaigns' targets")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "member"], name="pasttarget_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.member_id}"


class PastRedemption(models.Model):
    """A coupon redeemed in the other system. ``row`` tells equal rows apart."""

    campaign = models.ForeignKey(
        PastCampaign, models.PROTECT, related_name="redemptions", db_index=False
    )
    member = models.ForeignKey(Member, models.PROTECT)
    coupon_no = models.CharField(max_length=32)
    day = models.DateField(_("day"))
    row = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("past redemption")
        verbose_name_plural = _("past redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "member", "coupon_no", "day", "row"],
                name="pastredemption_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.member_id} {self.coupon_no}"
