"""What happens to parcels of points: drawing, returning, clawing back, repaying debt.

Pure arithmetic for the ledger, which holds the rows and the locks. Times are any integers that
can be compared (seconds, days): a lot is usable while ``at < expires``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from loyalty.settlement.types import Refused


@dataclass(frozen=True, slots=True)
class PointsLot:
    """A parcel of points: what is left in it and the first moment it is no longer usable.

    ``expires`` None never expires.
    """

    id: int
    points: int
    expires: int | None = None

    def is_usable(self, at: int) -> bool:
        return self.expires is None or at < self.expires


@dataclass(frozen=True, slots=True)
class Move:
    """So many points out of or back into a lot."""

    lot_id: int
    points: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an order drew from a lot, in the order it was drawn, and what came back already."""

    lot_id: int
    points: int
    returned: int = 0


@dataclass(frozen=True, slots=True)
class Returned:
    """Where used points go when a refund returns them.

    ``to_lots``: back into usable lots. ``expired``: their lot expired meanwhile and they count as
    expired again. ``graced``: the same, but the policy gives them a new lot with days of grace.
    """

    to_lots: tuple[Move, ...]
    expired: tuple[Move, ...]
    graced: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class ClawBack:
    """What is taken for points that were earned and whose order is undone.

    ``taken`` out of lots, ``already_expired`` counts as taken, the rest is ``debt`` or
    ``forgiven``. All four add up to the points clawed back.
    """

    taken: tuple[Move, ...]
    already_expired: int
    debt: int
    forgiven: int


def soonest_first(lots: Iterable[PointsLot]) -> list[PointsLot]:
    """By expiry, those that never expire last; equal expiry by id."""
    return sorted(lots, key=lambda lot: (lot.expires is None, lot.expires or 0, lot.id))


def spendable(lots: Iterable[PointsLot], *, at: int) -> int:
    """Points in usable lots (debt not taken off)."""
    return sum(lot.points for lot in lots if lot.is_usable(at))


def draw_points(lots: Sequence[PointsLot], points: int, *, at: int) -> tuple[Move, ...]:
    """Take points, the soonest to expire first.

    Raises Refused ``points_short`` with ``missing_points`` when the usable lots hold fewer, and
    ``points_negative``.
    """
    if points < 0:
        raise Refused("points_negative")
    usable = [lot for lot in soonest_first(lots) if lot.is_usable(at)]
    moves, missing = _take(usable, points)
    if missing:
        raise Refused("points_short", missing_points=missing)
    return moves


def _take(lots: Iterable[PointsLot], points: int) -> tuple[tuple[Move, ...], int]:
    moves = []
    for lot in lots:
        part = min(lot.points, points)
        if part > 0:
            moves.append(Move(lot.id, part))
            points -= part
    return tuple(moves), points


def return_points(
    lots: Sequence[PointsLot],
    drawn: Sequence[Drawn],
    points: int,
    *,
    at: int,
    grace: bool = False,
) -> Returned:
    """Give back used points to the lots they came from: what was drawn last comes back first.

    That lot expires latest, so a partial refund keeps what it can keep alive. A lot that expired
    meanwhile, or is not among ``lots`` any more, counts as expired. Raises Refused
    ``refund_exceeds_paid`` for more points than were drawn and are still out.
    """
    usable = {lot.id for lot in lots if lot.is_usable(at)}
    to_lots: list[Move] = []
    gone: list[Move] = []
    left = points
    for draw in reversed(drawn):
        part = min(draw.points - draw.returned, left)
        if part > 0:
            (to_lots if draw.lot_id in usable else gone).append(Move(draw.lot_id, part))
            left -= part
    if left or points < 0:
        raise Refused("refund_exceeds_paid", points=left)
    if grace:
        return Returned(tuple(to_lots), (), tuple(gone))
    return Returned(tuple(to_lots), tuple(gone), ())


def claw_back(
    lots: Sequence[PointsLot],
    points: int,
    *,
    own_lot: int | None,
    at: int,
    own_expired: int = 0,
    forgive: bool = False,
) -> ClawBack:
    """Take back earned points: the order's own lot, then what expires soonest, then debt.

    ``own_expired`` is how many points of the own lot had expired already and were not counted in
    an earlier claw-back: they count as taken. With ``forgive`` there is no debt.
    """
    if points < 0:
        raise Refused("points_negative")
    usable = [lot for lot in soonest_first(lots) if lot.is_usable(at)]
    own = [lot for lot in usable if lot.id == own_lot]
    from_own, left = _take(own, points)
    already_expired = min(own_expired, left)
    left -= already_expired
    from_others, left = _take([lot for lot in usable if lot.id != own_lot], left)
    return ClawBack(
        from_own + from_others,
        already_expired,
        debt=0 if forgive else left,
        forgiven=left if forgive else 0,
    )


def receive(points: int, *, debt: int) -> tuple[int, int]:
    """New points repay debt first: (repaid, what goes into a new lot)."""
    repaid = min(points, debt)
    return repaid, points - repaid


def after(
    lots: Sequence[PointsLot], moves: Iterable[Move], *, sign: int = -1
) -> tuple[PointsLot, ...]:
    """The lots once the moves are made: ``sign`` −1 takes out, 1 puts in."""
    change: dict[int, int] = {}
    for move in moves:
        change[move.lot_id] = change.get(move.lot_id, 0) + sign * move.points
    return tuple(replace(lot, points=lot.points + change.get(lot.id, 0)) for lot in lots)
