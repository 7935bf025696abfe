from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.rules import Tier
from members.models import Member, Shop, Staff


class MemberStats(models.Model):
    """One row a member, written in settle: where they stand and how often they come.

    ``category_weeks`` maps a category id to the Mondays (ISO dates) of the weeks in which the
    member bought of it, newest last, at most twelve.
    """

    member = models.OneToOneField(Member, models.PROTECT, primary_key=True, related_name="stats")
    tier = models.ForeignKey(Tier, models.PROTECT, verbose_name=_("tier"), null=True)
    tier_since = models.DateField(_("in this tier since"), null=True)
    tier_until = models.DateField(_("kept through"), null=True)
    first_order_at = models.DateTimeField(_("first order"), null=True)
    last_order_at = models.DateTimeField(_("last order"), null=True)
    orders_count = models.IntegerField(_("valid orders"), default=0)
    net_fen = models.BigIntegerField(_("net spend"), default=0)
    basis_fen = models.BigIntegerField(default=0)
    checkins_count = models.IntegerField(_("check-ins"), default=0)
    category_weeks = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("member's figures")
        verbose_name_plural = _("members' figures")
        # None on what a sale changes: a row that stays in its page costs no index anything.
        indexes = [models.Index(fields=["tier_until"], name="stats_tier_until")]
        constraints = [
            models.CheckConstraint(
                condition=Q(orders_count__gte=0) & Q(checkins_count__gte=0),
                name="stats_counts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"stats {self.pk}"


class CheckIn(models.Model):
    """One check-in a day; ``streak`` counts the days running up to it."""

    member = models.ForeignKey(Member, models.PROTECT, related_name="checkins", db_index=False)
    day = models.DateField(_("day"))
    at = models.DateTimeField(_("when"))
    streak = models.PositiveIntegerField(_("days running"), default=1)
    shop = models.ForeignKey(Shop, models.PROTECT, null=True, db_index=False)
    staff = models.ForeignKey(Staff, models.PROTECT, null=True, db_index=False)

    class Meta:
        verbose_name = _("check-in")
        verbose_name_plural = _("check-ins")
        constraints = [
            models.UniqueConstraint(fields=["member", "day"], name="checkin_once_a_day"),
            models.CheckConstraint(condition=Q(streak__gte=1), name="checkin_streak_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.day}"


class QuotaUse(models.Model):
    """One use of a benefit with a quota, in its period; deleted rows come back as free uses.

    ``number`` runs from 1 to the benefit's quota, so that the database refuses one too many.
    """

    benefit = models.ForeignKey("loyalty.Benefit", models.PROTECT, db_index=False)
    member = models.ForeignKey(Member, models.PROTECT)
    period = models.CharField(max_length=10)
    number = models.PositiveIntegerField()
    order = models.ForeignKey("loyalty.Order", models.PROTECT, null=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("use of a quota")
        verbose_name_plural = _("uses of quotas")
        constraints = [
            models.UniqueConstraint(
                fields=["benefit", "member", "period", "number"], name="quotause_number_once"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="quotause_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.benefit_id} {self.member_id} {self.period}/{self.number}"


class TierPurchase(models.Model):
    """A tier had for points. What stood before is kept here, so that a mistake at the counter can
    be undone at once: the tier with its days, the lots the points came from, what was given.

    ``drawn`` is (lot, points), in the order drawn; ``gift`` the points, bonus and coupons of the
    tier's pack. ``points_fen`` is what the points were worth as money off.
    """

    member = models.ForeignKey(Member, models.PROTECT, related_name="tier_purchases")
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="+", db_index=False)
    tier_before = models.ForeignKey(
        Tier, models.PROTECT, related_name="+", null=True, db_index=False
    )
    since_before = models.DateField(null=True)
    until_before = models.DateField(null=True)
    until = models.DateField()
    points = models.BigIntegerField()
    points_fen = models.BigIntegerField()
    drawn = models.JSONField(default=list)
    gift = models.JSONField(default=dict)
    shop = models.ForeignKey(Shop, models.PROTECT, null=True, db_index=False)
    staff = models.ForeignKey(Staff, models.PROTECT, null=True, db_index=False, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("tier bought for points")
        verbose_name_plural = _("tiers bought for points")
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gte=1) & Q(points_fen__gte=0),
                name="tierpurchase_costs_points",
            ),
            models.CheckConstraint(
                condition=Q(tier_before__isnull=True) | ~Q(tier_before=F("tier")),
                name="tierpurchase_to_another_tier",
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | Q(undone_at__gte=F("at")),
                name="tierpurchase_undone_after",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.tier_id}"
