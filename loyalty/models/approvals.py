from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.ledger import Account
from loyalty.models.orders import Order
from members.models import Member, Shop, Staff


class Approval(models.Model):
    """What one person asked for and a second one decides: a correction, a refund, an undo.

    ``amount`` is what was asked for: points or fen with their sign for a correction, the fen that
    go back for a refund. ``lines`` are a refund's (line, quantity); without lines it is everything
    that is left, or else the amount. ``key`` is the client's: one intent is asked for once.
    """

    class Kind(models.TextChoices):
        ADJUST = "adjust", _("correction of a balance")
        REFUND = "refund", _("refund")
        VOID = "void", _("undoing a purchase")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waits")
        APPROVED = "approved", _("approved")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("of a request", "withdrawn")

    key = models.UUIDField(unique=True)
    kind = models.CharField(_("what"), max_length=6, choices=Kind)
    member = models.ForeignKey(
        Member, models.PROTECT, verbose_name=_("member"), null=True, related_name="approvals"
    )
    account = models.CharField(_("account"), max_length=9, choices=Account.Kind, blank=True)
    order = models.ForeignKey(
        Order, models.PROTECT, verbose_name=_("purchase"), null=True, related_name="approvals"
    )
    amount = models.BigIntegerField(_("amount"))
    lines = models.JSONField(default=list)
    everything = models.BooleanField(default=False)
    reason = models.CharField(_("reason"), max_length=120)
    shop = models.ForeignKey(
        Shop, models.PROTECT, verbose_name=_("shop"), null=True, related_name="+", db_index=False
    )
    asked_by = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("asked by"), related_name="+", db_index=False
    )
    asked_at = models.DateTimeField(_("asked"))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.WAITING)
    decided_by = models.ForeignKey(
        Staff,
        models.PROTECT,
        verbose_name=_("decided by"),
        null=True,
        related_name="+",
        db_index=False,
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    answer = models.CharField(_("answer"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("request for approval")
        verbose_name_plural = _("requests for approval")
        indexes = [
            models.Index(
                fields=["asked_at"], condition=Q(status="waiting"), name="approval_waiting"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind="adjust",
                    member__isnull=False,
                    account__in=["points", "principal", "bonus"],
                    order__isnull=True,
                    everything=False,
                )
                & ~Q(amount=0)
                | Q(kind__in=["refund", "void"], order__isnull=False, shop__isnull=False)
                & Q(account="", amount__gte=1),
                name="approval_says_what",
            ),
            models.CheckConstraint(
                condition=~Q(kind="void") | Q(everything=True), name="approval_void_is_whole"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="approval_reason_not_empty"),
            models.CheckConstraint(
                condition=Q(status="waiting", decided_by__isnull=True, decided_at__isnull=True)
                | Q(status="withdrawn", decided_by__isnull=True, decided_at__isnull=False)
                | Q(
                    status__in=["approved", "declined"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="approval_decided_when_over",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
                name="approval_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True) | Q(decided_at__gte=F("asked_at")),
                name="approval_decided_after_it_was_asked",
            ),
            models.CheckConstraint(
                condition=Q(status="declined") & ~Q(answer="")
                | ~Q(status="declined") & Q(answer=""),
                name="approval_declined_says_why",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(status="waiting"),
                name="approval_one_waiting_of_an_order",
            ),
            models.UniqueConstraint(
                fields=["member", "account", "amount"],
                condition=Q(status="waiting", kind="adjust"),
                name="approval_waiting_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
