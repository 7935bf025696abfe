"""A stored sale worked out once more, from its own rules and inputs: it must come out the same."""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.models import Order, OrderStep
from loyalty.services import rules
from loyalty.services.claiming import CLAIMED
from loyalty.settlement import calculator
from loyalty.settlement.replay import inputs_from_json
from loyalty.settlement.types import NotApplied, Settlement

COMPARED = (
    "gross_fen",
    "base_fen",
    "points_used",
    "points_fen",
    "stored_cover_fen",
    "principal_fen",
    "bonus_fen",
    "rounding_fen",
    "other_fen",
    "points_earned",
    "basis_fen",
)


# A guest's sale that a member claimed later: these came with the claim.
BY_CLAIM = frozenset({"points_earned", "basis_fen"})


@dataclass(frozen=True, slots=True)
class Difference:
    """What does not agree: a column of the order, or "step 3"."""

    name: str
    stored: str
    worked_out: str


@dataclass(frozen=True, slots=True)
class Again:
    """The outcome; ``not_applied`` is what could not be used in that sale, and why."""

    differences: tuple[Difference, ...]
    not_applied: tuple[NotApplied, ...]
    ruleset_id: int

    @property
    def agrees(self) -> bool:
        return not self.differences


def settle_again(order: Order) -> Again | None:
    """Work the sale out by the rules it was settled by; None where those are not kept (imports).

    ``order`` is read with its ``ruleset``; its steps are read here.
    """
    if order.ruleset is None or order.inputs is None:
        return None
    book = rules.rulebook(order.ruleset.pk, order.ruleset.content_hash)
    result = calculator.settle(book.sale(inputs_from_json(order.inputs)))
    steps = list(OrderStep.objects.filter(order=order).order_by("index"))
    stored = [step for step in steps if CLAIMED not in step.detail.split()]
    left_out = BY_CLAIM if len(stored) < len(steps) else frozenset()
    return Again(
        differences=(*_amounts(order, result, left_out), *_steps(stored, result)),
        not_applied=result.not_applied,
        ruleset_id=order.ruleset.pk,
    )


def _amounts(order: Order, result: Settlement, left_out: frozenset[str]) -> list[Difference]:
    return [
        Difference(name, str(getattr(order, name)), str(getattr(result, name)))
        for name in COMPARED
        if name not in left_out and getattr(order, name) != getattr(result, name)
    ]


def _steps(stored: list[OrderStep], result: Settlement) -> list[Difference]:
    before = [(row.kind, row.amount_fen, row.points) for row in stored]
    after = [(str(step.kind), step.amount_fen, step.points) for step in result.steps]
    length = max(len(before), len(after))
    return [
        Difference(
            f"step {number + 1}",
            str(before[number]) if number < len(before) else "–",
            str(after[number]) if number < len(after) else "–",
        )
        for number in range(length)
        if before[number : number + 1] != after[number : number + 1]
    ]
