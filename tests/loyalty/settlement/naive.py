"""The rules in their plainest form, unit by unit and choice by choice, to check the fast ones."""

from __future__ import annotations

from itertools import combinations, product

from loyalty.settlement.cart import Articles, Cart
from loyalty.settlement.coupons import Candidate, apply
from loyalty.settlement.types import Benefit, BenefitKind


def best_saving(articles: Articles, benefits: list[Benefit]) -> int:
    """Step 2 for exclusive benefits: the largest saving over all on/off combinations."""
    nths = [b for b in benefits if b.kind is BenefitKind.NTH_UNIT]
    return max(
        _saving(articles, benefits, [b for b, on in zip(nths, switches, strict=True) if on])
        for switches in product([True, False], repeat=len(nths))
    )


def _saving(articles: Articles, benefits: list[Benefit], nths: list[Benefit]) -> int:
    units = [
        (articles.list_fen[i] // count, i)
        for i, count in enumerate(articles.units)
        for _ in range(count)
    ]
    units.sort(key=lambda unit: (-unit[0], unit[1]))
    saving = 0
    for nth in nths:
        touched = set(articles.in_scope(nth.scope))
        mine = [unit for unit in units if unit[1] in touched]
        mine = mine[: len(mine) // nth.nth_n * nth.nth_n]
        for position, unit in enumerate(mine, 1):
            units.remove(unit)
            if position % nth.nth_n == 0:
                saving += unit[0] - unit[0] * nth.rate_pm // 1000
    return saving + _simple_saving(articles, benefits, units)


def _simple_saving(
    articles: Articles, benefits: list[Benefit], units: list[tuple[int, int]]
) -> int:
    saving = 0
    at_percent: dict[int, int] = {}
    rates: dict[int, int] = {}
    for price, i in units:
        offers = [(price * 1000, -1, -1, 0)]
        for b in benefits:
            if i not in articles.in_scope(b.scope):
                continue
            if b.kind is BenefitKind.PERCENT:
                offers.append((price * b.rate_pm, b.rank, b.id, b.rate_pm))
            member_price = dict(b.prices).get(articles.lines[i].product_id or 0)
            if b.kind is BenefitKind.MEMBER_PRICE and articles.lines[i].amount_fen is None:
                offers += [] if member_price is None else [(member_price * 1000, b.rank, b.id, 0)]
        cheapest, _, benefit_id, rate_pm = min(offers)
        if rate_pm and cheapest < price * 1000:
            at_percent[benefit_id] = at_percent.get(benefit_id, 0) + price
            rates[benefit_id] = rate_pm
        else:
            saving += price - cheapest // 1000
    return saving + sum(
        whole - whole * rates[benefit_id] // 1000 for benefit_id, whole in at_percent.items()
    )


Key = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]


def best_choice(branches: list[tuple[int, Cart, list[Candidate]]]) -> Key:
    """Step 4: every set of at most one ordinary coupon and any stackable ones, in each branch."""
    keys = []
    for branch, start, candidates in branches:
        for size in range(len(candidates) + 1):
            for chosen in combinations(candidates, size):
                if sum(not c.coupon.stackable for c in chosen) > 1:
                    continue
                cart = start.copy()
                saved = [apply(c, cart).saved_fen for c in sorted(chosen, key=lambda c: c.order)]
                if all(saved):
                    keys.append(
                        (
                            cart.total(),
                            branch,
                            size,
                            tuple(sorted(c.coupon.expires for c in chosen)),
                            tuple(sorted(c.coupon.id for c in chosen)),
                        )
                    )
    return min(keys)
