"""Step 4, the best combination: at most one ordinary coupon and any stackable ones, two branches.

A depth-first search with a bound: what is left can never fall by more than the sum of what each
remaining coupon can take off at most. Where no coupon gets in another's way, the first descent
reaches that bound and everything else is cut off at once. ALGORITHM.md tells it in words.
"""

from __future__ import annotations

from loyalty.settlement.cart import Cart
from loyalty.settlement.coupons import Applied, Candidate, apply

MAX_NODES = 4_000  # then the best found so far is taken; about 40 ms

_Key = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]


class Search:
    """Collects the best choice over the branches handed to :meth:`try_branch`.

    The lowest amount wins; ties → first branch, fewer coupons, sooner expiry, lower id.
    """

    def __init__(self) -> None:
        self.branch = 0
        self.applied: list[Applied] = []
        self.cart: Cart | None = None
        self._best: _Key = (1 << 62, 0, 0, (), ())
        self._nodes = 0
        # Of the descent under way:
        self._trying = 0
        self._sequence: list[Candidate] = []
        self._forced: Candidate | None = None
        self._most_after: list[int] = []
        self._dearest_after: list[int] = []

    def try_branch(self, number: int, cart: Cart, candidates: list[Candidate]) -> None:
        self._trying = number
        total = cart.total()
        stackable = [c for c in candidates if c.coupon.stackable and c.most_fen]
        stackable.sort(key=lambda c: c.order)
        most_stacked = sum([c.most_fen for c in stackable])
        self._descend_from(cart, total, stackable, None)
        for ordinary in _ordinaries(candidates):
            if max(total - most_stacked - ordinary.most_fen, 0) > self._best[0]:
                break  # they are sorted: none of the others can do better
            sequence = sorted([*stackable, ordinary], key=lambda c: c.order)
            self._descend_from(cart, total, sequence, ordinary)

    def _descend_from(
        self, cart: Cart, total: int, sequence: list[Candidate], forced: Candidate | None
    ) -> None:
        self._sequence = sequence
        self._forced = forced
        self._most_after = [0] * (len(sequence) + 1)
        self._dearest_after = [0] * (len(sequence) + 1)
        for j in range(len(sequence) - 1, -1, -1):
            most = sequence[j].most_fen
            self._most_after[j] = self._most_after[j + 1] + most
            self._dearest_after[j] = max(self._dearest_after[j + 1], most)
        self._descend(0, cart, total, [], forced is not None)

    def _descend(
        self, j: int, cart: Cart, total: int, used: list[Applied], forced_ahead: bool
    ) -> None:
        self._nodes += 1
        if self._hopeless(j, total, len(used), forced_ahead):
            return
        if j == len(self._sequence):
            self._offer(cart, total, used)
            return
        candidate = self._sequence[j]
        forced = candidate is self._forced
        after = cart.copy()
        applied = apply(candidate, after)
        if applied.saved_fen:  # a coupon that saves nothing is never used
            self._descend(
                j + 1,
                after,
                total - applied.saved_fen,
                [*used, applied],
                forced_ahead and not forced,
            )
        if forced:
            return
        # Without this one there is no use in its equals either: they expire later.
        j += 1
        while j < len(self._sequence) and self._sequence[j].rule == candidate.rule:
            j += 1
        self._descend(j, cart, total, used, forced_ahead)

    def _hopeless(self, j: int, total: int, used: int, forced_ahead: bool) -> bool:
        if self._nodes > MAX_NODES:
            return True
        lowest = max(total - self._most_after[j], 0)
        best = self._best[0]
        if lowest != best:
            return lowest > best
        # It can only draw level: then it must not need more coupons.
        needed = total - best
        fewest = -(-needed // self._dearest_after[j]) if needed else 0
        return (self._trying, used + max(fewest, int(forced_ahead))) > self._best[1:3]

    def _offer(self, cart: Cart, total: int, used: list[Applied]) -> None:
        key = (
            total,
            self._trying,
            len(used),
            tuple(sorted([a.candidate.coupon.expires for a in used])),
            tuple(sorted([a.candidate.coupon.id for a in used])),
        )
        if self.cart is None or key < self._best:
            self._best = key
            self.branch = self._trying
            self.applied = used
            self.cart = cart


def _ordinaries(candidates: list[Candidate]) -> list[Candidate]:
    """Those that may save something, most first; of equals only the one that expires first."""
    found: dict[tuple[object, ...], Candidate] = {}
    for candidate in candidates:
        if candidate.coupon.stackable or not candidate.most_fen:
            continue
        known = found.get(candidate.rule)
        if known is None or candidate.order < known.order:
            found[candidate.rule] = candidate
    return sorted(found.values(), key=lambda c: (-c.most_fen, c.coupon.expires, c.coupon.id))
