from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from loyalty.models import Order
from loyalty.services.again import Again, settle_again

TOLD = 20  # sales named at most; all are counted
BATCH = 2000


class Command(BaseCommand):
    help = (
        "Works every stored sale out again by the rules and inputs it was settled by, and names "
        "each that does not come out the same. Exit status 1: one differs."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count = differing = 0
        sales = Order.objects.exclude(inputs=None).select_related("ruleset").order_by("pk")
        sales = sales.defer("ruleset__snapshot")  # all the rules, with each sale; read once instead
        for order in sales.iterator(chunk_size=BATCH):
            again = settle_again(order)
            if again is None:
                continue
            count += 1
            if not again.agrees:
                differing += 1
                if differing <= TOLD:
                    self._tell(order, again)
        if differing:
            self.stdout.write(
                _("%(differing)s of %(count)s sales come out otherwise")
                % {"differing": f"{differing:,}", "count": f"{count:,}"}
            )
            sys.exit(1)
        self.stdout.write(_("%(count)s sales, all come out the same") % {"count": f"{count:,}"})

    def _tell(self, order: Order, again: Again) -> None:
        for row in again.differences:
            self.stdout.write(
                _("sale %(id)s, %(what)s: %(stored)s, not %(right)s")
                % {
                    "id": order.pk,
                    "what": row.name,
                    "stored": row.stored,
                    "right": row.worked_out,
                }
            )
