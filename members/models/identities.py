from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.people import Member


class Identity(models.Model):
    """An account elsewhere that opens a member's card without a code: their WeChat.

    ``subject`` is who they are to one app of the provider (WeChat: the openid), ``union_id`` who
    they are to all apps of one owner, where the provider tells it. ``at`` is when the phone was
    last proved from this account.
    """

    class Provider(models.TextChoices):
        WECHAT = "wechat", _("WeChat")

    member = models.ForeignKey(
        Member, models.PROTECT, verbose_name=_("member"), related_name="identities"
    )
    provider = models.CharField(max_length=12, choices=Provider)
    app_id = models.CharField(max_length=64)
    subject = models.CharField(max_length=128)
    union_id = models.CharField(max_length=128, blank=True)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("linked account")
        verbose_name_plural = _("linked accounts")
        indexes = [
            models.Index(
                fields=["provider", "union_id"], condition=~Q(union_id=""), name="identity_union"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(provider__in=["wechat"]), name="identity_provider_known"
            ),
            models.CheckConstraint(
                condition=~Q(app_id="") & ~Q(subject=""), name="identity_names_somebody"
            ),
            models.UniqueConstraint(
                fields=["provider", "app_id", "subject"], name="identity_of_one_member"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} #{self.pk}"
