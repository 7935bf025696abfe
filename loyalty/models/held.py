from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import Shop, Staff


class HeldSale(models.Model):
    """A sale that is being rung up, as it stands on one person's screen; gone after its day.

    ``key`` is the client key of the sale it becomes. Nothing of worth: what counts is worked out
    anew when it is settled.
    """

    key = models.UUIDField(_("key"))
    staff = models.ForeignKey(Staff, models.CASCADE, verbose_name=_("cashier"), db_index=False)
    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"), db_index=False)
    content = models.JSONField(_("content"))
    saved_at = models.DateTimeField(_("saved"), db_index=True)

    class Meta:
        verbose_name = _("held sale")
        verbose_name_plural = _("held sales")
        constraints = [
            models.UniqueConstraint(fields=["key", "staff", "shop"], name="heldsale_unique")
        ]

    def __str__(self) -> str:
        return str(self.key)
