from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.coupons import CouponTemplate
from loyalty.models.rules import Tier


class GiftPack(models.Model):
    """Points + bonus + coupons (each × n) + optionally a tier. The only way anything is given."""

    name = models.CharField(_("name"), max_length=60)
    points = models.PositiveIntegerField(_("points"), default=0)
    bonus_fen = models.BigIntegerField(_("bonus"), default=0)
    tier = models.ForeignKey(
        Tier, models.PROTECT, verbose_name=_("tier"), null=True, blank=True, related_name="+"
    )
    tier_days = models.PositiveIntegerField(_("tier for days"), null=True, blank=True)
    coupons = models.ManyToManyField(
        CouponTemplate, through="GiftPackCoupon", verbose_name=_("coupons")
    )

    class Meta:
        verbose_name = _("gift pack")
        verbose_name_plural = _("gift packs")
        constraints = [
            models.CheckConstraint(condition=Q(bonus_fen__gte=0), name="giftpack_bonus_positive"),
            models.CheckConstraint(
                condition=(Q(tier__isnull=True) & Q(tier_days__isnull=True))
                | (Q(tier__isnull=False, tier_days__isnull=False) & Q(tier_days__gte=1)),
                name="giftpack_tier_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GiftPackCoupon(models.Model):
    """n coupons of one template in a pack."""

    pack = models.ForeignKey(GiftPack, models.CASCADE, related_name="items", db_index=False)
    template = models.ForeignKey(CouponTemplate, models.PROTECT, verbose_name=_("coupon"))
    count = models.PositiveSmallIntegerField(_("how many"), default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pack", "template"], name="giftpackcoupon_unique"),
            models.CheckConstraint(
                condition=Q(count__range=(1, 100)), name="giftpackcoupon_count_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_id} × {self.count}"


class TopUpPlan(models.Model):
    """Pay X, principal X, plus a gift pack; for some tiers or for all."""

    name = models.CharField(_("name"), max_length=60)
    pay_fen = models.BigIntegerField(_("pay"))
    pack = models.ForeignKey(
        GiftPack, models.PROTECT, verbose_name=_("gift"), null=True, blank=True
    )
    tiers = models.ManyToManyField(Tier, verbose_name=_("for tiers"), blank=True)
    rank = models.IntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("top-up plan")
        verbose_name_plural = _("top-up plans")
        ordering = ["rank", "pay_fen", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(pay_fen__gte=1), name="topupplan_pay_positive"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def total_fen(self) -> int:
        """What comes onto the card, bonus included. Reads the pack."""
        return self.pay_fen + (self.pack.bonus_fen if self.pack else 0)
