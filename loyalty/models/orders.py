"""Settled sales, how they were worked out and paid, and what was undone; top-ups."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.catalogue import Product
from loyalty.models.coupons import Coupon
from loyalty.models.gifts import TopUpPlan
from loyalty.models.rules import RuleSet, Tier
from members.models import Member, Shop, Staff


class TenderKind(models.TextChoices):
    CASH = "cash", _("cash")
    WECHAT = "wechat", _("WeChat Pay")
    ALIPAY = "alipay", _("Alipay")
    CARD = "card", _("bank card")
    STORED_VALUE = "stored", _("stored value")
    UNKNOWN = "unknown", _("not known")


class Order(models.Model):
    """A settled sale.

    ``base_fen`` (the amount after coupons) = points_fen + stored_cover_fen + rounding_fen +
    other_fen. A valid order is settled, not voided, not fully refunded, and of an amount above
    zero. ``inputs`` and ``ruleset`` let the calculator repeat it years later.
    """

    class Status(models.TextChoices):
        SETTLED = "settled", _("settled")
        PART_REFUNDED = "part", _("refunded in part")
        REFUNDED = "refunded", _("refunded")
        VOIDED = "voided", _("voided")

    key = models.UUIDField(null=True, unique=True)
    external_no = models.CharField(_("receipt number"), max_length=64, null=True, unique=True)  # noqa: DJ001
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_index=False)
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("cashier"), null=True, db_index=False
    )
    member = models.ForeignKey(
        Member,
        models.PROTECT,
        verbose_name=_("member"),
        null=True,
        related_name="orders",
        db_index=False,
    )
    tier = models.ForeignKey(
        Tier, models.PROTECT, verbose_name=_("tier"), null=True, db_index=False
    )
    channel = models.CharField(_("channel"), max_length=16, default="counter")
    at = models.DateTimeField(_("when"))
    local_date = models.DateField(_("day"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.SETTLED)
    is_valid = models.BooleanField(default=True)
    is_imported = models.BooleanField(default=False)
    gross_fen = models.BigIntegerField(_("before discounts"))
    base_fen = models.BigIntegerField(_("after discounts"))
    points_used = models.BigIntegerField(_("points used"), default=0)
    points_fen = models.BigIntegerField(_("paid by points"), default=0)
    stored_cover_fen = models.BigIntegerField(_("covered by stored value"), default=0)
    principal_fen = models.BigIntegerField(_("principal"), default=0)
    bonus_fen = models.BigIntegerField(_("bonus"), default=0)
    rounding_fen = models.BigIntegerField(_("rounding"), default=0)
    other_fen = models.BigIntegerField(_("paid otherwise"), default=0)
    points_earned = models.BigIntegerField(_("points earned"), default=0)
    basis_fen = models.BigIntegerField(_("counts for points and tier"), default=0)
    refunded_base_fen = models.BigIntegerField(default=0)
    refunded_basis_fen = models.BigIntegerField(default=0)
    refunded_net_fen = models.BigIntegerField(default=0)
    ruleset = models.ForeignKey(RuleSet, models.PROTECT, null=True, db_index=False)
    inputs = models.JSONField(null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [
            models.Index(
                fields=["member", "at"],
                name="order_member_at",
                include=["basis_fen", "refunded_basis_fen", "is_valid"],
            ),
            models.Index(fields=["shop", "local_date"], name="order_shop_day"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(gross_fen__gte=0)
                & Q(base_fen__gte=0)
                & Q(points_fen__gte=0)
                & Q(stored_cover_fen__gte=0)
                & Q(principal_fen__gte=0)
                & Q(bonus_fen__gte=0)
                & Q(rounding_fen__gte=0)
                & Q(other_fen__gte=0)
                & Q(points_used__gte=0)
                & Q(points_earned__gte=0)
                & Q(basis_fen__gte=0),
                name="order_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    base_fen=F("points_fen")
                    + F("stored_cover_fen")
                    + F("rounding_fen")
                    + F("other_fen")
                ),
                name="order_parts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(base_fen__lte=F("gross_fen")), name="order_never_dearer"
            ),
            models.CheckConstraint(
                condition=Q(refunded_base_fen__gte=0)
                & Q(refunded_base_fen__lte=F("base_fen"))
                & Q(refunded_basis_fen__lte=F("basis_fen"))
                & Q(refunded_net_fen__lte=F("other_fen") + F("principal_fen")),
                name="order_refund_within_paid",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["settled", "part"])
                | Q(status__in=["refunded", "voided"], is_valid=False),
                name="order_undone_is_not_valid",
            ),
            models.CheckConstraint(
                condition=Q(member__isnull=False)
                | (Q(points_used=0) & Q(points_earned=0) & Q(principal_fen=0) & Q(bonus_fen=0)),
                name="order_guest_has_no_account",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def net_fen(self) -> int:
        """What the shop earned by it: other tender + principal, less what was refunded."""
        return self.other_fen + self.principal_fen - self.refunded_net_fen


class OrderLine(models.Model):
    """One line with its list price and its share of every part; shares add up to the order's."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", db_index=False)
    index = models.PositiveSmallIntegerField()
    product = models.ForeignKey(Product, models.PROTECT, null=True)
    name = models.CharField(max_length=120, blank=True)
    quantity = models.BigIntegerField()
    unit_price_fen = models.BigIntegerField(null=True)
    list_fen = models.BigIntegerField()
    price_off_fen = models.BigIntegerField(default=0)
    amount_off_fen = models.BigIntegerField(default=0)
    coupon_off_fen = models.BigIntegerField(default=0)
    base_fen = models.BigIntegerField()
    points_used = models.BigIntegerField(default=0)
    points_fen = models.BigIntegerField(default=0)
    stored_cover_fen = models.BigIntegerField(default=0)
    stored_paid_fen = models.BigIntegerField(default=0)
    principal_fen = models.BigIntegerField(default=0)
    rounding_fen = models.BigIntegerField(default=0)
    other_fen = models.BigIntegerField(default=0)
    points_earned = models.BigIntegerField(default=0)
    basis_fen = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["order", "index"]
        constraints = [
            models.UniqueConstraint(fields=["order", "index"], name="orderline_index_unique"),
            models.CheckConstraint(
                condition=Q(quantity__gte=0) & Q(list_fen__gte=0) & Q(base_fen__gte=0),
                name="orderline_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    base_fen=F("list_fen")
                    - F("price_off_fen")
                    - F("amount_off_fen")
                    - F("coupon_off_fen")
                )
                & Q(
                    base_fen=F("points_fen")
                    + F("stored_cover_fen")
                    + F("rounding_fen")
                    + F("other_fen")
                ),
                name="orderline_parts_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.index}"


class OrderStep(models.Model):
    """A step of the settlement: what, how much, why, on which lines."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="steps", db_index=False)
    index = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=60, blank=True)
    detail = models.CharField(max_length=120, blank=True)
    amount_fen = models.BigIntegerField()
    points = models.BigIntegerField(default=0)
    benefit_id = models.BigIntegerField(null=True)
    coupon = models.ForeignKey(Coupon, models.PROTECT, null=True, db_index=False)
    shares_fen = models.JSONField()

    class Meta:
        verbose_name = _("settlement step")
        verbose_name_plural = _("settlement steps")
        ordering = ["order", "index"]
        constraints = [
            models.UniqueConstraint(fields=["order", "index"], name="orderstep_index_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.index} {self.kind}"


class Tender(models.Model):
    """How (a part of) an order was paid."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="tenders", db_index=False)
    kind = models.CharField(_("tender"), max_length=8, choices=TenderKind)
    amount_fen = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("tender")
        verbose_name_plural = _("tenders")
        constraints = [
            models.UniqueConstraint(fields=["order", "kind"], name="tender_one_a_kind"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="tender_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=TenderKind.values), name="tender_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_fen}"


class CouponUse(models.Model):
    """A coupon used by an order. ``uses`` of a pass; ``returned`` when the order was undone."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="coupon_uses", db_index=False)
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="order_uses")
    uses = models.PositiveSmallIntegerField(default=1)
    saved_fen = models.BigIntegerField()
    returned = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("coupon use")
        verbose_name_plural = _("coupon uses")
        constraints = [
            models.UniqueConstraint(fields=["order", "coupon"], name="couponuse_once_an_order"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id} in {self.order_id}"


class TopUp(models.Model):
    """Stored value paid in. ``terms_version`` is what the member agreed to when paying."""

    key = models.UUIDField(unique=True)
    member = models.ForeignKey(Member, models.PROTECT, related_name="top_ups")
    plan = models.ForeignKey(
        TopUpPlan, models.PROTECT, verbose_name=_("top-up plan"), null=True, db_index=False
    )
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_index=False)
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("cashier"), null=True, db_index=False
    )
    at = models.DateTimeField(_("when"))
    local_date = models.DateField(_("day"))
    paid_fen = models.BigIntegerField(_("paid"))
    bonus_fen = models.BigIntegerField(_("bonus"), default=0)
    tender = models.CharField(_("tender"), max_length=8, choices=TenderKind)
    terms_version = models.CharField(max_length=16, default="1")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        indexes = [models.Index(fields=["shop", "local_date"], name="topup_shop_day")]
        constraints = [
            models.CheckConstraint(
                condition=Q(paid_fen__gt=0) & Q(bonus_fen__gte=0), name="topup_positive"
            ),
            models.CheckConstraint(
                condition=Q(tender__in=["cash", "wechat", "alipay", "card"]),
                name="topup_tender_outside",
            ),
        ]

    def __str__(self) -> str:
        return f"top-up {self.pk}"


__all__ = [
    "CouponUse",
    "Order",
    "OrderLine",
    "OrderStep",
    "Tender",
    "TenderKind",
    "TopUp",
]
