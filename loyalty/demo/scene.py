"""What the demo year is made of: the scene, and the rows that it leaves behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loyalty.services.ledger import Move, NewLot
from loyalty.settlement.rulebook import Inputs, RuleBook
from loyalty.settlement.types import Settlement


@dataclass(frozen=True, slots=True)
class Article:
    id: int
    name: str
    price_fen: int
    categories: frozenset[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """A top-up plan; ``at_fen`` is what a member pays, ``bonus_fen`` what comes on top."""

    id: int
    pay_fen: int
    bonus_fen: int


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for everybody."""

    book: RuleBook
    ruleset_id: int
    shops: Sequence[int]
    cashiers: Sequence[int]
    articles: Sequence[Article]
    plans: Sequence[Plan]
    now: dt.datetime


@dataclass(slots=True)
class Sold:
    """An order with what was worked out; ``id`` is given when all orders are sorted by time."""

    member_id: int | None  # None for a guest
    tier_id: int | None
    shop_id: int
    staff_id: int
    at: dt.datetime
    inputs: Inputs
    result: Settlement
    names: tuple[str, ...]
    tender: str
    id: int = 0


@dataclass(slots=True)
class LotRow:
    id: int
    new: NewLot
    at: dt.datetime
    points: int
    principal: int
    bonus: int
    order: Sold | None = None
    top_up: int | None = None


@dataclass(slots=True)
class CouponRow:
    id: int
    template_id: int
    member_id: int
    issued_at: dt.datetime
    valid_from: dt.datetime
    expires_at: dt.datetime
    source: str
    uses_left: int
    order: Sold | None = None


@dataclass(slots=True)
class Posted:
    """A move with what its entry names. ``after`` is the balance behind it."""

    move: Move
    lot_id: int
    at: dt.datetime
    after: int
    order: Sold | None
    top_up: int | None
    reason: str


@dataclass(slots=True)
class Happened:
    kind: str
    at: dt.datetime
    member_id: int | None
    staff_id: int | None
    shop_id: int | None
    data: dict[str, Any]
    order: Sold | None = None


@dataclass(slots=True)
class Ids:
    """Numbers for rows that are named before they are written."""

    lot: Iterator[int]
    coupon: Iterator[int]
    top_up: Iterator[int]
