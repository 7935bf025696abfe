from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.rules import Tier
from members.models import Member


class BirthdayGift(models.Model):
    """The birthday gift of a member in a calendar year. Unique: whoever gives it, once a year.

    The row is there also where nothing of the gift was left to give. ``tier`` is the one whose
    gift it was, ``at`` the moment of all that came with it.
    """

    member = models.ForeignKey(
        Member, models.PROTECT, related_name="birthday_gifts", db_index=False
    )
    year = models.PositiveSmallIntegerField(_("year"))
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("birthday gift")
        verbose_name_plural = _("birthday gifts")
        constraints = [
            models.UniqueConstraint(fields=["member", "year"], name="birthdaygift_once_a_year"),
            models.CheckConstraint(
                condition=Q(year__range=(2000, 2999)), name="birthdaygift_year_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.year}"
