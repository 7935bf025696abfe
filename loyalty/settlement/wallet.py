"""Step 4 for a whole wallet: which coupons are used, in which branch, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass, field

from loyalty.settlement.cart import Articles, Cart
from loyalty.settlement.coupons import (
    ON_LIST,
    Applied,
    apply,
    candidate,
    threshold_missing,
)
from loyalty.settlement.rules import check_coupon, coupon_not_applied, why_no_coupon
from loyalty.settlement.search import Search
from loyalty.settlement.types import Coupon, CouponKind, NotApplied, Refused, Sale

FIRST, SECOND = 0, 1  # with the member's benefits of steps 2 and 3, and without them


@dataclass(slots=True)
class Choice:
    """What step 4 came to. ``multipliers`` are the coupons that step 9 may use."""

    branch: int
    cart: Cart
    applied: list[Applied] = field(default_factory=list)
    multipliers: list[Coupon] = field(default_factory=list)
    others: list[NotApplied] = field(default_factory=list)


@dataclass(slots=True)
class Branches:
    """The carts at the start of step 4; ``second`` is None where no benefit saved anything."""

    first: Cart
    second: Cart | None

    def all(self) -> list[tuple[int, Cart]]:
        carts = [(FIRST, self.first)]
        if self.second is not None:
            carts.append((SECOND, self.second))
        return carts

    def is_member_discount(self, branch: int) -> bool:
        return branch == FIRST and self.second is not None


def _obstacle(
    coupon: Coupon, branch: int, branches: Branches, articles: Articles
) -> NotApplied | None:
    """Why the coupon may not be used in this branch, or None."""
    if coupon.not_with_member_discount and branches.is_member_discount(branch):
        return coupon_not_applied(coupon, "not_with_member_discount")
    cart = branches.second if branch == SECOND and branches.second else branches.first
    missing = threshold_missing(coupon, cart, articles)
    if missing:
        detail = ON_LIST if coupon.threshold_on_list else ""
        return coupon_not_applied(coupon, "threshold_short", missing_fen=missing, detail=detail)
    return None


def choose(sale: Sale, articles: Articles, branches: Branches) -> Choice:
    """The lowest amount after step 4. Raises Refused ``rule_unexplainable``."""
    usable: list[Coupon] = []
    others: list[NotApplied] = []
    for coupon in sale.coupons:
        if coupon.id in sale.ask.without_coupons:
            others.append(coupon_not_applied(coupon, "switched_off"))
            continue
        reason = why_no_coupon(coupon, articles, sale.buyer)
        if reason:
            detail = coupon.unavailable_detail if reason == coupon.unavailable else ""
            others.append(coupon_not_applied(coupon, reason, detail=detail))
            continue
        check_coupon(coupon)
        usable.append(coupon)
    search = Search()
    for branch, cart in branches.all():
        candidates = [
            candidate(coupon, cart, articles)
            for coupon in usable
            if coupon.kind is not CouponKind.MULTIPLIER
            and _obstacle(coupon, branch, branches, articles) is None
        ]
        search.try_branch(branch, cart, candidates)
    assert search.cart is not None
    choice = Choice(search.branch, search.cart, search.applied, others=others)
    _explain_unused(choice, usable, branches, articles)
    return choice


def _explain_unused(
    choice: Choice, usable: list[Coupon], branches: Branches, articles: Articles
) -> None:
    used = {applied.candidate.coupon.id for applied in choice.applied}
    slot_taken = any(not applied.candidate.coupon.stackable for applied in choice.applied)
    start = branches.second if choice.branch == SECOND else branches.first
    assert start is not None
    for coupon in usable:
        if coupon.id in used:
            continue
        obstacle = _obstacle(coupon, choice.branch, branches, articles)
        if obstacle is not None:
            choice.others.append(obstacle)
        elif coupon.kind is CouponKind.MULTIPLIER:
            if slot_taken and not coupon.stackable:
                choice.others.append(coupon_not_applied(coupon, "beaten"))
            else:
                choice.multipliers.append(coupon)
        else:
            alone = apply(candidate(coupon, start, articles), start.copy()).saved_fen
            reason = "beaten" if alone else "saves_nothing"
            choice.others.append(
                coupon_not_applied(coupon, reason, detail=f"alone_fen={alone}" if alone else "")
            )


def honour(sale: Sale, articles: Articles, branches: Branches) -> Choice:
    """Exactly the coupons asked for, in the cheaper branch that allows them all.

    Raises Refused with the reason's code, ``coupon_id`` and what is missing; further
    ``coupon_unknown``, ``coupon_repeated``, ``coupons_not_stackable``, ``saves_nothing``.
    """
    asked = asked_coupons(sale)
    if sum(not coupon.stackable for coupon in asked) > 1:
        raise Refused("coupons_not_stackable")
    for coupon in asked:
        reason = why_no_coupon(coupon, articles, sale.buyer)
        if reason:
            raise Refused(reason, coupon_id=coupon.id, detail=coupon.unavailable_detail)
        check_coupon(coupon)
    best: Choice | None = None
    refused: Refused | None = None
    for branch, start in branches.all():
        try:
            choice = _honour_in(branch, start, asked, branches, articles)
        except Refused as reason_against:
            refused = reason_against
            continue
        if best is None or choice.cart.total() < best.cart.total():
            best = choice
    if best is None:
        assert refused is not None
        raise refused
    best.others = [
        coupon_not_applied(coupon, "not_asked")
        for coupon in sale.coupons
        if coupon.id not in {c.id for c in asked}
    ]
    return best


def asked_coupons(sale: Sale) -> list[Coupon]:
    """The coupons of ``ask.coupons``. Raises Refused ``coupon_unknown``, ``coupon_repeated``."""
    wallet = {coupon.id: coupon for coupon in sale.coupons}
    asked: list[Coupon] = []
    for coupon_id in sale.ask.coupons or ():
        if coupon_id not in wallet or coupon_id in sale.ask.without_coupons:
            raise Refused("coupon_unknown", coupon_id=coupon_id)
        if wallet[coupon_id] in asked:
            raise Refused("coupon_repeated", coupon_id=coupon_id)
        asked.append(wallet[coupon_id])
    return asked


def _honour_in(
    branch: int, start: Cart, asked: list[Coupon], branches: Branches, articles: Articles
) -> Choice:
    for coupon in asked:
        obstacle = _obstacle(coupon, branch, branches, articles)
        if obstacle is not None:
            facts = {"missing_fen": obstacle.missing_fen} if obstacle.missing_fen else {}
            raise Refused(obstacle.reason, coupon_id=coupon.id, **facts)
    choice = Choice(branch, start.copy())
    choice.multipliers = [c for c in asked if c.kind is CouponKind.MULTIPLIER]
    candidates = [
        candidate(c, start, articles) for c in asked if c.kind is not CouponKind.MULTIPLIER
    ]
    for each in sorted(candidates, key=lambda c: c.order):
        applied = apply(each, choice.cart)
        if not applied.saved_fen:
            raise Refused("saves_nothing", coupon_id=each.coupon.id)
        choice.applied.append(applied)
    return choice
