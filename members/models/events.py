from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KT
from django.utils.translation import gettext_lazy as _

from members.models.base import append_only
from members.models.people import Member
from members.models.shops import Shop, Staff


class Event(models.Model):
    """One thing that happened to a member or by a staff member, ids and facts only.

    Append-only; written in the transaction that did it. At once the member's timeline and the
    audit trail: one row for a sale, not one for each coupon or point.
    """

    kind = models.CharField(_("what"), max_length=40)
    at = models.DateTimeField(_("when"))
    member = models.ForeignKey(
        Member,
        models.PROTECT,
        verbose_name=_("member"),
        null=True,
        related_name="events",
        db_index=False,
    )
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name=_("by"), null=True, db_index=False
    )
    shop = models.ForeignKey(
        Shop, models.PROTECT, verbose_name=_("shop"), null=True, db_index=False
    )
    data = models.JSONField(_("facts"), default=dict)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["member", "-id"], name="event_member"),
            models.Index(fields=["kind", "-id"], name="event_kind"),
            # A guest's purchase has no member to be found by.
            models.Index(
                KT("data__order"), condition=Q(member__isnull=True), name="event_guest_order"
            ),
        ]
        constraints = [models.CheckConstraint(condition=~Q(kind=""), name="event_kind_not_empty")]
        triggers = append_only("event")

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Outbox(models.Model):
    """An event that someone must act on. Claimed in batches, deleted when every consumer is done.

    ``leased_until`` is our own lease: a killed worker's rows come back when it has passed,
    whatever the broker believes.
    """

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="outbox")
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("outbox row")
        verbose_name_plural = _("outbox")
        indexes = [models.Index(fields=["due_at"], name="outbox_due")]

    def __str__(self) -> str:
        return f"outbox {self.pk}"


class ConsumerDone(models.Model):
    """A consumer has acted on an event; unique, so that no event is acted on twice."""

    consumer = models.CharField(max_length=60)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["consumer", "event"], name="consumer_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer} {self.event_id}"
