"""The sale while it is being worked out: what each line costs now, and its units as runs.

A line may have 89,638 units, so units are never looked at one by one: a line holds a few *runs*
of equal units, each with its number of units and its fen.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.money import MAX_FEN, allocate
from loyalty.settlement.types import Line, Refused, Scope, ScopeKind

Run = tuple[int, int]  # units, fen of all of them


class Articles:
    """The lines as they came: checked, with what each scope touches looked up once."""

    __slots__ = ("_scopes", "gross_fen", "is_open_amount", "lines", "list_fen", "units")

    def __init__(self, lines: tuple[Line, ...]) -> None:
        for position, line in enumerate(lines):
            _check(position, line)
        self.lines = lines
        self.units = [line.units for line in lines]
        self.list_fen = [line.list_fen for line in lines]
        self.gross_fen = sum(self.list_fen)
        self.is_open_amount = len(lines) == 1 and _is_open(lines[0])
        self._scopes: dict[Scope, tuple[int, ...]] = {}
        if self.is_open_amount and not self.gross_fen:
            raise Refused("amount_zero", line=0)

    def list_of(self, positions: Sequence[int]) -> int:
        """What these lines cost at list price."""
        list_fen = self.list_fen
        return sum([list_fen[i] for i in positions])

    def in_scope(self, scope: Scope) -> tuple[int, ...]:
        """Positions of the lines that the scope touches; lines of no unit are left out."""
        found = self._scopes.get(scope)
        if found is None:
            found = tuple(
                i for i, line in enumerate(self.lines) if self.units[i] and _touches(scope, line)
            )
            self._scopes[scope] = found
        return found


class Cart:
    """What each line costs at this step, and how that falls on its runs of units."""

    __slots__ = ("amounts", "runs")

    def __init__(self, amounts: list[int], runs: list[list[Run]]) -> None:
        self.amounts = amounts
        self.runs = runs  # the fen are weights: only their proportion holds after take()

    @classmethod
    def at_list_price(cls, articles: Articles) -> Cart:
        runs = [
            [(units, fen)] if units else []
            for units, fen in zip(articles.units, articles.list_fen, strict=True)
        ]
        return cls(list(articles.list_fen), runs)

    def copy(self) -> Cart:
        return Cart(self.amounts.copy(), self.runs.copy())

    def total(self) -> int:
        return sum(self.amounts)

    def sum_of(self, positions: Sequence[int]) -> int:
        amounts = self.amounts
        return sum([amounts[i] for i in positions])

    def take(self, fen: int, positions: Sequence[int]) -> list[int]:
        """Take ``fen`` off these lines in proportion to what they cost now; the shares by line."""
        amounts = self.amounts
        if len(positions) == len(amounts):
            shares = allocate(fen, amounts)
        else:
            shares = [0] * len(amounts)
            parts = allocate(fen, [amounts[i] for i in positions])
            for i, part in zip(positions, parts, strict=True):
                shares[i] = part
        self.amounts = [amount - share for amount, share in zip(amounts, shares, strict=True)]
        return shares

    def prices(self, position: int) -> list[Run]:
        """The line's units now as (number, price of each).

        The line's amount falls on its runs by their fen, and within a run evenly; the odd fen
        stay with the earlier units.
        """
        runs = self.runs[position]
        result = []
        weights = [fen for _, fen in runs]
        for (units, _), fen in zip(runs, allocate(self.amounts[position], weights), strict=True):
            price, odd = divmod(fen, units)
            if odd:
                result.append((odd, price + 1))
            if units > odd:
                result.append((units - odd, price))
        return result

    def set_prices(self, position: int, prices: list[Run]) -> int:
        """Give the line's units these (number, price of each); what that takes off the line."""
        self.runs[position] = [(units, units * price) for units, price in prices if units]
        before = self.amounts[position]
        self.amounts[position] = sum([units * price for units, price in prices])
        return before - self.amounts[position]


def _check(position: int, line: Line) -> None:
    if line.quantity < 0:
        raise Refused("quantity_negative", line=position)
    if line.amount_fen is None and line.unit_price_fen is None:
        raise Refused("price_missing", line=position)
    if line.list_fen < 0 or (line.unit_price_fen or 0) < 0:
        raise Refused("amount_negative", line=position)
    if line.list_fen > MAX_FEN:
        raise Refused("amount_too_large", line=position, max_fen=MAX_FEN)


def _is_open(line: Line) -> bool:
    return line.amount_fen is not None and line.product_id is None and not line.category_ids


def _touches(scope: Scope, line: Line) -> bool:
    if scope.kind is ScopeKind.ALL:
        return True
    if scope.kind is ScopeKind.PRODUCTS:
        return line.product_id in scope.ids
    return not scope.ids.isdisjoint(line.category_ids)
