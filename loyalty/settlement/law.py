"""What a consumer gets back when a prepaid card ends, with each line of the working.

法释〔2025〕4号: Art. 14 (cooling-off of seven days), Art. 18–20 (refund = paid − delivered). It is
worked out per top-up, each with its own ratio. The limits and the choice of the cause are the
shop's; a lawyer confirms them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from loyalty.money import floor_ratio
from loyalty.settlement.types import Refused


class Cause(enum.StrEnum):
    """Why it ends; it decides at which price the delivered goods count."""

    MERCHANT = "merchant"  # not the consumer's doing: at the discounted price
    CONSUMER = "consumer"  # the consumer's doing: at list price
    COOLING_OFF = "cooling_off"  # within seven days of payment: as if not the consumer's doing


@dataclass(frozen=True, slots=True)
class Prepaid:
    """One top-up: what was paid, its bonus, what was drawn of both together.

    ``drawn_list_fen`` is the list price of the goods it covered, as the orders kept it by lot;
    both are net of refunds. ``contract_fen`` is what better contract terms give, if any.
    """

    paid_fen: int
    bonus_fen: int
    drawn_fen: int
    drawn_list_fen: int
    contract_fen: int | None = None


@dataclass(frozen=True, slots=True)
class WorkingLine:
    """One line of the working: a stable code for its words, the fen, the article of the law."""

    code: str
    fen: int
    article: str = ""


@dataclass(frozen=True, slots=True)
class Working:
    refund_fen: int
    lines: tuple[WorkingLine, ...]


def refund_working(prepaid: Prepaid, cause: Cause) -> Working:
    """Refund = paid − delivered, never below zero; better contract terms win.

    A fraction of a fen falls to the consumer. Raises Refused ``amount_negative`` for a negative
    input, ``drawn_exceeds_balance`` for more drawn than there was.
    """
    if min(prepaid.paid_fen, prepaid.bonus_fen, prepaid.drawn_fen, prepaid.drawn_list_fen) < 0:
        raise Refused("amount_negative")
    whole = prepaid.paid_fen + prepaid.bonus_fen
    if prepaid.drawn_fen > whole:
        raise Refused("drawn_exceeds_balance")
    lines = [
        WorkingLine("paid", prepaid.paid_fen),
        WorkingLine("bonus", prepaid.bonus_fen),
        WorkingLine("drawn", prepaid.drawn_fen),
    ]
    if cause is Cause.CONSUMER:
        delivered = prepaid.drawn_list_fen
        lines.append(WorkingLine("delivered_at_list_price", delivered, "18–20"))
    else:
        delivered = floor_ratio(prepaid.drawn_fen * prepaid.paid_fen, whole) if whole else 0
        article = "14" if cause is Cause.COOLING_OFF else "18–20"
        lines.append(WorkingLine("delivered_at_ratio", delivered, article))
    refund = prepaid.paid_fen - delivered
    lines.append(WorkingLine("paid_less_delivered", refund))
    if refund < 0:
        refund = 0
        lines.append(WorkingLine("never_below_zero", 0, "18–20"))
    if prepaid.contract_fen is not None and prepaid.contract_fen > refund:
        refund = prepaid.contract_fen
        lines.append(WorkingLine("better_contract_terms", refund))
    lines.append(WorkingLine("refund", refund))
    return Working(refund, tuple(lines))
