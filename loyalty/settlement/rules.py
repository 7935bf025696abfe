"""Which benefits and coupons may take part at all, and why the others may not.

Reasons are stable codes; ALGORITHM.md lists them.
"""

from __future__ import annotations

from loyalty.settlement.cart import Articles
from loyalty.settlement.types import (
    Ask,
    Benefit,
    BenefitKind,
    Buyer,
    Coupon,
    CouponKind,
    NotApplied,
    PointsRule,
    Refused,
    ScopeKind,
)

_BY_UNIT = frozenset({BenefitKind.MEMBER_PRICE, BenefitKind.NTH_UNIT})
_COUPONS_BY_UNIT = frozenset({CouponKind.EXCHANGE, CouponKind.NTH_UNIT})


def benefit_not_applied(
    benefit: Benefit, reason: str, *, missing_fen: int = 0, detail: str = ""
) -> NotApplied:
    return NotApplied(
        reason, benefit_id=benefit.id, name=benefit.name, missing_fen=missing_fen, detail=detail
    )


def coupon_not_applied(
    coupon: Coupon, reason: str, *, missing_fen: int = 0, detail: str = ""
) -> NotApplied:
    return NotApplied(
        reason, coupon_id=coupon.id, name=coupon.name, missing_fen=missing_fen, detail=detail
    )


def usable_benefits(
    benefits: tuple[Benefit, ...], articles: Articles, buyer: Buyer, ask: Ask
) -> tuple[list[Benefit], list[NotApplied]]:
    """Benefits that may take part, by rank then id, and the others with their reason.

    A special benefit has no price and takes no part. Raises Refused ``rule_unexplainable``.
    """
    usable: list[Benefit] = []
    others: list[NotApplied] = []
    for benefit in sorted(benefits, key=lambda b: (b.rank, b.id)):
        if benefit.kind is BenefitKind.SPECIAL:
            continue
        reason = _why_no_benefit(benefit, articles, buyer, ask)
        if not reason:
            check_benefit(benefit)
            usable.append(benefit)
        else:
            detail = benefit.unavailable_detail if reason == benefit.unavailable else ""
            others.append(benefit_not_applied(benefit, reason, detail=detail))
    return usable, others


def _why_no_benefit(benefit: Benefit, articles: Articles, buyer: Buyer, ask: Ask) -> str:
    if benefit.unavailable:
        return benefit.unavailable
    if benefit.id in ask.without_benefits:
        return "switched_off"
    if benefit.first_order_only and not buyer.is_first_order:
        return "first_order_only"
    if articles.is_open_amount and (
        benefit.scope.kind is not ScopeKind.ALL or benefit.kind in _BY_UNIT
    ):
        return "needs_articles"
    if not articles.in_scope(benefit.scope):
        return "not_in_scope"
    return ""


def why_no_coupon(coupon: Coupon, articles: Articles, buyer: Buyer) -> str:
    """The reason why the coupon cannot be used on this sale in any branch, or empty."""
    if coupon.unavailable:
        return coupon.unavailable
    if coupon.uses_left < 1:
        return "used_up"
    if coupon.first_order_only and not buyer.is_first_order:
        return "first_order_only"
    if articles.is_open_amount and (
        coupon.scope.kind is not ScopeKind.ALL or coupon.kind in _COUPONS_BY_UNIT
    ):
        return "needs_articles"
    if not articles.in_scope(coupon.scope):
        return "not_in_scope"
    return ""


def check_benefit(benefit: Benefit) -> None:
    """Raise Refused ``rule_unexplainable`` for a rule nobody could explain."""
    ok = {
        BenefitKind.PERCENT: 0 < benefit.rate_pm <= 1000,
        BenefitKind.NTH_UNIT: benefit.nth_n >= 2 and 0 <= benefit.rate_pm <= 1000,
        BenefitKind.AMOUNT_OFF: benefit.amount_fen > 0,
        BenefitKind.MULTIPLIER: benefit.multiplier_pm >= 1000,
        BenefitKind.MEMBER_PRICE: all(fen >= 0 for _, fen in benefit.prices),
    }.get(benefit.kind, True)
    if benefit.only_stored_value and (
        benefit.kind is not BenefitKind.PERCENT or benefit.scope.kind is not ScopeKind.ALL
    ):
        ok = False
    if not ok or benefit.threshold_fen < 0:
        raise Refused("rule_unexplainable", benefit_id=benefit.id)


def check_coupon(coupon: Coupon) -> None:
    """Raise Refused ``rule_unexplainable`` for a coupon nobody could explain."""
    ok = {
        CouponKind.AMOUNT_OFF: coupon.amount_fen > 0,
        CouponKind.PERCENT: 0 < coupon.rate_pm <= 1000
        and (coupon.cap_fen is None or coupon.cap_fen > 0),
        CouponKind.NTH_UNIT: coupon.nth_n >= 2 and 0 <= coupon.rate_pm <= 1000,
        CouponKind.MULTIPLIER: coupon.multiplier_pm >= 1000,
    }.get(coupon.kind, True)
    if coupon.threshold_on_list and not coupon.threshold_fen:
        ok = False
    if not ok or coupon.threshold_fen < 0:
        raise Refused("rule_unexplainable", coupon_id=coupon.id)


def check_points_rule(rule: PointsRule) -> None:
    """Raise Refused ``rule_unexplainable`` for a points rule that means nothing."""
    if (
        rule.step_points < 1
        or rule.step_value_fen < 1
        or not 0 <= rule.cap_pm <= 1000
        or rule.minimum_points < 0
        or rule.earn_per_yuan_pm < 0
    ):
        raise Refused("rule_unexplainable", rule="points")
