"""Rules that look at single units: nth unit, exchange, pass. They work on runs of equal units."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.money import to_pay
from loyalty.settlement.cart import Cart, Run


def dearest_first(cart: Cart, positions: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """The units of these lines as (price, line, order in the line, number).

    Dearest first, equal prices in line order.
    """
    entries = [
        (price, i, order, units)
        for i in positions
        for order, (units, price) in enumerate(cart.prices(i))
    ]
    entries.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    return entries


def charge_nth(cart: Cart, positions: Sequence[int], n: int, rate_pm: int) -> list[int]:
    """Charge the last unit of each full group of ``n`` at ``rate_pm``; what comes off each line.

    Groups are formed by price as it is now, descending, then line order.
    """
    entries = dearest_first(cart, positions)
    last = sum(units for *_, units in entries) // n * n
    prices: dict[int, list[Run]] = {i: [] for i in positions}
    start = 0
    for price, i, _, units in entries:
        end = min(start + units, last)
        charged = end // n - start // n if end > start else 0
        prices[i] += [(units - charged, price), (charged, to_pay(price, rate_pm))]
        start += units
    return _set(cart, prices)


def free_cheapest(cart: Cart, positions: Sequence[int]) -> list[int]:
    """Make the cheapest unit free (of equal ones the last); units that cost nothing are no help."""
    for price, i, order, _ in reversed(dearest_first(cart, positions)):
        if price:
            return _free(cart, {(i, order): 1})
    return [0] * len(cart.amounts)


def free_dearest(cart: Cart, positions: Sequence[int], uses: int) -> tuple[list[int], int]:
    """Make up to ``uses`` units free, dearest first; the shares by line and the uses taken."""
    free: dict[tuple[int, int], int] = {}
    left = uses
    for price, i, order, units in dearest_first(cart, positions):
        if not price or not left:
            break
        free[i, order] = min(units, left)
        left -= free[i, order]
    return _free(cart, free), uses - left


def _free(cart: Cart, free: dict[tuple[int, int], int]) -> list[int]:
    prices: dict[int, list[Run]] = {}
    for i in {i for i, _ in free}:
        prices[i] = []
        for order, (units, price) in enumerate(cart.prices(i)):
            number = free.get((i, order), 0)
            prices[i] += [(units - number, price), (number, 0)]
    return _set(cart, prices)


def _set(cart: Cart, prices: dict[int, list[Run]]) -> list[int]:
    shares = [0] * len(cart.amounts)
    for i, line_prices in prices.items():
        shares[i] = cart.set_prices(i, line_prices)
    return shares
