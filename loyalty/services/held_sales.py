"""Keeps the sale on a cashier's screen between two requests."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from loyalty.models import HeldSale
from loyalty.selectors.held_sales import KEPT
from members.models import Shop, Staff


def hold(*, key: UUID, content: dict[str, Any], shop: Shop, actor: Staff, at: dt.datetime) -> None:
    """Keep the sale as it stands, in place of how it stood; one statement, no event."""
    HeldSale.objects.bulk_create(
        [HeldSale(key=key, staff=actor, shop=shop, content=content, saved_at=at)],
        update_conflicts=True,
        unique_fields=["key", "staff", "shop"],
        update_fields=["content", "saved_at"],
    )


def drop_old(*, at: dt.datetime) -> int:
    """Delete what no screen shows any more; how many."""
    return HeldSale.objects.filter(saved_at__lte=at - KEPT).delete()[0]
