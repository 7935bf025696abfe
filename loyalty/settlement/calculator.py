"""The one function that works out a sale. ALGORITHM.md has its rules and numbers in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from loyalty.settlement.cart import Articles, Cart
from loyalty.settlement.coupons import coupon_step
from loyalty.settlement.earn import Earned, Multipliers, earn
from loyalty.settlement.prices import apply_amount_off, apply_price_benefits
from loyalty.settlement.rules import benefit_not_applied, coupon_not_applied, usable_benefits
from loyalty.settlement.tenders import Tenders, pay
from loyalty.settlement.types import (
    Benefit,
    BenefitKind,
    CouponKind,
    CouponUse,
    LineResult,
    NotApplied,
    Refused,
    Sale,
    Settlement,
    Step,
    StepKind,
)
from loyalty.settlement.wallet import SECOND, Branches, Choice, asked_coupons, choose, honour

_PRICE_KINDS = frozenset({BenefitKind.PERCENT, BenefitKind.MEMBER_PRICE, BenefitKind.NTH_UNIT})


@dataclass(slots=True)
class _Benefits:
    """The usable benefits by the step they belong to, each by rank then id."""

    price: list[Benefit] = field(default_factory=list)
    amount_off: list[Benefit] = field(default_factory=list)
    stored_value: list[Benefit] = field(default_factory=list)
    multiplier: list[Benefit] = field(default_factory=list)

    @classmethod
    def sort(cls, usable: list[Benefit]) -> _Benefits:
        sorted_out = cls()
        for benefit in usable:
            if benefit.only_stored_value:
                sorted_out.stored_value.append(benefit)
            elif benefit.kind in _PRICE_KINDS:
                sorted_out.price.append(benefit)
            elif benefit.kind is BenefitKind.AMOUNT_OFF:
                sorted_out.amount_off.append(benefit)
            else:
                sorted_out.multiplier.append(benefit)
        return sorted_out


def settle(sale: Sale) -> Settlement:
    """Work out the sale: the same inputs always give the same result.

    Raises Refused for what cannot be: bad amounts, rules nobody could explain, asked coupons
    that cannot be honoured, more points than held. Nothing else is raised.
    """
    if not sale.lines:
        return _redeem_passes(sale)
    articles = Articles(sale.lines)
    usable, not_applied = usable_benefits(sale.benefits, articles, sale.buyer, sale.ask)
    benefits = _Benefits.sort(usable)
    with_benefits = Cart.at_list_price(articles)
    steps, others = _member_discount(with_benefits, articles, benefits)
    after_prices = with_benefits.total() < articles.gross_fen
    branches = Branches(with_benefits, Cart.at_list_price(articles) if after_prices else None)
    pick = choose if sale.ask.coupons is None else honour
    choice = pick(sale, articles, branches)
    if choice.branch == SECOND:
        others = [
            benefit_not_applied(benefit, "coupon_better")
            for benefit in benefits.price + benefits.amount_off
        ]
        steps = []
    tenders = pay(
        choice.cart.amounts,
        articles.list_fen,
        sale.buyer,
        sale.ask,
        sale.points_rule,
        benefits.stored_value,
        sale.rounding,
    )
    fixed = sale.ask.coupons is not None
    earned = earn(
        sale, articles, tenders, Multipliers(benefits.multiplier, choice.multipliers, fixed)
    )
    not_applied += others
    return _result(articles, steps, choice, tenders, earned, not_applied)


def _member_discount(
    cart: Cart, articles: Articles, benefits: _Benefits
) -> tuple[list[Step], list[NotApplied]]:
    """Steps 2 and 3 on the cart."""
    steps: list[Step] = []
    others: list[NotApplied] = []
    if benefits.price:
        steps, others = apply_price_benefits(cart, articles, benefits.price)
    if benefits.amount_off:
        off_steps, off_others = apply_amount_off(cart, articles, benefits.amount_off)
        steps += off_steps
        others += off_others
    return steps, others


def _result(
    articles: Articles,
    steps: list[Step],
    choice: Choice,
    tenders: Tenders,
    earned: Earned,
    not_applied: list[NotApplied],
) -> Settlement:
    coupon_steps = [coupon_step(applied) for applied in choice.applied]
    uses = [
        CouponUse(applied.candidate.coupon.id, applied.saved_fen, applied.uses)
        for applied in choice.applied
    ]
    uses += [CouponUse(coupon.id, 0) for coupon in earned.coupons]
    used = {use.coupon_id for use in uses}
    unused_multipliers = [
        coupon_not_applied(coupon, "beaten" if earned.coupons else "saves_nothing")
        for coupon in choice.multipliers
        if coupon.id not in used
    ]
    all_steps = (*steps, *coupon_steps, *tenders.steps, *earned.steps)
    principal = sum(tenders.principal)
    stored_paid = sum(tenders.paid)
    return Settlement(
        gross_fen=articles.gross_fen,
        base_fen=choice.cart.total(),
        points_used=sum(tenders.points),
        points_fen=sum(tenders.points_fen),
        stored_cover_fen=sum(tenders.cover),
        stored_paid_fen=stored_paid,
        principal_fen=principal,
        bonus_fen=stored_paid - principal,
        rounding_fen=sum(tenders.rounding),
        other_fen=sum(tenders.left),
        points_earned=sum(earned.points),
        basis_fen=sum(earned.basis),
        steps=all_steps,
        not_applied=(
            *not_applied,
            *choice.others,
            *unused_multipliers,
            *tenders.others,
            *earned.others,
        ),
        coupon_uses=tuple(uses),
        benefit_ids=tuple(
            dict.fromkeys(step.benefit_id for step in all_steps if step.benefit_id is not None)
        ),
        draws=tenders.draws,
        lines=_lines(articles, all_steps, choice.cart.amounts, tenders, earned),
    )


def _lines(
    articles: Articles, steps: tuple[Step, ...], base: list[int], tenders: Tenders, earned: Earned
) -> tuple[LineResult, ...]:
    off = {kind: [0] * len(base) for kind in (StepKind.PRICE, StepKind.AMOUNT_OFF, StepKind.COUPON)}
    for step in steps:
        shares = off.get(step.kind)
        if shares is not None:
            for i, share in enumerate(step.shares_fen):
                shares[i] += share
    return tuple(
        map(
            LineResult,
            articles.list_fen,
            off[StepKind.PRICE],
            off[StepKind.AMOUNT_OFF],
            off[StepKind.COUPON],
            base,
            tenders.points,
            tenders.points_fen,
            tenders.cover,
            tenders.paid,
            tenders.principal,
            tenders.rounding,
            tenders.left,
            earned.points,
            earned.basis,
        )
    )


def _redeem_passes(sale: Sale) -> Settlement:
    """A sale without lines: one use of each pass asked for, as an order of ¥0.

    Raises Refused ``nothing_to_settle`` when no pass is asked for or something else is.
    """
    asked = asked_coupons(sale)
    if not asked or any(coupon.kind is not CouponKind.PASS for coupon in asked):
        raise Refused("nothing_to_settle")
    if sum(not coupon.stackable for coupon in asked) > 1:
        raise Refused("coupons_not_stackable")
    for coupon in asked:
        if coupon.unavailable:
            raise Refused(coupon.unavailable, coupon_id=coupon.id, detail=coupon.unavailable_detail)
        if coupon.uses_left < 1:
            raise Refused("used_up", coupon_id=coupon.id)
        if coupon.first_order_only and not sale.buyer.is_first_order:
            raise Refused("first_order_only", coupon_id=coupon.id)
    steps = tuple(
        Step(StepKind.COUPON, 0, (), coupon_id=coupon.id, name=coupon.name, detail="uses=1")
        for coupon in asked
    )
    uses = tuple(CouponUse(coupon.id, 0) for coupon in asked)
    return Settlement(steps=steps, coupon_uses=uses)
