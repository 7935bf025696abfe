from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models.base import append_only

HEX = "^[0-9a-f]{64}$"


class LedgerSeal(models.Model):
    """A run of ledger entries that can no longer be changed unnoticed, not even consistently.

    ``content`` is the SHA-256 of the entries from ``first_id`` through ``last_id``; ``chain`` that
    of the chain before and this content, so the newest chain stands for the whole ledger.
    """

    first_id = models.BigIntegerField(_("from movement"), unique=True)
    last_id = models.BigIntegerField(_("through movement"))
    entries = models.BigIntegerField(_("movements"))
    content = models.CharField(max_length=64)
    chain = models.CharField(_("seal"), max_length=64)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("seal of the ledger")
        verbose_name_plural = _("seals of the ledger")
        constraints = [
            models.CheckConstraint(
                condition=Q(first_id__gte=1) & Q(last_id__gte=F("first_id")) & Q(entries__gte=0),
                name="ledgerseal_range_forward",
            ),
            models.CheckConstraint(
                condition=Q(content__regex=HEX) & Q(chain__regex=HEX), name="ledgerseal_hex"
            ),
        ]
        triggers = append_only("ledgerseal")

    def __str__(self) -> str:
        return self.chain[:16]
