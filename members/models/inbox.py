from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.events import Event
from members.models.people import Member


class InboxMessage(models.Model):
    """One message in a member's card: a kind and its facts, put into words when it is read.

    A message about an event is unique on it, so that none is told twice.
    """

    member = models.ForeignKey(Member, models.PROTECT, related_name="inbox", db_index=False)
    event = models.OneToOneField(Event, models.PROTECT, null=True, related_name="+")
    kind = models.CharField(_("what"), max_length=24)
    data = models.JSONField(_("facts"), default=dict)
    at = models.DateTimeField(_("when"))
    read_at = models.DateTimeField(_("read"), null=True)

    class Meta:
        verbose_name = _("message in the card")
        verbose_name_plural = _("messages in the card")
        indexes = [
            models.Index(fields=["member", "-id"], name="inbox_member"),
            models.Index(fields=["member"], condition=Q(read_at__isnull=True), name="inbox_unread"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(kind=""), name="inbox_kind_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
