"""A sale's inputs as plain data and back, so that an old order can be worked out again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from loyalty.settlement.rulebook import Inputs, WalletCoupon
from loyalty.settlement.types import Ask, Line, ValueLot


def inputs_to_json(inputs: Inputs) -> dict[str, Any]:
    """Plain data for ``Order.inputs``; ``inputs_from_json`` reads it back."""
    ask = inputs.ask
    return {
        "lines": [
            [
                line.quantity,
                line.unit_price_fen,
                line.amount_fen,
                line.product_id,
                sorted(line.category_ids),
            ]
            for line in inputs.lines
        ],
        "ask": {
            "coupons": None if ask.coupons is None else list(ask.coupons),
            "without_coupons": sorted(ask.without_coupons),
            "without_benefits": sorted(ask.without_benefits),
            "points": ask.points,
            "use_stored_value": ask.use_stored_value,
            "stored_value_fen": ask.stored_value_fen,
        },
        "shop_id": inputs.shop_id,
        "channel": inputs.channel,
        "at": inputs.at,
        "local": inputs.local.isoformat(),
        "is_holiday": inputs.is_holiday,
        "member_id": inputs.member_id,
        "tier_id": inputs.tier_id,
        "tags": sorted(inputs.tags),
        "birthday": list(inputs.birthday) if inputs.birthday else None,
        "is_first_order": inputs.is_first_order,
        "points": inputs.points,
        "lots": [[lot.id, lot.principal_fen, lot.bonus_fen] for lot in inputs.lots],
        "coupons": [
            [c.id, c.template_id, c.uses_left, c.valid_from, c.expires_at] for c in inputs.coupons
        ],
        "quota_used": [[benefit, used] for benefit, used in inputs.quota_used],
    }


def inputs_from_json(data: Mapping[str, Any]) -> Inputs:
    """The inverse of ``inputs_to_json``."""
    ask = data["ask"]
    return Inputs(
        lines=tuple(
            Line(quantity, unit, amount, product, frozenset(categories))
            for quantity, unit, amount, product, categories in data["lines"]
        ),
        ask=Ask(
            coupons=None if ask["coupons"] is None else tuple(ask["coupons"]),
            without_coupons=frozenset(ask["without_coupons"]),
            without_benefits=frozenset(ask["without_benefits"]),
            points=ask["points"],
            use_stored_value=ask["use_stored_value"],
            stored_value_fen=ask["stored_value_fen"],
        ),
        shop_id=data["shop_id"],
        channel=data["channel"],
        at=data["at"],
        local=dt.datetime.fromisoformat(data["local"]),
        is_holiday=data["is_holiday"],
        member_id=data["member_id"],
        tier_id=data["tier_id"],
        tags=frozenset(data["tags"]),
        birthday=tuple(data["birthday"]) if data["birthday"] else None,
        is_first_order=data["is_first_order"],
        points=data["points"],
        lots=tuple(ValueLot(*lot) for lot in data["lots"]),
        coupons=tuple(WalletCoupon(*coupon) for coupon in data["coupons"]),
        quota_used=tuple((benefit, used) for benefit, used in data["quota_used"]),
    )
