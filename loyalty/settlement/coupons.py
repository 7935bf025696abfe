"""Step 4, one coupon at a time: may it be used on this cart, and what does it take off."""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.money import to_pay
from loyalty.settlement.cart import Articles, Cart
from loyalty.settlement.types import Coupon, CouponKind, Step, StepKind
from loyalty.settlement.units import charge_nth, dearest_first, free_cheapest, free_dearest

# Coupons on single units look at the prices of step 3, so they go first; percent before amount-off.
_ORDER = {
    CouponKind.EXCHANGE: 0,
    CouponKind.PASS: 1,
    CouponKind.NTH_UNIT: 2,
    CouponKind.PERCENT: 3,
    CouponKind.AMOUNT_OFF: 4,
}


ON_LIST = "on_list"  # in a detail: the threshold looks at list prices


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coupon that may be used in one branch.

    ``rule`` orders the application (kind, narrower scope, stronger rule first) and is equal for
    coupons that do the same on this sale: of those the one that expires first is used first.
    ``most_fen`` is the most it can take off, whatever other coupons do before it.
    """

    coupon: Coupon
    positions: tuple[int, ...]
    rule: tuple[object, ...]
    most_fen: int

    @property
    def order(self) -> tuple[object, ...]:
        return (self.rule, self.coupon.expires, self.coupon.id)


@dataclass(frozen=True, slots=True)
class Applied:
    """A coupon that was used: its shares by line and how many of its uses it took."""

    candidate: Candidate
    saved_fen: int
    shares: list[int]
    uses: int


def threshold_missing(coupon: Coupon, cart: Cart, articles: Articles) -> int:
    """Fen by which the eligible lines fall short of the threshold, 0 when it is reached.

    They count with what they cost in ``cart``, or at list price where the coupon says so.
    """
    if not coupon.threshold_fen:
        return 0
    positions = articles.in_scope(coupon.scope)
    reached = articles.list_of(positions) if coupon.threshold_on_list else cart.sum_of(positions)
    return max(coupon.threshold_fen - reached, 0)


def candidate(coupon: Coupon, cart: Cart, articles: Articles) -> Candidate:
    """The coupon against the cart at the start of step 4."""
    positions = articles.in_scope(coupon.scope)
    rule = (
        _ORDER[coupon.kind],
        len(positions),
        positions,
        coupon.rate_pm if coupon.kind in (CouponKind.PERCENT, CouponKind.NTH_UNIT) else 0,
        -coupon.amount_fen if coupon.kind is CouponKind.AMOUNT_OFF else 0,
        -1 if coupon.cap_fen is None else coupon.cap_fen,
        coupon.nth_n,
        -coupon.uses_left if coupon.kind is CouponKind.PASS else 0,
        coupon.stackable,
    )
    return Candidate(coupon, positions, rule, _most(coupon, cart, positions))


def _most(coupon: Coupon, cart: Cart, positions: tuple[int, ...]) -> int:
    """Every kind takes most off the untouched cart, except an exchange: once the cheapest unit
    is free its neighbour is the cheapest, so it is bounded by the dearest."""
    if coupon.kind is CouponKind.EXCHANGE:
        return dearest_first(cart, positions)[0][0]
    if coupon.kind is CouponKind.PERCENT or coupon.kind is CouponKind.AMOUNT_OFF:
        return _money_off(coupon, cart.sum_of(positions))
    return sum(apply(Candidate(coupon, positions, (), 0), cart.copy()).shares)


def _money_off(coupon: Coupon, whole: int) -> int:
    if coupon.kind is CouponKind.AMOUNT_OFF:
        return min(coupon.amount_fen, whole)
    off = whole - to_pay(whole, coupon.rate_pm)
    return off if coupon.cap_fen is None else min(off, coupon.cap_fen)


def apply(candidate: Candidate, cart: Cart) -> Applied:
    """Take the coupon off the cart, which is changed."""
    coupon, positions = candidate.coupon, candidate.positions
    uses = 1
    if coupon.kind is CouponKind.EXCHANGE:
        shares = free_cheapest(cart, positions)
    elif coupon.kind is CouponKind.PASS:
        shares, uses = free_dearest(cart, positions, coupon.uses_left)
    elif coupon.kind is CouponKind.NTH_UNIT:
        shares = charge_nth(cart, positions, coupon.nth_n, coupon.rate_pm)
    else:
        off = _money_off(coupon, cart.sum_of(positions))
        shares = cart.take(off, positions)
        return Applied(candidate, off, shares, uses)
    return Applied(candidate, sum(shares), shares, uses)


def coupon_step(applied: Applied) -> Step:
    coupon = applied.candidate.coupon
    return Step(
        StepKind.COUPON,
        applied.saved_fen,
        tuple(applied.shares),
        coupon_id=coupon.id,
        name=coupon.name,
        detail=coupon_detail(coupon, applied.uses),
    )


def coupon_detail(coupon: Coupon, uses: int) -> str:
    """The rule in short for the sentence, e.g. "off_fen=2000 threshold_fen=10000"."""
    detail = {
        CouponKind.AMOUNT_OFF: f"off_fen={coupon.amount_fen}",
        CouponKind.PERCENT: f"rate_pm={coupon.rate_pm}",
        CouponKind.EXCHANGE: "exchange",
        CouponKind.PASS: f"uses={uses}",
        CouponKind.NTH_UNIT: f"nth={coupon.nth_n} rate_pm={coupon.rate_pm}",
        CouponKind.MULTIPLIER: f"multiplier_pm={coupon.multiplier_pm}",
    }[coupon.kind]
    if coupon.cap_fen is not None:
        detail += f" cap_fen={coupon.cap_fen}"
    if coupon.threshold_fen:
        detail += f" threshold_fen={coupon.threshold_fen}"
        if coupon.threshold_on_list:
            detail += f" {ON_LIST}"
    return detail
