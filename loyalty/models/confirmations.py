from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import Member, Shop, Staff


class SpendConfirmation(models.Model):
    """A spend that waits for the member's own yes on their phone; void after a minute.

    ``cart_hash`` is the quote's hash: the yes is for exactly what was shown, and for one sale.
    A pending row past ``expires_at`` is as good as expired, whoever looks.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        APPROVED = "approved", _("confirmed")
        REFUSED = "refused", _("refused")
        EXPIRED = "expired", _("too late")

    member = models.ForeignKey(Member, models.PROTECT, related_name="confirmations", db_index=False)
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_index=False)
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("asked by"), null=True, db_index=False
    )
    stored_fen = models.BigIntegerField(_("stored value"))
    points = models.BigIntegerField(_("points"))
    points_fen = models.BigIntegerField(_("worth of the points"))
    cart_hash = models.CharField(max_length=64)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("void from"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    used_at = models.DateTimeField(_("used"), null=True)

    class Meta:
        verbose_name = _("confirmation of a spend")
        verbose_name_plural = _("confirmations of spends")
        indexes = [models.Index(fields=["member", "-id"], name="spendconfirmation_member")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "approved", "refused", "expired"]),
                name="spendconfirmation_status_known",
            ),
            models.CheckConstraint(
                condition=Q(stored_fen__gte=0)
                & Q(points__gte=0)
                & Q(points_fen__gte=0)
                & (Q(stored_fen__gt=0) | Q(points_fen__gt=0)),
                name="spendconfirmation_spends",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="spendconfirmation_ends"
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True) | Q(status="approved"),
                name="spendconfirmation_used_if_approved",
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(status="pending"),
                name="spendconfirmation_one_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} #{self.pk}"

    @property
    def amount_fen(self) -> int:
        """What the member gives up: stored value and the worth of the points."""
        return self.stored_fen + self.points_fen
