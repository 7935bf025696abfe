"""The sale on a cashier's screen, as it was left."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from loyalty.models import HeldSale
from members.models import Shop, Staff

KEPT = dt.timedelta(hours=14)  # a working day


def content(*, key: UUID, staff: Staff, shop: Shop, at: dt.datetime) -> dict[str, Any] | None:
    """What this person rang up in this shop under the key; one statement."""
    found = HeldSale.objects.filter(key=key, staff=staff, shop=shop, saved_at__gt=at - KEPT)
    return found.values_list("content", flat=True).first()
