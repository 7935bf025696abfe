"""What goes into the settlement calculator and what comes out.

Plain frozen values: no Django, no clock, no database. Money is integer fen, points are
integers, rates are integers per mille of what is *paid* (9折 = 900). Ids are the primary
keys of the rows a value was loaded from; the calculator only compares them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class BenefitKind(enum.StrEnum):
    PERCENT = "percent"
    MEMBER_PRICE = "member_price"
    NTH_UNIT = "nth_unit"
    AMOUNT_OFF = "amount_off"
    MULTIPLIER = "multiplier"
    SPECIAL = "special"


class CouponKind(enum.StrEnum):
    AMOUNT_OFF = "amount_off"
    PERCENT = "percent"
    EXCHANGE = "exchange"
    PASS = "pass"
    NTH_UNIT = "nth_unit"
    MULTIPLIER = "multiplier"


class ScopeKind(enum.StrEnum):
    ALL = "all"
    CATEGORIES = "categories"
    PRODUCTS = "products"


class StepKind(enum.StrEnum):
    """What a step of the settlement was; the order's steps are stored with this."""

    PRICE = "price"  # percent, member price, nth unit (step 2)
    AMOUNT_OFF = "amount_off"  # step 3
    COUPON = "coupon"  # step 4
    POINTS = "points"  # step 5
    STORED_DISCOUNT = "stored_discount"  # step 6: what paying by stored value saves
    STORED_VALUE = "stored_value"  # step 6: the part paid by stored value
    ROUNDING = "rounding"  # step 7
    OTHER = "other"  # step 8
    EARN = "earn"  # step 9, points
    MULTIPLIER = "multiplier"  # step 9


class RoundingMode(enum.StrEnum):
    NONE = "none"
    JIAO = "jiao"
    YUAN = "yuan"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which lines a rule touches. ``ids`` are category or product ids, unused for ALL."""

    kind: ScopeKind = ScopeKind.ALL
    ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sale.

    Either ``quantity`` units at ``unit_price_fen`` each, or ``amount_fen`` (an import, a weighed
    article, an open amount), which then counts as one unit whatever ``quantity`` says.
    ``product_id`` None means an open amount or an article nobody knows.
    ``category_ids`` holds the article's category and its ancestors.
    """

    quantity: int = 1
    unit_price_fen: int | None = None
    amount_fen: int | None = None
    product_id: int | None = None
    category_ids: frozenset[int] = frozenset()

    @property
    def units(self) -> int:
        return 1 if self.amount_fen is not None else self.quantity

    @property
    def list_fen(self) -> int:
        if self.amount_fen is not None:
            return self.amount_fen
        return self.quantity * (self.unit_price_fen or 0)


@dataclass(frozen=True, slots=True)
class Benefit:
    """A benefit the member may have now.

    The caller hands in every active benefit; ``unavailable`` carries the reason code when who /
    when / shop / channel / quota keep it from this sale (with ``unavailable_detail``, shown).
    """

    id: int
    kind: BenefitKind
    name: str = ""
    rank: int = 0
    scope: Scope = Scope()
    rate_pm: int = 1000  # percent: pay this; nth unit: the nth costs this
    nth_n: int = 0
    amount_fen: int = 0  # amount off
    threshold_fen: int = 0  # amount off
    multiplier_pm: int = 1000  # points multiplier, 1500 = ×1.5
    prices: tuple[tuple[int, int], ...] = ()  # member price: (product id, fen)
    stacks: bool = False
    only_stored_value: bool = False  # percent on the whole order when paid by stored value
    first_order_only: bool = False
    unavailable: str = ""
    unavailable_detail: str = ""


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon in the member's wallet (or a typed code). ``id`` is the coupon's own."""

    id: int
    kind: CouponKind
    template_id: int = 0
    name: str = ""
    scope: Scope = Scope()
    amount_fen: int = 0
    rate_pm: int = 1000
    cap_fen: int | None = None  # percent: most it takes off
    threshold_fen: int = 0
    threshold_on_list: bool = False  # looks at list prices, not at what is left for step 4
    nth_n: int = 0
    multiplier_pm: int = 1000
    uses_left: int = 1
    stackable: bool = False
    not_with_member_discount: bool = False
    first_order_only: bool = False
    expires: int = 0  # orderable (days or seconds), sooner goes first
    unavailable: str = ""
    unavailable_detail: str = ""


@dataclass(frozen=True, slots=True)
class PointsRule:
    """How points are earned and spent. ``earn_per_yuan_pm``: 1000 = 1 point per ¥1."""

    earn_per_yuan_pm: int = 1000
    step_points: int = 100
    step_value_fen: int = 100
    cap_pm: int = 1000
    minimum_points: int = 0
    earn_on_bonus: bool = False
    earn_on_points: bool = False


@dataclass(frozen=True, slots=True)
class ValueLot:
    """One stored-value lot, in the order it is drawn."""

    id: int
    principal_fen: int
    bonus_fen: int


@dataclass(frozen=True, slots=True)
class Buyer:
    """The member's inputs. A guest is ``Buyer()`` with ``is_member`` False."""

    is_member: bool = False
    points: int = 0  # spendable balance
    lots: tuple[ValueLot, ...] = ()
    is_first_order: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What the cashier chose.

    ``coupons``: None = the calculator picks; a tuple of ids = exactly these or a refusal.
    ``without_coupons`` / ``without_benefits``: ids switched off by hand.
    ``points``: points asked for. ``stored_value_fen``: None = as much as helps
    when ``use_stored_value``; a number caps what may be drawn from the balance.
    """

    coupons: tuple[int, ...] | None = None
    without_coupons: frozenset[int] = frozenset()
    without_benefits: frozenset[int] = frozenset()
    points: int = 0
    use_stored_value: bool = False
    stored_value_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """Everything one calculation needs."""

    lines: tuple[Line, ...]
    buyer: Buyer = Buyer()
    benefits: tuple[Benefit, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    points_rule: PointsRule = PointsRule()
    rounding: RoundingMode = RoundingMode.NONE
    ask: Ask = Ask()


@dataclass(frozen=True, slots=True)
class Step:
    """One applied step: what, how much, why, on which lines.

    ``amount_fen`` is what the step took off what is to pay (positive), for STORED_VALUE and OTHER
    what was paid; ``points`` for POINTS (used) and EARN (earned). ``shares_fen`` has one number a
    line and adds up to ``amount_fen``.
    """

    kind: StepKind
    amount_fen: int
    shares_fen: tuple[int, ...]
    benefit_id: int | None = None
    coupon_id: int | None = None
    points: int = 0
    name: str = ""
    detail: str = ""  # stable code with numbers for the sentence, e.g. "rate_pm=900"


@dataclass(frozen=True, slots=True)
class NotApplied:
    """A benefit or coupon that was not used, with the reason and what is missing."""

    reason: str  # stable code, e.g. "threshold_short", "needs_articles", "saves_nothing"
    benefit_id: int | None = None
    coupon_id: int | None = None
    name: str = ""
    missing_fen: int = 0
    missing_points: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LotDraw:
    """What is drawn from one stored-value lot, and the list price of the goods it covers."""

    lot_id: int
    principal_fen: int
    bonus_fen: int
    list_fen: int


@dataclass(frozen=True, slots=True)
class CouponUse:
    coupon_id: int
    saved_fen: int
    uses: int = 1


@dataclass(frozen=True, slots=True)
class LineResult:
    """Each line's shares. base = list − price_off − amount_off − coupon_off
    = points_fen + stored_cover_fen + rounding_fen + other_fen."""

    list_fen: int
    price_off_fen: int
    amount_off_fen: int
    coupon_off_fen: int
    base_fen: int  # the amount after step 4
    points_used: int
    points_fen: int
    stored_cover_fen: int  # amount covered by stored value, its discount included
    stored_paid_fen: int  # principal + bonus drawn for it
    principal_fen: int
    rounding_fen: int
    other_fen: int
    points_earned: int
    basis_fen: int  # what counts for points and for tier progress


@dataclass(frozen=True, slots=True)
class Settlement:
    """The worked-out sale."""

    gross_fen: int = 0
    base_fen: int = 0  # after step 4
    points_used: int = 0
    points_fen: int = 0
    stored_cover_fen: int = 0
    stored_paid_fen: int = 0
    principal_fen: int = 0
    bonus_fen: int = 0
    rounding_fen: int = 0
    other_fen: int = 0  # to pay outside
    points_earned: int = 0
    basis_fen: int = 0
    steps: tuple[Step, ...] = ()
    not_applied: tuple[NotApplied, ...] = ()
    coupon_uses: tuple[CouponUse, ...] = ()
    benefit_ids: tuple[int, ...] = ()
    draws: tuple[LotDraw, ...] = ()
    lines: tuple[LineResult, ...] = field(default=())


class Refused(Exception):
    """The sale cannot be worked out as asked. ``code`` is stable; the sentence is the caller's."""

    def __init__(self, code: str, **details: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.details = details
