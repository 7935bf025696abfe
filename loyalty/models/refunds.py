from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.orders import Order, OrderLine, TenderKind
from members.models import Shop, Staff


class Refund(models.Model):
    """What was undone of an order: some lines, an amount, or all of it (void: the same day)."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds")
    is_void = models.BooleanField(default=False)
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_index=False)
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("cashier"), null=True, db_index=False
    )
    approved_by = models.ForeignKey(
        Staff,
        models.PROTECT,
        verbose_name=_("approved by"),
        null=True,
        related_name="+",
        db_index=False,
    )
    at = models.DateTimeField(_("when"))
    local_date = models.DateField(_("day"))
    reason = models.CharField(_("reason"), max_length=120, blank=True)
    base_fen = models.BigIntegerField()
    points_returned = models.BigIntegerField(default=0)
    points_fen = models.BigIntegerField(default=0)
    stored_cover_fen = models.BigIntegerField(default=0)
    principal_fen = models.BigIntegerField(default=0)
    bonus_fen = models.BigIntegerField(default=0)
    rounding_fen = models.BigIntegerField(default=0)
    other_fen = models.BigIntegerField(default=0)
    tender = models.CharField(max_length=8, choices=TenderKind, blank=True)
    points_clawed_back = models.BigIntegerField(default=0)
    points_expired = models.BigIntegerField(default=0)  # of those, had expired already
    points_forgiven = models.BigIntegerField(default=0)  # of those, by the policy
    basis_fen = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    base_fen=F("points_fen")
                    + F("stored_cover_fen")
                    + F("rounding_fen")
                    + F("other_fen")
                ),
                name="refund_parts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(base_fen__gte=0)
                & Q(points_fen__gte=0)
                & Q(principal_fen__gte=0)
                & Q(bonus_fen__gte=0)
                & Q(other_fen__gte=0),
                name="refund_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("staff")),
                name="refund_approved_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"refund {self.pk} of {self.order_id}"


class RefundLine(models.Model):
    """One line's part of a refund; the sums over an order's refunds never exceed its lines."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines", db_index=False)
    line = models.ForeignKey(OrderLine, models.PROTECT, related_name="refunds")
    quantity = models.BigIntegerField(default=0)
    base_fen = models.BigIntegerField()
    points_returned = models.BigIntegerField(default=0)
    points_fen = models.BigIntegerField(default=0)
    stored_cover_fen = models.BigIntegerField(default=0)
    stored_paid_fen = models.BigIntegerField(default=0)
    principal_fen = models.BigIntegerField(default=0)
    rounding_fen = models.BigIntegerField(default=0)
    other_fen = models.BigIntegerField(default=0)
    points_clawed_back = models.BigIntegerField(default=0)
    basis_fen = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("refund line")
        verbose_name_plural = _("refund lines")
        constraints = [
            models.UniqueConstraint(fields=["refund", "line"], name="refundline_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=0) & Q(base_fen__gte=0), name="refundline_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id}/{self.line_id}"
