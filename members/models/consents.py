from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.base import append_only
from members.models.people import Member
from members.models.shops import Staff


class Consent(models.Model):
    """One yes or no of a member, for one purpose by one channel, to one version of a text.

    Append-only: the newest row of a purpose and channel is what holds now. ``channel`` is empty
    for a purpose that is not a message.
    """

    class Purpose(models.TextChoices):
        TERMS = "terms", _("membership terms and privacy")
        MARKETING = "marketing", _("offers and reminders")
        PROFILE = "profile", _("recommendations from what I buy")

    class Channel(models.TextChoices):
        NONE = "", _("no message")
        INBOX = "inbox", _("in this card")
        SMS = "sms", _("by text message")

    member = models.ForeignKey(Member, models.PROTECT, related_name="consents", db_index=False)
    purpose = models.CharField(_("purpose"), max_length=12, choices=Purpose)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, blank=True)
    granted = models.BooleanField(_("agreed"))
    text_version = models.CharField(_("version of the text"), max_length=16)
    source = models.CharField(_("given where"), max_length=16)
    staff = models.ForeignKey(Staff, models.PROTECT, null=True, db_index=False)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = [
            models.Index(fields=["member", "purpose", "channel", "-id"], name="consent_newest")
        ]
        constraints = [
            models.CheckConstraint(
                condition=(Q(purpose="marketing") & Q(channel__in=["inbox", "sms"]))
                | (Q(purpose__in=["terms", "profile"]) & Q(channel="")),
                name="consent_purpose_fits_channel",
            ),
            models.CheckConstraint(
                condition=~Q(text_version="") & ~Q(source=""), name="consent_names_its_text"
            ),
        ]
        triggers = append_only("consent")

    def __str__(self) -> str:
        return f"{self.purpose} {self.channel} {'yes' if self.granted else 'no'}"
