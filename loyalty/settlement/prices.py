"""Steps 2 and 3: what the member's benefits make of the list prices."""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.money import allocate, to_pay
from loyalty.settlement.cart import Articles, Cart, Run
from loyalty.settlement.rules import benefit_not_applied
from loyalty.settlement.types import Benefit, BenefitKind, NotApplied, Step, StepKind
from loyalty.settlement.units import charge_nth

MAX_NTH = 8  # exclusive nth-unit benefits tried on and off: 256 combinations


@dataclass(slots=True)
class _Nth:
    """An exclusive nth-unit benefit with its lines, dearest first."""

    benefit: Benefit
    order: list[int]
    saves: list[int]  # by line: what one charged unit saves

    def apply(self, left: list[int]) -> list[tuple[int, int, int]]:
        """Take full groups out of ``left`` (changed in place): (line, units taken, charged)."""
        n = self.benefit.nth_n
        last = sum([left[i] for i in self.order]) // n * n
        if not last:
            return []
        taken = []
        start = 0
        for i in self.order:
            units = min(left[i], last - start)
            if units:
                end = start + units
                taken.append((i, units, end // n - start // n))
                left[i] -= units
                start = end
        return taken


@dataclass(slots=True)
class _Simple:
    """A percent or member-price benefit with the lines whose units take it."""

    benefit: Benefit
    lines: list[int]
    unit_saves: list[int]  # member price: by entry of ``lines``

    def saving(self, left: list[int], prices: list[int]) -> int:
        if self.benefit.kind is BenefitKind.PERCENT:
            # One floor over all its units: the fraction of a fen falls to the customer.
            whole = sum([left[i] * prices[i] for i in self.lines])
            return whole - to_pay(whole, self.benefit.rate_pm)
        return sum([left[i] * saves for i, saves in zip(self.lines, self.unit_saves, strict=True)])

    def shares(self, left: list[int], prices: list[int]) -> list[int]:
        """What comes off each entry of ``lines``."""
        if self.benefit.kind is BenefitKind.PERCENT:
            return allocate(self.saving(left, prices), [left[i] * prices[i] for i in self.lines])
        return [left[i] * saves for i, saves in zip(self.lines, self.unit_saves, strict=True)]


_Taken = list[tuple[_Nth, list[tuple[int, int, int]]]]


class _Combinations:
    """Tries each nth-unit benefit on and off; of equal savings the fewest on, lowest rank."""

    def __init__(self, nths: list[_Nth], simples: list[_Simple], prices: list[int]) -> None:
        self.nths = nths
        self.simples = simples
        self.prices = prices
        self.best_saving = -1
        self.best_left: list[int] = []
        self.best_taken: _Taken = []

    def search(self, depth: int, left: list[int], saving: int, taken: _Taken) -> None:
        if depth == len(self.nths):
            saving += sum([simple.saving(left, self.prices) for simple in self.simples])
            better = saving > self.best_saving
            if better or (saving == self.best_saving and len(taken) < len(self.best_taken)):
                self.best_saving = saving
                self.best_left = left
                self.best_taken = taken
            return
        nth = self.nths[depth]
        rest = left.copy()
        groups = nth.apply(rest)
        if groups:
            off = sum([charged * nth.saves[i] for i, _, charged in groups])
            if off:
                self.search(depth + 1, rest, saving + off, [*taken, (nth, groups)])
        self.search(depth + 1, left, saving, taken)


def apply_price_benefits(
    cart: Cart, articles: Articles, benefits: list[Benefit]
) -> tuple[list[Step], list[NotApplied]]:
    """Step 2. ``benefits`` are the usable price benefits by rank then id; the cart is changed."""
    others: list[NotApplied] = []
    exclusive = [b for b in benefits if not b.stacks]
    steps = _exclusive(cart, articles, exclusive, others) if exclusive else []
    for benefit in benefits:
        if not benefit.stacks:
            continue
        shares = _stacked(cart, articles, benefit)
        if any(shares):
            steps.append(_step(benefit, shares))
        else:
            others.append(_no_saving(articles, benefit))
    return steps, others


def _exclusive(
    cart: Cart, articles: Articles, benefits: list[Benefit], others: list[NotApplied]
) -> list[Step]:
    prices = [
        fen // units if units else 0
        for fen, units in zip(articles.list_fen, articles.units, strict=True)
    ]
    nths, left_out = _nths(articles, benefits, prices)
    simples = _simples(articles, benefits, prices)
    combinations = _Combinations(nths, simples, prices)
    combinations.search(0, articles.units, 0, [])
    left = combinations.best_left
    runs: list[list[Run]] = [[] for _ in prices]
    steps = []
    for nth, groups in combinations.best_taken:
        shares = [0] * len(prices)
        for i, units, charged in groups:
            shares[i] = charged * nth.saves[i]
            full = units - charged
            runs[i] += [(full, full * prices[i]), (charged, charged * prices[i] - shares[i])]
        steps.append(_step(nth.benefit, shares))
    remaining = [units * price for units, price in zip(left, prices, strict=True)]
    for simple in simples:
        shares = [0] * len(prices)
        for i, share in zip(simple.lines, simple.shares(left, prices), strict=True):
            shares[i] = share
            remaining[i] -= share
        if any(shares):
            steps.append(_step(simple.benefit, shares))
    for i, line_runs in enumerate(runs):
        cart.runs[i] = [run for run in [*line_runs, (left[i], remaining[i])] if run[0]]
        cart.amounts[i] = sum([fen for _, fen in cart.runs[i]])
    applied = {step.benefit_id for step in steps}
    others += left_out
    told = applied | {other.benefit_id for other in left_out}
    others += [_no_saving(articles, b) for b in benefits if b.id not in told]
    return steps


def _nths(
    articles: Articles, benefits: list[Benefit], prices: list[int]
) -> tuple[list[_Nth], list[NotApplied]]:
    nths: list[_Nth] = []
    others = []
    for benefit in benefits:
        if benefit.kind is not BenefitKind.NTH_UNIT:
            continue
        positions = articles.in_scope(benefit.scope)
        missing = benefit.nth_n - sum([articles.units[i] for i in positions])
        if missing > 0:
            others.append(_too_few(benefit, missing))
        elif len(nths) == MAX_NTH:
            others.append(benefit_not_applied(benefit, "too_many_rules"))
        else:
            order = sorted(positions, key=lambda i: (-prices[i], i))
            saves = [price - to_pay(price, benefit.rate_pm) for price in prices]
            nths.append(_Nth(benefit, order, saves))
    return nths, others


def _simples(articles: Articles, benefits: list[Benefit], prices: list[int]) -> list[_Simple]:
    """The cheapest simple benefit of each line's units; ties → lower rank, lower id.

    What a unit costs at a percent is compared exactly, before any rounding.
    """
    found: dict[int, _Simple] = {}
    cheapest = [price * 1000 for price in prices]
    chosen: list[tuple[Benefit, int] | None] = [None] * len(prices)
    for benefit in benefits:
        if benefit.kind is BenefitKind.PERCENT:
            for i in articles.in_scope(benefit.scope):
                if prices[i] * benefit.rate_pm < cheapest[i]:
                    cheapest[i] = prices[i] * benefit.rate_pm
                    chosen[i] = (benefit, 0)
        elif benefit.kind is BenefitKind.MEMBER_PRICE:
            for i, price in _member_prices(articles, benefit):
                if price * 1000 < cheapest[i]:
                    cheapest[i] = price * 1000
                    chosen[i] = (benefit, prices[i] - price)
    for i, choice in enumerate(chosen):
        if choice is not None:
            benefit, saves = choice
            simple = found.setdefault(benefit.id, _Simple(benefit, [], []))
            simple.lines.append(i)
            simple.unit_saves.append(saves)
    return sorted(found.values(), key=lambda s: (s.benefit.rank, s.benefit.id))


def _member_prices(articles: Articles, benefit: Benefit) -> list[tuple[int, int]]:
    """(line, member price of a unit). A line given as an amount has no unit price to compare."""
    table = dict(benefit.prices)
    found = []
    for i in articles.in_scope(benefit.scope):
        line = articles.lines[i]
        if line.amount_fen is None and line.product_id in table:
            found.append((i, table[line.product_id]))
    return found


def _stacked(cart: Cart, articles: Articles, benefit: Benefit) -> list[int]:
    positions = articles.in_scope(benefit.scope)
    if benefit.kind is BenefitKind.PERCENT:
        whole = cart.sum_of(positions)
        return cart.take(whole - to_pay(whole, benefit.rate_pm), positions)
    if benefit.kind is BenefitKind.NTH_UNIT:
        return charge_nth(cart, positions, benefit.nth_n, benefit.rate_pm)
    shares = [0] * len(cart.amounts)
    for i, member_price in _member_prices(articles, benefit):
        prices = [(units, min(price, member_price)) for units, price in cart.prices(i)]
        shares[i] = cart.set_prices(i, prices)
    return shares


def apply_amount_off(
    cart: Cart, articles: Articles, benefits: list[Benefit]
) -> tuple[list[Step], list[NotApplied]]:
    """Step 3. Thresholds look at the amount after step 2; the best one, then those that stack."""
    start = cart.copy()
    others = []
    reached: list[Benefit] = []
    for benefit in benefits:
        missing = benefit.threshold_fen - start.sum_of(articles.in_scope(benefit.scope))
        if missing > 0:
            others.append(benefit_not_applied(benefit, "threshold_short", missing_fen=missing))
        else:
            reached.append(benefit)
    alone = [b for b in reached if not b.stacks]
    if len(alone) > 1:
        alone.sort(key=lambda b: -min(b.amount_fen, start.sum_of(articles.in_scope(b.scope))))
        others += [benefit_not_applied(b, "beaten") for b in alone[1:]]
    steps = []
    for benefit in alone[:1] + [b for b in reached if b.stacks]:
        positions = articles.in_scope(benefit.scope)
        off = min(benefit.amount_fen, cart.sum_of(positions))
        if off:
            steps.append(_step(benefit, cart.take(off, positions)))
        else:
            others.append(benefit_not_applied(benefit, "saves_nothing"))
    return steps, others


def _no_saving(articles: Articles, benefit: Benefit) -> NotApplied:
    """Why a usable price benefit took nothing off: nothing to save, or others were cheaper."""
    positions = articles.in_scope(benefit.scope)
    reason = "beaten"
    if benefit.kind is BenefitKind.NTH_UNIT:
        missing = benefit.nth_n - sum([articles.units[i] for i in positions])
        if missing > 0:
            return _too_few(benefit, missing)
    if benefit.kind is BenefitKind.MEMBER_PRICE:
        offers = _member_prices(articles, benefit)
        if not offers:
            reason = "not_in_scope"
        elif all(price >= (articles.lines[i].unit_price_fen or 0) for i, price in offers):
            reason = "saves_nothing"
    elif benefit.rate_pm == 1000 or not any(articles.list_fen[i] for i in positions):
        reason = "saves_nothing"
    return benefit_not_applied(benefit, reason)


def _too_few(benefit: Benefit, missing: int) -> NotApplied:
    return benefit_not_applied(benefit, "too_few_units", detail=f"missing_units={missing}")


def _step(benefit: Benefit, shares: list[int]) -> Step:
    kind, detail = StepKind.PRICE, "member_price"
    if benefit.kind is BenefitKind.PERCENT:
        detail = f"rate_pm={benefit.rate_pm}"
    elif benefit.kind is BenefitKind.NTH_UNIT:
        detail = f"nth={benefit.nth_n} rate_pm={benefit.rate_pm}"
    elif benefit.kind is BenefitKind.AMOUNT_OFF:
        kind, detail = StepKind.AMOUNT_OFF, f"off_fen={benefit.amount_fen}"
        if benefit.threshold_fen:
            detail += f" threshold_fen={benefit.threshold_fen}"
    return Step(
        kind, sum(shares), tuple(shares), benefit_id=benefit.id, name=benefit.name, detail=detail
    )
