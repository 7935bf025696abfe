"""From a cart to a worked-out sale: load, compute, compare. Nothing here writes."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field, replace
from functools import lru_cache

import chinese_calendar
from django.utils.translation import gettext_lazy as _

from loyalty.models import Coupon
from loyalty.selectors import inputs as selectors
from loyalty.selectors.inputs import Standing
from loyalty.services import rules
from loyalty.services.refusals import refusal_for
from loyalty.settlement import calculator
from loyalty.settlement.rulebook import Inputs, RuleBook, quota_period_key
from loyalty.settlement.types import Ask, Line, Refused, Settlement
from members import clock
from members.errors import Refusal
from members.models import Shop
from members.selectors import find

TENDERS = ("cash", "wechat", "alipay", "card")


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line as the cashier or a till enters it. Either units at a price (the article's own
    when none is given), or an amount for the whole line. Money in fen."""

    product_id: int | None = None
    name: str = ""
    quantity: int = 1
    unit_price_fen: int | None = None
    amount_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Cart:
    """What is sold, to whom, and what the cashier chose. See ``loyalty.settlement.types.Ask``."""

    lines: tuple[CartLine, ...]
    member_id: int | None = None
    coupons: tuple[int, ...] | None = None
    without_coupons: frozenset[int] = frozenset()
    without_benefits: frozenset[int] = frozenset()
    points: int = 0
    use_stored_value: bool = False
    stored_value_fen: int | None = None
    channel: str = "counter"
    external_no: str | None = None

    def content(self) -> list[object]:
        """What makes two requests the same intent."""
        return [
            [
                [line.product_id, line.name, line.quantity, line.unit_price_fen, line.amount_fen]
                for line in self.lines
            ],
            self.member_id,
            None if self.coupons is None else list(self.coupons),
            sorted(self.without_coupons),
            sorted(self.without_benefits),
            self.points,
            self.use_stored_value,
            self.stored_value_fen,
            self.channel,
            self.external_no,
        ]


@dataclass(frozen=True, slots=True)
class Worked:
    """A worked-out sale with all it was worked out from."""

    settlement: Settlement
    hash: str
    inputs: Inputs
    ruleset_id: int
    book: RuleBook
    standing: Standing | None
    names: tuple[str, ...] = field(default=())


def quote_hash(settlement: Settlement) -> str:
    """What the cashier saw and said yes to: to pay, coupons, points, stored value."""
    uses = sorted((use.coupon_id, use.saved_fen, use.uses) for use in settlement.coupon_uses)
    text = (
        f"{settlement.other_fen}|{uses}|{settlement.points_used}"
        f"|{settlement.principal_fen}|{settlement.bonus_fen}"
    )
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def work_out(*, cart: Cart, shop: Shop, at: dt.datetime) -> Worked:
    """Load everything the sale depends on and run the calculator.

    Raises Refusal: ``member_unknown``, ``member_frozen``, ``member_closed``, ``article_unknown``,
    ``price_missing``, and every code of the calculator.
    """
    if not cart.lines and not cart.coupons:
        raise Refusal("cart_empty", _("Enter an amount or an article first."), field="lines")
    standing = None
    if cart.member_id is not None:
        standing = check_standing(selectors.load(member_id=cart.member_id, at=at))
    ruleset_id, book = rules_of(standing, at)
    lines, names = _lines(cart, book)
    _check_chosen_coupons(cart, standing, at)
    inputs = _inputs(cart, lines, standing, book, shop_id=shop.pk, at=at)
    try:
        settlement = calculator.settle(book.sale(inputs))
    except Refused as error:
        raise refusal_for(error) from error
    return Worked(
        settlement=settlement,
        hash=quote_hash(settlement),
        inputs=inputs,
        ruleset_id=ruleset_id,
        book=book,
        standing=standing,
        names=names,
    )


def check_standing(standing: Standing | None) -> Standing:
    """The standing of a member who may use the card now; anyone else is refused."""
    if standing is not None and standing.status == "closed" and find.is_merged(standing.id):
        raise Refusal(
            "member_merged",
            _("This card was just merged with another one. Scan it again."),
            status=409,
            field="member",
        )
    if standing is None or standing.status == "closed":
        raise Refusal(
            "member_unknown",
            _("No such member. Check the number, or open a card."),
            status=404,
            field="member",
        )
    if standing.status == "frozen":
        raise Refusal(
            "member_frozen",
            _("This card is frozen. The member can unfreeze it on their phone, or ask a manager."),
            field="member",
        )
    return standing


def rules_of(standing: Standing | None, at: dt.datetime) -> tuple[int, RuleBook]:
    """The rule set in force, as its id and ready for use; published now if none ever was."""
    if standing is not None and standing.ruleset_id is not None:
        found = (standing.ruleset_id, standing.content_hash or "")
    else:
        current = selectors.current_rules()
        if current is None:
            ruleset = rules.publish(actor=None, at=at)
            current = (ruleset.pk, ruleset.content_hash)
        found = current
    return found[0], rules.rulebook(*found)


def _lines(cart: Cart, book: RuleBook) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    known = selectors.products([line.product_id for line in cart.lines if line.product_id])
    lines = []
    names = []
    for number, line in enumerate(cart.lines):
        name, unit, categories = line.name, line.unit_price_fen, frozenset[int]()
        if line.product_id is not None:
            if line.product_id not in known:
                raise Refusal(
                    "article_unknown",
                    _("This article is not known. Search for it by name, or enter an amount."),
                    status=404,
                    field=f"lines.{number}",
                )
            product_name, price_fen, category = known[line.product_id]
            name = name or product_name
            unit = price_fen if unit is None else unit
            if category is not None:
                categories = book.ancestors.get(category, frozenset({category}))
        if unit is None and line.amount_fen is None:
            raise Refusal(
                "price_missing",
                _("This article has no price yet. Enter the amount of the line."),
                field=f"lines.{number}",
            )
        lines.append(
            Line(
                quantity=line.quantity,
                unit_price_fen=None if line.amount_fen is not None else unit,
                amount_fen=line.amount_fen,
                product_id=line.product_id,
                category_ids=categories,
            )
        )
        names.append(name[:120])
    return tuple(lines), tuple(names)


def _check_chosen_coupons(cart: Cart, standing: Standing | None, at: dt.datetime) -> None:
    """A coupon asked for by name that is not in the wallet is refused with its true reason."""
    if not cart.coupons:
        return
    held = {coupon.id for coupon in standing.coupons} if standing else set()
    for chosen in cart.coupons:
        if chosen in held:
            continue
        coupon = None
        if standing is not None:
            coupon = Coupon.objects.filter(pk=chosen, member_id=standing.id).first()
        if coupon is None:
            code, text = "coupon_unknown", _("This coupon is not one of this member's.")
        elif coupon.status == Coupon.Status.USED:
            code, text = "coupon_used", _("This coupon has already been used.")
        elif coupon.status == Coupon.Status.WITHDRAWN:
            code, text = "coupon_withdrawn", _("This coupon was withdrawn.")
        else:
            code, text = "coupon_expired", _("This coupon has expired. Choose another one.")
        raise Refusal(code, text, field="coupons")


@lru_cache(maxsize=64)
def _is_holiday(day: dt.date) -> bool:
    try:
        is_free, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:  # the calendar knows announced years only
        return False
    return bool(is_free and name)  # a plain weekend has no name


def _inputs(
    cart: Cart,
    lines: tuple[Line, ...],
    standing: Standing | None,
    book: RuleBook,
    *,
    shop_id: int,
    at: dt.datetime,
) -> Inputs:
    if standing is None:
        plain = _moment(at, shop_id)
    else:
        plain = member_inputs(standing, book, shop_id=shop_id, at=at)
    ask = Ask(
        coupons=cart.coupons,
        without_coupons=cart.without_coupons,
        without_benefits=cart.without_benefits,
        points=cart.points,
        use_stored_value=cart.use_stored_value,
        stored_value_fen=cart.stored_value_fen,
    )
    return replace(plain, lines=lines, ask=ask, channel=cart.channel)


def _moment(at: dt.datetime, shop_id: int) -> Inputs:
    local = at.astimezone(clock.shop_zone()).replace(tzinfo=None, microsecond=0)
    return Inputs(
        lines=(),
        ask=Ask(),
        shop_id=shop_id,
        channel="counter",
        at=int(at.timestamp()),
        local=local,
        is_holiday=_is_holiday(local.date()),
    )


def member_inputs(standing: Standing, book: RuleBook, *, shop_id: int, at: dt.datetime) -> Inputs:
    """The inputs of a member at a moment in a shop, with nothing in the cart yet."""
    moment = _moment(at, shop_id)
    birthday = None
    if standing.birth_month and standing.birth_day:
        birthday = (standing.birth_month, standing.birth_day)
    return replace(
        moment,
        member_id=standing.id,
        tier_id=standing.tier_id,
        tags=standing.tags,
        birthday=birthday,
        is_first_order=standing.orders_count == 0,
        points=standing.spendable_points,
        lots=standing.value_lots,
        coupons=standing.coupons,
        quota_used=tuple(quota_counts(standing, book, moment.local.date()).items()),
    )


def quota_counts(standing: Standing, book: RuleBook, day: dt.date) -> dict[int, int]:
    """How often each benefit with a quota was used in its present period."""
    counts: dict[int, int] = {}
    for benefit, period, _number in standing.quota_uses:
        kind = book.quota_periods.get(benefit)
        if kind and quota_period_key(kind, day) == period:
            counts[benefit] = counts.get(benefit, 0) + 1
    return counts


def free_quota_number(standing: Standing, benefit_id: int, period: str) -> int:
    """The lowest number of a use that is not taken: an undone order gives back one in between."""
    taken = {
        number
        for benefit, found, number in standing.quota_uses
        if benefit == benefit_id and found == period
    }
    return next(number for number in range(1, len(taken) + 2) if number not in taken)
