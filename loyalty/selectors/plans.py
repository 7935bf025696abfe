"""Top-up plans as a member may choose them."""

from __future__ import annotations

from django.db.models import Q

from loyalty.models import TopUpPlan


def plans_for(tier_id: int | None) -> list[TopUpPlan]:
    """The plans a member of this tier may choose, in the shop's order."""
    open_to = Q(tiers__isnull=True) | Q(tiers=tier_id)
    plans = TopUpPlan.objects.filter(open_to, is_active=True).select_related("pack").distinct()
    return list(plans.order_by("rank", "pay_fen", "id"))
