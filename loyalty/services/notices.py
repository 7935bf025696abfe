"""What happened to a member's money, told in their card: one message an event.

Runs as a consumer of the outbox, so a sale waits for nothing, and no message is lost or doubled.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

from loyalty.models import Coupon, Order, Refund, Tier
from loyalty.services import birthdays
from members.models import Event, Shop
from members.selectors import find
from members.services import inbox

CONSUMER = "card_inbox"
Facts = dict[str, Any]


def tell(event: Event, at: dt.datetime) -> None:
    """Write the message of one event; a guest's sale is nobody's, an empty gift no news."""
    if event.member_id is None:
        return
    facts = _FACTS[event.kind](event)
    if facts is None:
        return
    if event.shop_id is not None:
        facts["shop"] = Shop.objects.values_list("name", flat=True).get(pk=event.shop_id)
    # The message may come after the two cards of one person became one.
    member_id = find.kept_id(event.member_id)
    inbox.deliver(member_id=member_id, kind=event.kind, data=facts, event=event, at=event.at)


def _settled(event: Event) -> Facts:
    order = Order.objects.get(pk=event.data["order"])
    return {
        "order": order.pk,
        "gross_fen": order.gross_fen,
        "stored_fen": order.principal_fen + order.bonus_fen,
        "points_used": order.points_used,
        "other_fen": order.other_fen,
        "points_earned": order.points_earned,
    }


def _undone(event: Event) -> Facts:
    refund = Refund.objects.get(pk=event.data["refund"])
    return {
        "order": refund.order_id,
        "stored_fen": refund.principal_fen + refund.bonus_fen,
        "points_returned": refund.points_returned,
        "other_fen": refund.other_fen,
        "points_taken": refund.points_clawed_back,
    }


def _topped_up(event: Event) -> Facts:
    return {"paid_fen": event.data["paid_fen"], "bonus_fen": event.data["bonus_fen"]}


def _tier_changed(event: Event) -> Facts:
    before, after = event.data["before"], event.data["after"]
    tiers = Tier.objects.in_bulk([pk for pk in (before, after) if pk is not None])
    rank_before = tiers[before].rank if before in tiers else -1
    return {
        "tier": tiers[after].name if after in tiers else "",
        "is_up": after in tiers and tiers[after].rank > rank_before,
        "points": event.data["points"],
        "bonus_fen": event.data["bonus_fen"],
        "coupons": len(event.data["coupons"]),
    }


def _tier_bought(event: Event) -> Facts:
    return {"tier": event.data["name"], "points": event.data["points"]}


def _birthday_gift(event: Event) -> Facts | None:
    if birthdays.is_empty(event.data):
        return None
    coupons = Coupon.objects.filter(pk__in=event.data["coupons"]).order_by("pk")
    lifted = Tier.objects.filter(pk=event.data["tier"]).first() if event.data["tier"] else None
    return {
        "points": event.data["points"],
        "bonus_fen": event.data["bonus_fen"],
        "coupons": list(Counter(coupons.values_list("template__name", flat=True)).items()),
        "tier": lifted.name if lifted else "",
        "tier_days": event.data["tier_days"] or 0,
    }


def _adjusted(event: Event) -> Facts:
    return {
        "account": event.data["account"],
        "delta": event.data["after"] - event.data["before"],
        "reason": event.data["reason"],
    }


def _redeemed(event: Event) -> Facts:
    return {"name": event.data["name"], "due": event.data.get("due", "")}


_FACTS: dict[str, Callable[[Event], Facts | None]] = {
    "settled": _settled,
    "voided": _undone,
    "refunded": _undone,
    "topped_up": _topped_up,
    "tier_changed": _tier_changed,
    "tier_bought": _tier_bought,
    "tier_purchase_undone": _tier_bought,
    "birthday_gift": _birthday_gift,
    "balance_adjusted": _adjusted,
    "benefit_redeemed": _redeemed,
}
KINDS = frozenset(_FACTS)
