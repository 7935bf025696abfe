"""Steps 5 to 8: what is left is paid by points, stored value and otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from loyalty.money import (
    allocate,
    ceil_ratio,
    floor_to_jiao,
    floor_to_yuan,
    half_up_ratio,
    to_pay,
)
from loyalty.settlement.rules import benefit_not_applied, check_points_rule
from loyalty.settlement.types import (
    Ask,
    Benefit,
    Buyer,
    LotDraw,
    NotApplied,
    PointsRule,
    Refused,
    RoundingMode,
    Step,
    StepKind,
    ValueLot,
)


@dataclass(slots=True)
class Tenders:
    """How the base is paid, by line; ``left`` is what is still to pay, in the end by others."""

    left: list[int]
    points: list[int]
    points_fen: list[int]
    cover: list[int]
    paid: list[int]  # principal + bonus
    principal: list[int]
    rounding: list[int]
    draws: tuple[LotDraw, ...] = ()
    steps: list[Step] = field(default_factory=list)
    others: list[NotApplied] = field(default_factory=list)


def pay(
    base: list[int],
    list_fen: list[int],
    buyer: Buyer,
    ask: Ask,
    rule: PointsRule,
    stored_discounts: list[Benefit],
    rounding: RoundingMode,
) -> Tenders:
    """Steps 5–8 on the amounts after step 4.

    Raises Refused: ``points_negative``, ``points_short``, ``stored_value_negative``,
    ``rule_unexplainable``.
    """
    zeros = [0] * len(base)
    tenders = Tenders(base, zeros, zeros, zeros, zeros, zeros, zeros)
    if ask.points:
        _pay_by_points(tenders, buyer, ask, rule)
    _pay_by_stored_value(tenders, base, list_fen, buyer, ask, stored_discounts)
    _round(tenders, rounding)
    other = sum(tenders.left)
    if other:
        tenders.steps.append(Step(StepKind.OTHER, other, tuple(tenders.left)))
    return tenders


def _less(left: list[int], shares: list[int]) -> list[int]:
    return [fen - share for fen, share in zip(left, shares, strict=True)]


def _pay_by_points(tenders: Tenders, buyer: Buyer, ask: Ask, rule: PointsRule) -> None:
    check_points_rule(rule)
    if ask.points < 0:
        raise Refused("points_negative")
    if ask.points > buyer.points:
        raise Refused("points_short", missing_points=ask.points - buyer.points)
    if ask.points < rule.minimum_points:
        missing = rule.minimum_points - ask.points
        tenders.others.append(NotApplied("points_minimum", missing_points=missing))
        return
    if ask.points < rule.step_points:
        missing = rule.step_points - ask.points
        tenders.others.append(NotApplied("points_step", missing_points=missing))
        return
    most_fen = sum(tenders.left) * rule.cap_pm // 1000
    steps = min(ask.points // rule.step_points, most_fen // rule.step_value_fen)
    if not steps:
        tenders.others.append(NotApplied("points_cap"))
        return
    fen, points = steps * rule.step_value_fen, steps * rule.step_points
    tenders.points_fen = allocate(fen, tenders.left)
    tenders.points = allocate(points, tenders.points_fen)
    tenders.left = _less(tenders.left, tenders.points_fen)
    tenders.steps.append(Step(StepKind.POINTS, fen, tuple(tenders.points_fen), points=points))


def _pay_by_stored_value(
    tenders: Tenders,
    base: list[int],
    list_fen: list[int],
    buyer: Buyer,
    ask: Ask,
    discounts: list[Benefit],
) -> None:
    left = sum(tenders.left)
    balance = sum([lot.principal_fen + lot.bonus_fen for lot in buyer.lots])
    if ask.stored_value_fen is not None:
        if ask.stored_value_fen < 0:
            raise Refused("stored_value_negative")
        balance = min(balance, ask.stored_value_fen)
    if not ask.use_stored_value or balance <= 0 or not left:
        if ask.use_stored_value and left:
            tenders.others.append(NotApplied("stored_value_empty"))
        tenders.others += [benefit_not_applied(b, "only_stored_value") for b in discounts]
        return
    best = min(discounts, key=lambda b: (b.rate_pm, b.rank, b.id), default=None)
    rate_pm = best.rate_pm if best else 1000
    paid = to_pay(left, rate_pm)
    cover = left
    if paid > balance:
        paid = balance
        cover = min(ceil_ratio(balance * 1000, rate_pm), left)
    tenders.cover = allocate(cover, tenders.left)
    off = allocate(cover - paid, tenders.cover)
    tenders.paid = _less(tenders.cover, off)
    tenders.left = _less(tenders.left, tenders.cover)
    tenders.draws = _draw(buyer.lots, paid, _list_covered(list_fen, tenders.cover, base))
    principal = sum([draw.principal_fen for draw in tenders.draws])
    tenders.principal = allocate(principal, tenders.paid)
    for benefit in discounts:
        if benefit is not best:
            tenders.others.append(benefit_not_applied(benefit, "beaten"))
        elif cover > paid:
            tenders.steps.append(
                Step(
                    StepKind.STORED_DISCOUNT,
                    cover - paid,
                    tuple(off),
                    benefit_id=benefit.id,
                    name=benefit.name,
                    detail=f"rate_pm={rate_pm}",
                )
            )
        else:
            tenders.others.append(benefit_not_applied(benefit, "saves_nothing"))
    if paid:
        detail = f"principal_fen={principal} bonus_fen={paid - principal}"
        tenders.steps.append(Step(StepKind.STORED_VALUE, paid, tuple(tenders.paid), detail=detail))


def _list_covered(list_fen: list[int], cover: list[int], base: list[int]) -> int:
    """List price of what stored value covers: each line's by the part of its base covered."""
    return sum(
        half_up_ratio(full * covered, whole)
        for full, covered, whole in zip(list_fen, cover, base, strict=True)
        if whole
    )


def _draw(lots: tuple[ValueLot, ...], paid: int, list_fen: int) -> tuple[LotDraw, ...]:
    """Draw lot by lot in the order given, within a lot pro rata of principal and bonus."""
    drawn = []
    for lot in lots:
        held = lot.principal_fen + lot.bonus_fen
        fen = min(paid, held)
        if fen > 0:
            principal = half_up_ratio(fen * lot.principal_fen, held)
            drawn.append((lot.id, fen, principal))
            paid -= fen
    shares = allocate(list_fen, [fen for _, fen, _ in drawn]) if drawn else []
    return tuple(
        LotDraw(lot_id, principal, fen - principal, share)
        for (lot_id, fen, principal), share in zip(drawn, shares, strict=True)
    )


def _round(tenders: Tenders, mode: RoundingMode) -> None:
    left = sum(tenders.left)
    rounded = left
    if mode is RoundingMode.JIAO:
        rounded = floor_to_jiao(left)
    elif mode is RoundingMode.YUAN:
        rounded = floor_to_yuan(left)
    if rounded == left:
        return
    tenders.rounding = allocate(left - rounded, tenders.left)
    tenders.left = _less(tenders.left, tenders.rounding)
    tenders.steps.append(
        Step(StepKind.ROUNDING, left - rounded, tuple(tenders.rounding), detail=mode.value)
    )
