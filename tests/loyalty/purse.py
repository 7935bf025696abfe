"""A member's points and a shop's money in plain Python: what the state machine compares with.

Straight from SETTLEMENT.md and as naive as it gets: lists of parcels, no database.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

Moment = dt.datetime


@dataclass
class Parcel:
    """Some points; ``gone`` is what expired out of it, ``counted`` how much of that a claw-back
    has counted as taken."""

    left: int
    expires: Moment
    source: tuple[str, int] | None = None  # ("order" or "gift", order id)
    gone: int = 0
    counted: int = 0

    def usable(self, at: Moment) -> bool:
        return at < self.expires


@dataclass
class Purse:
    """One member's points."""

    parcels: list[Parcel] = field(default_factory=list)
    debt: int = 0
    drawn: dict[int, list[tuple[Parcel, int]]] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return sum(parcel.left for parcel in self.parcels) - self.debt

    def _open(self, at: Moment) -> list[Parcel]:
        """Usable parcels, the soonest to expire first, the older first among equals."""
        return sorted((p for p in self.parcels if p.left and p.usable(at)), key=lambda p: p.expires)

    def spendable(self, at: Moment) -> int:
        return max(sum(parcel.left for parcel in self._open(at)) - self.debt, 0)

    def receive(self, points: int, expires: Moment, source: tuple[str, int] | None = None) -> None:
        repaid = min(points, self.debt)
        self.debt -= repaid
        if points > repaid:
            self.parcels.append(Parcel(points - repaid, expires, source))

    def spend(self, points: int, at: Moment, order: int | None = None) -> None:
        for parcel in self._open(at):
            part = min(parcel.left, points)
            if part:
                parcel.left -= part
                points -= part
                if order is not None:
                    self.drawn.setdefault(order, []).append((parcel, part))
        assert not points, "the product spent points that were not there"

    def give_back(self, order: int, points: int, at: Moment, grace_until: Moment | None) -> None:
        """What was drawn last comes back first; out of an expired parcel it is lost again."""
        graced = 0
        draws = self.drawn.get(order, [])
        while points:
            parcel, drawn = draws.pop()
            part = min(drawn, points)
            points -= part
            if part < drawn:
                draws.append((parcel, drawn - part))
            if parcel.usable(at):
                parcel.left += part
            elif grace_until is not None:
                graced += part
            else:
                parcel.gone += part
        if graced and grace_until is not None:
            self.parcels.append(Parcel(graced, grace_until))

    def claw_back(self, source: tuple[str, int], points: int, at: Moment, *, forgive: bool) -> None:
        """The parcel they came in, what expired out of it, the soonest to expire, then debt."""
        own = next((p for p in self.parcels if p.source == source), None)
        if own is not None:
            lost = own.gone + (0 if own.usable(at) else own.left) - own.counted
            if own.usable(at):
                part = min(own.left, points)
                own.left -= part
                points -= part
            lost = min(lost, points)
            own.counted += lost
            points -= lost
        for parcel in self._open(at):
            part = min(parcel.left, points)
            parcel.left -= part
            points -= part
        if not forgive:
            self.debt += points

    def expire(self, at: Moment) -> int:
        lost = 0
        for parcel in self.parcels:
            if not parcel.usable(at):
                lost += parcel.left
                parcel.gone += parcel.left
                parcel.left = 0
        return lost


@dataclass
class Money:
    """All money of the shop, in fen: what came in is what was sold for and what is still held."""

    cash: int = 0  # paid outside, less paid back
    given: int = 0  # bonus and corrections by hand
    sold: int = 0  # net of refunds: paid outside, and by stored value
    principal: Counter[int] = field(default_factory=Counter)  # by member
    bonus: Counter[int] = field(default_factory=Counter)

    @property
    def held(self) -> int:
        return self.principal.total() + self.bonus.total()

    def sale(self, member: int | None, other: int, principal: int, bonus: int) -> None:
        """``member`` None is a guest. A refund is a sale of negative amounts."""
        self.cash += other
        self.sold += other + principal + bonus
        if member is not None:
            self.principal[member] -= principal
            self.bonus[member] -= bonus

    def gift(self, member: int, bonus: int) -> None:
        self.given += bonus
        self.bonus[member] += bonus

    def top_up(self, member: int, paid: int, bonus: int) -> None:
        self.cash += paid
        self.principal[member] += paid
        self.gift(member, bonus)

    def adjust(self, member: int, kind: str, delta: int) -> None:
        self.given += delta
        (self.principal if kind == "principal" else self.bonus)[member] += delta
