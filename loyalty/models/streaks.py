from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.gifts import GiftPack
from loyalty.models.rules import Policy
from loyalty.models.standing import CheckIn


class StreakStep(models.Model):
    """A gift pack for checking in so many days running; once a streak, or each time anew.

    A part of the policy sheet, written together with it.
    """

    policy = models.ForeignKey(
        Policy, models.CASCADE, default=1, related_name="streak_steps", db_index=False
    )
    days = models.PositiveSmallIntegerField(_("days running"))
    pack = models.ForeignKey(GiftPack, models.PROTECT, verbose_name=_("gift"), related_name="+")
    repeats = models.BooleanField(_("again each time"), default=True)

    class Meta:
        verbose_name = _("gift for days running")
        verbose_name_plural = _("gifts for days running")
        ordering = ["days"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "days"], name="streakstep_days_once"),
            models.CheckConstraint(condition=Q(days__range=(2, 365)), name="streakstep_days_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.days} days: {self.pack_id}"


class StreakGift(models.Model):
    """What one check-in brought by one step. Unique: the same day of a streak gives once."""

    checkin = models.ForeignKey(CheckIn, models.PROTECT, related_name="gifts", db_index=False)
    days = models.PositiveSmallIntegerField(_("days running"))

    class Meta:
        verbose_name = _("gift of a streak")
        verbose_name_plural = _("gifts of streaks")
        constraints = [
            models.UniqueConstraint(fields=["checkin", "days"], name="streakgift_once"),
            models.CheckConstraint(condition=Q(days__gte=2), name="streakgift_days_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.checkin_id} {self.days}"
