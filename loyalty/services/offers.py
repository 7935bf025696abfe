"""The price in hand (到手价): what a member's coupons and discounts come to, before they buy.

The same calculator as at the counter, on a cart that is typical for the member. Reads at most
one list of articles; writes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from loyalty.models import Product
from loyalty.selectors.inputs import Standing
from loyalty.services.refusals import refusal_for
from loyalty.services.working import member_inputs
from loyalty.settlement import calculator
from loyalty.settlement.rulebook import Inputs, RuleBook, WalletCoupon
from loyalty.settlement.types import (
    Ask,
    Coupon,
    CouponKind,
    Line,
    Refused,
    Scope,
    ScopeKind,
    Settlement,
    Step,
    StepKind,
)
from members.errors import Refusal

NEWCOMER_FEN = 5000  # the typical basket of somebody who never bought
ARTICLES = 300  # looked through for one that a coupon fits
SAVES = (StepKind.PRICE, StepKind.AMOUNT_OFF, StepKind.COUPON)


@dataclass(frozen=True, slots=True)
class InHand:
    """A cart at list price and what it comes to. ``article`` names it when it is one."""

    list_fen: int
    pay_fen: int
    article: str = ""
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class HeldCoupon:
    """A coupon of the wallet with its rule, and its price in hand or why it cannot be used now."""

    held: WalletCoupon
    rule: Coupon
    in_hand: InHand | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class BestOffer:
    """What a typical cart comes to now, and by which steps."""

    in_hand: InHand
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Article:
    id: int
    name: str
    price_fen: int
    categories: frozenset[int]


def typical_fen(standing: Standing) -> int:
    """The member's average basket before discounts, in whole yuan; a newcomer's is assumed."""
    if standing.orders_count <= 0 or standing.net_fen <= 0:
        return NEWCOMER_FEN
    return max(standing.net_fen // standing.orders_count // 100 * 100, 100)


def visits_to(standing: Standing, missing_fen: int) -> int:
    """How many more visits of the usual size make up ``missing_fen``; 0 when nobody can say."""
    if standing.orders_count <= 0 or standing.basis_fen <= 0:
        return 0
    return -(-missing_fen * standing.orders_count // standing.basis_fen)


def best_offer(
    *, standing: Standing, book: RuleBook, shop_id: int, at: dt.datetime
) -> BestOffer | None:
    """The best that can be had on a typical cart now; None when nothing takes anything off.

    When a coupon only works from a larger sum, the cart that reaches it is compared too.
    """
    inputs = member_inputs(standing, book, shop_id=shop_id, at=at)
    usual = typical_fen(standing)
    sums = {usual}
    for held in standing.coupons:
        rule = _rule(book, held)
        # A basket of half as much again is still believable; more is another day's shopping.
        if rule is not None and usual < rule.threshold_fen <= usual * 3 // 2:
            sums.add(rule.threshold_fen)
    best: BestOffer | None = None
    for list_fen in sorted(sums):
        result = _settle(book, replace(inputs, lines=(Line(amount_fen=list_fen),)))
        if result is None or result.base_fen >= list_fen:
            continue
        offer = BestOffer(
            InHand(list_fen, result.base_fen),
            tuple(step for step in result.steps if step.kind in SAVES),
        )
        if best is None or _share(offer) > _share(best):
            best = offer
    return best


def _share(offer: BestOffer) -> tuple[int, int]:
    taken_off = offer.in_hand.list_fen - offer.in_hand.pay_fen
    return taken_off * 1000 // offer.in_hand.list_fen, -offer.in_hand.list_fen


def wallet(
    *, standing: Standing, book: RuleBook, shop_id: int, at: dt.datetime
) -> list[HeldCoupon]:
    """The usable coupons, soonest expiry first, each with its price in hand.

    One statement for the articles when a coupon needs one.
    """
    inputs = member_inputs(standing, book, shop_id=shop_id, at=at)
    rules = [(held, _rule(book, held)) for held in standing.coupons]
    articles: list[Article] = []
    if any(rule is not None and needs_article(rule) for _held, rule in rules):
        articles = _articles(book)
    found = []
    for held, rule in rules:
        if rule is not None:
            found.append(_held(held, rule, articles, inputs, book, typical_fen(standing)))
    return found


def _held(
    held: WalletCoupon,
    rule: Coupon,
    articles: Sequence[Article],
    inputs: Inputs,
    book: RuleBook,
    usual_fen: int,
) -> HeldCoupon:
    cart = _cart(rule, articles, usual_fen)
    if cart is None or rule.kind is CouponKind.MULTIPLIER:
        return HeldCoupon(held, rule, None, None)
    line, name = cart
    asked = replace(inputs, lines=(line,), ask=Ask(coupons=(held.id,)))
    try:
        result = calculator.settle(book.sale(asked))
    except Refused as error:
        return HeldCoupon(held, rule, None, refusal_for(error))
    shown = InHand(line.list_fen, result.base_fen, name, line.quantity)
    return HeldCoupon(held, rule, shown, None)


def needs_article(rule: Coupon) -> bool:
    """Whether the coupon says nothing about an open amount."""
    return rule.scope.kind is not ScopeKind.ALL or rule.kind in (
        CouponKind.EXCHANGE,
        CouponKind.PASS,
        CouponKind.NTH_UNIT,
    )


def _cart(rule: Coupon, articles: Sequence[Article], usual_fen: int) -> tuple[Line, str] | None:
    """A line the coupon fits: a typical sum, or the middle one of the articles it is for."""
    if not needs_article(rule):
        return Line(amount_fen=max(rule.threshold_fen, usual_fen)), ""
    fitting = [article for article in articles if _fits(rule.scope, article)]
    if not fitting:
        return None
    article = fitting[len(fitting) // 2]
    quantity = max(rule.nth_n, 1)
    if rule.threshold_fen:
        quantity = max(quantity, -(-rule.threshold_fen // max(article.price_fen, 1)))
    line = Line(
        quantity=quantity,
        unit_price_fen=article.price_fen,
        product_id=article.id,
        category_ids=article.categories,
    )
    return line, article.name


def _fits(scope: Scope, article: Article) -> bool:
    if scope.kind is ScopeKind.PRODUCTS:
        return article.id in scope.ids
    if scope.kind is ScopeKind.CATEGORIES:
        return bool(scope.ids & article.categories)
    return True


def _articles(book: RuleBook) -> list[Article]:
    """Articles on sale with a price, the cheapest first."""
    rows = Product.objects.filter(is_active=True, price_fen__gt=0).order_by("price_fen", "id")
    values = rows.values_list("id", "name", "price_fen", "category_id")[:ARTICLES]
    return [
        Article(
            pk,
            name,
            price_fen or 0,
            book.ancestors.get(category, frozenset({category})) if category else frozenset(),
        )
        for pk, name, price_fen, category in values
    ]


def _rule(book: RuleBook, held: WalletCoupon) -> Coupon | None:
    found = book.templates.get(held.template_id)
    return found[0] if found else None


def _settle(book: RuleBook, inputs: Inputs) -> Settlement | None:
    try:
        return calculator.settle(book.sale(inputs))
    except Refused:
        return None
