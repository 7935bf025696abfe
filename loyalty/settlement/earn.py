"""Steps 9 and 10: points earned, and what counts for points and the tier."""

from __future__ import annotations

from dataclasses import dataclass, field

from loyalty.money import allocate
from loyalty.settlement.cart import Articles
from loyalty.settlement.coupons import coupon_detail
from loyalty.settlement.rules import benefit_not_applied, check_points_rule
from loyalty.settlement.tenders import Tenders
from loyalty.settlement.types import (
    Benefit,
    Coupon,
    NotApplied,
    PointsRule,
    Refused,
    Sale,
    Step,
    StepKind,
)


@dataclass(slots=True)
class Earned:
    """``points`` and ``basis`` by line; the coupons whose multiplier was used."""

    points: list[int]
    basis: list[int]
    coupons: list[Coupon] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    others: list[NotApplied] = field(default_factory=list)


@dataclass(slots=True)
class Multipliers:
    """What may multiply: benefits by rank, and coupons that steps 1–4 left possible.

    ``fixed`` coupons must all be used; otherwise the one that earns most is, if it earns more.
    """

    benefits: list[Benefit]
    coupons: list[Coupon]
    fixed: bool


def earn(sale: Sale, articles: Articles, tenders: Tenders, may: Multipliers) -> Earned:
    """Points by line share × rate × multiplier, summed and floored once.

    Raises Refused ``saves_nothing`` for an asked coupon whose multiplier brings nothing, and
    ``rule_unexplainable``.
    """
    rule = sale.points_rule
    check_points_rule(rule)
    basis = _basis(tenders, rule)
    winners: list[Benefit | Coupon | None] = [None] * len(basis)
    factors = [1000] * len(basis)
    for benefit in may.benefits:
        _raise(factors, winners, articles.in_scope(benefit.scope), benefit)
    total = _points(basis, factors, rule) if sale.buyer.is_member else 0
    chosen: list[Coupon] = []
    for coupon in _best_first(may, articles, basis, factors):
        better_factors, better_winners = factors.copy(), winners.copy()
        _raise(better_factors, better_winners, articles.in_scope(coupon.scope), coupon)
        better = _points(basis, better_factors, rule) if sale.buyer.is_member else 0
        if better > total:
            total, factors, winners = better, better_factors, better_winners
            chosen.append(coupon)
            if not may.fixed:
                break
    used = {id(w) for w, fen in zip(winners, basis, strict=True) if w is not None and fen}
    earned = Earned([0] * len(basis), basis)
    _tell(earned, may, chosen, used if total else set())
    if total:
        weights = [fen * factor for fen, factor in zip(basis, factors, strict=True)]
        earned.points = allocate(total, weights)
        zeros = (0,) * len(basis)
        earned.steps.append(
            Step(StepKind.EARN, 0, zeros, points=total, detail=f"basis_fen={sum(basis)}")
        )
    return earned


def _basis(tenders: Tenders, rule: PointsRule) -> list[int]:
    """Other tender + principal, and bonus and points' value where the policy says so."""
    stored = tenders.paid if rule.earn_on_bonus else tenders.principal
    points = tenders.points_fen if rule.earn_on_points else [0] * len(stored)
    return [a + b + c for a, b, c in zip(tenders.left, stored, points, strict=True)]


def _points(basis: list[int], factors: list[int], rule: PointsRule) -> int:
    exact = sum([fen * factor for fen, factor in zip(basis, factors, strict=True)])
    return exact * rule.earn_per_yuan_pm // (100 * 1000 * 1000)


def _raise(
    factors: list[int],
    winners: list[Benefit | Coupon | None],
    positions: tuple[int, ...],
    source: Benefit | Coupon,
) -> None:
    for i in positions:
        if source.multiplier_pm > factors[i]:
            factors[i] = source.multiplier_pm
            winners[i] = source


def _best_first(
    may: Multipliers, articles: Articles, basis: list[int], factors: list[int]
) -> list[Coupon]:
    """Coupons by what they add, most first; ties → sooner expiry, lower id."""

    def adds(coupon: Coupon) -> int:
        return sum(
            [
                basis[i] * max(coupon.multiplier_pm - factors[i], 0)
                for i in articles.in_scope(coupon.scope)
            ]
        )

    return sorted(may.coupons, key=lambda c: (-adds(c), c.expires, c.id))


def _tell(earned: Earned, may: Multipliers, chosen: list[Coupon], used: set[int]) -> None:
    """Steps for the multipliers that count, reasons for the benefits that do not."""
    zeros = (0,) * len(earned.basis)
    for benefit in may.benefits:
        if id(benefit) in used:
            detail = f"multiplier_pm={benefit.multiplier_pm}"
            step = Step(
                StepKind.MULTIPLIER,
                0,
                zeros,
                benefit_id=benefit.id,
                name=benefit.name,
                detail=detail,
            )
            earned.steps.append(step)
        else:
            reason = "beaten" if used else "saves_nothing"
            earned.others.append(benefit_not_applied(benefit, reason))
    for coupon in may.coupons:
        counts = id(coupon) in used and coupon in chosen
        if counts:
            earned.coupons.append(coupon)
            detail = coupon_detail(coupon, 1)
            earned.steps.append(
                Step(
                    StepKind.MULTIPLIER,
                    0,
                    zeros,
                    coupon_id=coupon.id,
                    name=coupon.name,
                    detail=detail,
                )
            )
        elif may.fixed:
            raise Refused("saves_nothing", coupon_id=coupon.id)
