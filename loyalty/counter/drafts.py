"""A sale that is being rung up. Its id is the client key of the sale it becomes.

So one sale on the screen is settled once, whatever happens: a double Enter, a reload, two tabs,
an answer lost on the way. Kept for a working day, apart for each person and shop, in the
database: a sale that is being rung up outlives a cache that is away. A changed draft is caught
by the quote's hash.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import asdict, dataclass, field, replace

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from loyalty.counter.access import Till
from loyalty.selectors import held_sales as held
from loyalty.services import held_sales
from loyalty.services.checkout import Cart, CartLine
from members import clock
from members.errors import Refusal

CSRF_FIELD = "csrfmiddlewaretoken"


@dataclass(slots=True)
class DraftLine:
    """An article at its own price, or ``quantity`` times an open amount of fen."""

    product_id: int | None = None
    name: str = ""
    quantity: int = 1
    amount_fen: int | None = None

    def to_cart(self) -> CartLine:
        if self.product_id is not None:
            return CartLine(product_id=self.product_id, name=self.name, quantity=self.quantity)
        if self.quantity == 1:
            return CartLine(name=self.name, amount_fen=self.amount_fen)
        return CartLine(name=self.name, quantity=self.quantity, unit_price_fen=self.amount_fen)


@dataclass(slots=True)
class Draft:
    id: uuid.UUID
    lines: list[DraftLine] = field(default_factory=list)
    member_id: int | None = None
    points: int = 0
    use_stored_value: bool = False
    without_benefits: list[int] = field(default_factory=list)
    without_coupons: list[int] = field(default_factory=list)
    coupons: list[int] | None = None
    tender: str = ""
    tail: str = ""  # four digits that were taken as an amount but may be the end of a phone
    order_id: int | None = None  # what it became
    is_stored_chosen: bool = False  # by hand, for or against; else the code decides
    code: str = ""  # the live code that was claimed, at ``coded_at`` in the session ``counter``
    coded_at: int = 0
    counter: str = ""
    confirmation_id: int | None = None  # a spend put to the member
    turn: int = 0  # counts the changes; with ``done`` a repeated request is told from a new one
    done: str = ""

    @property
    def is_blank(self) -> bool:
        return not self.lines and self.member_id is None

    @property
    def spends(self) -> bool:
        """Whether the member's points or stored value are to pay for it."""
        return self.member_id is not None and (self.points > 0 or self.use_stored_value)

    def cart(self) -> Cart:
        return Cart(
            lines=tuple(line.to_cart() for line in self.lines),
            member_id=self.member_id,
            coupons=None if self.coupons is None else tuple(self.coupons),
            without_coupons=frozenset(self.without_coupons),
            without_benefits=frozenset(self.without_benefits),
            points=self.points,
            use_stored_value=self.use_stored_value,
        )

    def add(self, line: DraftLine) -> None:
        """One more line; the same article again counts up."""
        for known in self.lines:
            if line.product_id is not None and known.product_id == line.product_id:
                known.quantity += line.quantity
                return
        self.lines.append(replace(line))

    def choose_member(self, member_id: int | None) -> None:
        """Another member brings other benefits, so what was chosen for the last one is undone."""
        if member_id == self.member_id:
            return
        self.member_id = member_id
        self.points = 0
        self.use_stored_value = self.is_stored_chosen = False
        self.code, self.coded_at, self.counter = "", 0, ""
        self.confirmation_id = None
        self.without_benefits = []
        self.without_coupons = []
        self.coupons = None
        self.tail = ""


def load(till: Till, draft_id: uuid.UUID) -> Draft:
    """The draft as it was left, or a blank one."""
    kept = held.content(key=draft_id, staff=till.staff, shop=till.shop, at=clock.now())
    if kept is None:
        return Draft(draft_id)
    lines = [DraftLine(**line) for line in kept.pop("lines")]
    return Draft(draft_id, lines=lines, **kept)


def save(till: Till, draft: Draft) -> None:
    content = asdict(draft)
    del content["id"]
    held_sales.hold(key=draft.id, content=content, shop=till.shop, actor=till.staff, at=clock.now())


def _digest(posted: QueryDict) -> str:
    named = sorted((name, posted.getlist(name)) for name in posted if name != CSRF_FIELD)
    return hashlib.sha256(repr(named).encode()).hexdigest()[:16]


def is_repeated(draft: Draft, posted: QueryDict) -> bool:
    """Whether this very request was done before: sent twice, or its answer was lost.

    Pages carry the draft's ``turn``. Refuses ``sale_changed`` for another request of an earlier
    turn: the sale was changed in another window since that page was shown.
    """
    turn = posted.get("turn", "")
    if not turn or turn == str(draft.turn) or posted.get("do") == "look":
        return False
    if draft.done == _digest(posted):
        return True
    raise Refusal(
        "sale_changed",
        _("This sale changed meanwhile, perhaps in another window. Look, and do it again."),
        status=409,
    )


def mark_done(draft: Draft, posted: QueryDict) -> None:
    draft.turn += 1
    draft.done = _digest(posted)
