"""What a rule would do, by the real calculator: nothing is stored, nobody is asked.

Rules are taken as they are in force, with the one that is being written put among them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from loyalty.models import Benefit, CouponTemplate, Product, RuleSet
from loyalty.money import ceil_ratio
from loyalty.selectors import inputs as selectors
from loyalty.services import rules
from loyalty.settlement import calculator
from loyalty.settlement.rulebook import Inputs, RuleBook, WalletCoupon
from loyalty.settlement.types import Ask, Line, Settlement, StepKind, ValueLot
from members import clock

EXAMPLE_ID = 2**60  # a row that is not stored yet
EXAMPLE_FEN = 10_000  # ¥100
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Example:
    """One worked-out sale: of which tier, and the price after each kind of step, from the list
    price to what is to pay. Money in fen."""

    tier_name: str
    settlement: Settlement
    path_fen: tuple[int, ...]


def current_snapshot(at: dt.datetime) -> dict[str, Any]:
    """The rules in force as plain data; published now if none ever were."""
    found = selectors.current_rules()
    if found is None:
        ruleset = rules.publish(actor=None, at=at)
        found = (ruleset.pk, ruleset.content_hash)
    return dict(RuleSet.objects.get(pk=found[0]).snapshot)


def _moment(at: dt.datetime) -> Inputs:
    local = at.astimezone(clock.shop_zone()).replace(tzinfo=None, microsecond=0)
    return Inputs(
        lines=(),
        ask=Ask(),
        shop_id=0,
        channel="counter",
        at=int(at.timestamp()),
        local=local,
        is_holiday=True,
        member_id=EXAMPLE_ID,
        birthday=(local.month, local.day),
        is_first_order=True,
    )


def example_amount(rule: Mapping[str, Any], snapshot: Mapping[str, Any]) -> int:
    """¥100, or what reaches the rule's threshold in whole ¥10: after the best member discount,
    or at list price where the threshold looks at that."""
    rates = [
        row["rate_pm"]
        for row in snapshot["benefits"]
        if row["kind"] == "percent" and not row["only_stored_value"]
    ]
    least = 1000 if rule.get("threshold_on_list") else min([*rates, 1000])
    needed = ceil_ratio(int(rule.get("threshold_fen") or 0) * 1000, least)
    return max(EXAMPLE_FEN, ceil_ratio(needed, 1000) * 1000)


def _line(rule: Mapping[str, Any], amount_fen: int) -> Line:
    """What is bought: something that the rule touches; as many units as it counts by."""
    ids = list(rule["ids"])
    categories: frozenset[int] = frozenset()
    product = None
    if rule["scope"] == "categories" and ids:
        categories = frozenset(ids[:1])
    elif rule["scope"] == "products" and ids:
        product = ids[0]
        row = Product.objects.filter(pk=product).first()
        if row is not None and row.price_fen:
            amount_fen = row.price_fen
    elif rule.get("prices"):
        product = rule["prices"][0][0]
        row = Product.objects.filter(pk=product).first()
        amount_fen = (row.price_fen if row else None) or amount_fen
    quantity = int(rule.get("nth_n") or 1) if rule["kind"] == "nth_unit" else 1
    return Line(
        quantity=max(quantity, 1),
        unit_price_fen=amount_fen if product or quantity > 1 or categories else None,
        amount_fen=None if product or quantity > 1 or categories else amount_fen,
        product_id=product,
        category_ids=categories,
    )


# Where and when a rule holds is not what an example is about.
ANYWHERE: dict[str, Any] = {"shops": [], "channels": [], "time_from": None, "time_to": None}
ANY_DAY: dict[str, Any] = {
    "when": "always",
    "days": [],
    "date_from": None,
    "date_to": None,
    "quota": 0,
    "quota_period": "",
    "tags": [],
}


def template_rule(
    template: CouponTemplate, *, ids: Collection[int], uses: int = 1
) -> dict[str, Any]:
    """A coupon template that may not be stored yet, as the snapshot would hold it."""
    return {
        **{name: getattr(template, name) for name in rules.TEMPLATE_FIELDS},
        **ANYWHERE,
        "id": template.pk or EXAMPLE_ID,
        "uses": uses,
        "ids": sorted(ids),
        "valid_from": None,
        "valid_to": None,
    }


def benefit_rule(
    benefit: Benefit,
    *,
    ids: Collection[int],
    tier_ids: Collection[int],
    prices: Collection[tuple[int, int]] = (),
) -> dict[str, Any]:
    """A benefit that may not be stored yet, as the snapshot would hold it, on a day it holds."""
    return {
        **{name: getattr(benefit, name) for name in rules.BENEFIT_FIELDS},
        **ANYWHERE,
        **ANY_DAY,
        "id": benefit.pk or EXAMPLE_ID,
        "ids": sorted(ids),
        "tiers": sorted(tier_ids),
        "prices": sorted([product, fen] for product, fen in prices),
    }


def coupon_examples(*, rule: Mapping[str, Any], at: dt.datetime, limit: int = 3) -> list[Example]:
    """A sale with this coupon for members of the tiers that pay different prices."""
    snapshot = current_snapshot(at)
    snapshot["templates"] = [rule]
    snapshot["benefits"] = [
        row for row in snapshot["benefits"] if row["when"] == "always" and not row["tags"]
    ]
    held = WalletCoupon(
        id=EXAMPLE_ID,
        template_id=rule["id"],
        uses_left=rule["uses"],
        valid_from=int(at.timestamp()) - DAY,
        expires_at=int(at.timestamp()) + DAY,
    )
    ask = Ask(coupons=(EXAMPLE_ID,))
    return _by_tier(snapshot, rule, at=at, coupons=(held,), ask=ask, limit=limit)


def benefit_examples(*, rule: Mapping[str, Any], at: dt.datetime, limit: int = 4) -> list[Example]:
    """A sale on a day when this benefit holds, beside all others that hold always."""
    snapshot = current_snapshot(at)
    snapshot["templates"] = []
    others = [
        row
        for row in snapshot["benefits"]
        if row["id"] != rule["id"] and row["when"] == "always" and not row["tags"]
    ]
    snapshot["benefits"] = [*others, rule]
    value = (ValueLot(1, 100_000_000, 0),) if rule["only_stored_value"] else ()
    ask = Ask(use_stored_value=bool(rule["only_stored_value"]))
    return _by_tier(snapshot, rule, at=at, lots=value, ask=ask, limit=limit)


def _by_tier(
    snapshot: dict[str, Any],
    rule: Mapping[str, Any],
    *,
    at: dt.datetime,
    ask: Ask,
    limit: int,
    coupons: tuple[WalletCoupon, ...] = (),
    lots: tuple[ValueLot, ...] = (),
) -> list[Example]:
    """One example a tier; tiers that pay the same are one, called by the lowest of them."""
    book = RuleBook(snapshot)
    line = _line(rule, example_amount(rule, snapshot))
    found: dict[tuple[int, ...], Example] = {}
    chosen: list[tuple[int | None, str]] = [(tier.id, tier.name) for tier in book.tiers]
    wanted = set(rule.get("tiers", ()))
    for tier_id, name in chosen or [(None, "")]:
        if wanted and tier_id not in wanted:
            continue
        sale = replace(
            _moment(at), lines=(line,), ask=ask, tier_id=tier_id, coupons=coupons, lots=lots
        )
        result = calculator.settle(book.sale(sale))
        path = _path(result)
        found.setdefault(path, Example(name, result, path))
    return list(found.values())[:limit]


def _path(result: Settlement) -> tuple[int, ...]:
    """The price from list to what is to pay, after member prices, money off, coupons, the rest."""
    path = [result.gross_fen]
    left = result.gross_fen
    groups = (
        {StepKind.PRICE},
        {StepKind.AMOUNT_OFF},
        {StepKind.COUPON},
        {StepKind.POINTS, StepKind.STORED_DISCOUNT},
        {StepKind.ROUNDING},
    )
    for group in groups:
        off = sum(step.amount_fen for step in result.steps if step.kind in group)
        if off:
            left -= off
            path.append(left)
    return tuple(path)
