"""What a refund gives back and takes back, by the cumulative method.

Pure: the caller loads an order's lines and stored-value draws with what earlier refunds returned
of each, asks :func:`refund`, and stores the result by line. Whatever series of partial refunds
ends in a full one returns exactly everything, of every part. A void is a refund of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from loyalty.money import allocate, cumulative_part, half_up_ratio, split_cumulative
from loyalty.settlement.types import LineResult, Refused, Settlement


@dataclass(frozen=True, slots=True)
class Parts:
    """What a line was made of, or what came back of it. Fen, except the two counts of points.

    base = points_fen + stored_cover_fen + rounding_fen + other_fen.
    """

    base_fen: int = 0  # the amount after step 4
    points_used: int = 0  # points to return
    points_fen: int = 0
    stored_cover_fen: int = 0
    stored_paid_fen: int = 0  # principal + bonus
    principal_fen: int = 0
    rounding_fen: int = 0
    other_fen: int = 0  # paid outside
    points_earned: int = 0  # points to claw back
    basis_fen: int = 0  # counted for points and for the tier

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(Parts))
        )

    @property
    def bonus_fen(self) -> int:
        return self.stored_paid_fen - self.principal_fen

    @classmethod
    def of_line(cls, line: LineResult) -> Parts:
        return cls(*(getattr(line, field.name) for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of an order and what earlier refunds returned of it.

    ``key`` is the caller's name of the line. ``returned_by_amount_fen`` is the part of
    ``returned.base_fen`` that went back by amount, without units (the sum over the refund lines of
    quantity 0).
    """

    key: int
    quantity: int
    sold: Parts
    returned: Parts = Parts()
    returned_quantity: int = 0
    returned_by_amount_fen: int = 0

    @property
    def left_fen(self) -> int:
        return self.sold.base_fen - self.returned.base_fen

    @property
    def left_quantity(self) -> int:
        return self.quantity - self.returned_quantity


@dataclass(frozen=True, slots=True)
class SoldDraw:
    """What an order drew from a stored-value lot, and what came back of it.

    ``list_fen`` is the list price of the goods that the draw covered.
    """

    lot_id: int
    principal_fen: int
    bonus_fen: int
    list_fen: int
    returned_principal_fen: int = 0
    returned_bonus_fen: int = 0
    returned_list_fen: int = 0


@dataclass(frozen=True, slots=True)
class SoldOrder:
    lines: tuple[SoldLine, ...]
    draws: tuple[SoldDraw, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Exactly one of: lines as (key, quantity); an amount of the base; everything left."""

    lines: tuple[tuple[int, int], ...] = ()
    amount_fen: int | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class LineRefund:
    """What one line returns now; ``quantity`` 0 when it goes back by amount."""

    key: int
    quantity: int
    parts: Parts


@dataclass(frozen=True, slots=True)
class DrawReturn:
    """What goes back into a stored-value lot, and the list price no longer covered by it."""

    lot_id: int
    principal_fen: int
    bonus_fen: int
    list_fen: int


@dataclass(frozen=True, slots=True)
class RefundResult:
    """``total`` is the sum of the lines; ``is_full`` says that nothing is left to return."""

    lines: tuple[LineRefund, ...]
    draws: tuple[DrawReturn, ...]
    total: Parts
    is_full: bool


def order_of(
    settlement: Settlement, *, keys: Sequence[int], quantities: Sequence[int]
) -> SoldOrder:
    """The order of a fresh settlement, nothing returned yet."""
    lines = tuple(
        SoldLine(key, quantity, Parts.of_line(line))
        for key, quantity, line in zip(keys, quantities, settlement.lines, strict=True)
    )
    draws = tuple(
        SoldDraw(draw.lot_id, draw.principal_fen, draw.bonus_fen, draw.list_fen)
        for draw in settlement.draws
    )
    return SoldOrder(lines, draws)


def refund(order: SoldOrder, request: RefundRequest) -> RefundResult:
    """Work out a refund.

    Raises Refused: ``refund_exceeds_paid`` (more than is left, or nothing is left),
    ``refund_empty``, ``amount_zero``, ``amount_negative``, ``quantity_invalid``,
    ``line_unknown``, ``line_repeated``.
    """
    wanted = _wanted(order, request)
    refunds = []
    for line in order.lines:
        if line.key in wanted:
            base, quantity = wanted[line.key]
            refunds.append(LineRefund(line.key, quantity, _parts(line, base, quantity)))
    total = _sum(refunds)
    return RefundResult(tuple(refunds), _draws(order.draws, total), total, _is_full(order, refunds))


def after(order: SoldOrder, result: RefundResult) -> SoldOrder:
    """The order once the refund is done."""
    by_key = {line.key: line for line in result.lines}
    lines = []
    for line in order.lines:
        back = by_key.get(line.key)
        if back is not None:
            line = replace(
                line,
                returned=line.returned + back.parts,
                returned_quantity=line.returned_quantity + back.quantity,
                returned_by_amount_fen=line.returned_by_amount_fen
                + (0 if back.quantity else back.parts.base_fen),
            )
        lines.append(line)
    draws = tuple(
        replace(
            draw,
            returned_principal_fen=draw.returned_principal_fen + back.principal_fen,
            returned_bonus_fen=draw.returned_bonus_fen + back.bonus_fen,
            returned_list_fen=draw.returned_list_fen + back.list_fen,
        )
        for draw, back in zip(order.draws, result.draws, strict=True)
    )
    return SoldOrder(tuple(lines), draws)


def _wanted(order: SoldOrder, request: RefundRequest) -> dict[int, tuple[int, int]]:
    """By line key: the base and the quantity to return now."""
    ways = (bool(request.lines), request.amount_fen is not None, request.everything)
    if sum(ways) != 1:
        raise Refused("refund_empty")
    left_fen = sum(line.left_fen for line in order.lines)
    if request.amount_fen is not None:
        return _by_amount(order, request.amount_fen, left_fen)
    if request.everything:
        # An order without lines is a pass redeemed alone: its use is what goes back.
        if order.lines and _nothing_left(order):
            raise Refused("refund_exceeds_paid", left_fen=0)
        return {
            line.key: (line.left_fen, line.left_quantity)
            for line in order.lines
            if line.left_fen or line.left_quantity
        }
    lines = {line.key: line for line in order.lines}
    wanted: dict[int, tuple[int, int]] = {}
    for key, quantity in request.lines:
        if key not in lines:
            raise Refused("line_unknown", line=key)
        if key in wanted:
            raise Refused("line_repeated", line=key)
        if quantity < 1:
            raise Refused("quantity_invalid", line=key)
        if quantity > lines[key].left_quantity:
            raise Refused("refund_exceeds_paid", line=key, left_quantity=lines[key].left_quantity)
        wanted[key] = (_base_of_units(lines[key], quantity), quantity)
    return wanted


def _by_amount(order: SoldOrder, amount_fen: int, left_fen: int) -> dict[int, tuple[int, int]]:
    if amount_fen <= 0:
        raise Refused("amount_negative" if amount_fen else "amount_zero")
    if amount_fen > left_fen:
        raise Refused("refund_exceeds_paid", left_fen=left_fen)
    shares = allocate(amount_fen, [line.left_fen for line in order.lines])
    return {line.key: (share, 0) for line, share in zip(order.lines, shares, strict=True) if share}


def _base_of_units(line: SoldLine, quantity: int) -> int:
    """The base of so many more units.

    Once money went back by amount, the units still out share what is left of the line.
    """
    if line.returned_by_amount_fen:
        return half_up_ratio(line.left_fen * quantity, line.left_quantity)
    done = line.returned_quantity + quantity
    return cumulative_part(line.sold.base_fen, done, line.quantity, line.returned.base_fen)


def _parts(line: SoldLine, base_fen: int, quantity: int) -> Parts:
    sold, back = line.sold, line.returned
    done, whole = back.base_fen + base_fen, sold.base_fen
    if not whole:  # a line that cost nothing goes by its units
        done, whole = line.returned_quantity + quantity, line.quantity or 1
    points_fen, cover, rounding, other = split_cumulative(
        base_fen,
        (sold.points_fen, sold.stored_cover_fen, sold.rounding_fen, sold.other_fen),
        (back.points_fen, back.stored_cover_fen, back.rounding_fen, back.other_fen),
    )
    # Principal and bonus follow from the stored value given back.
    paid = _following(
        sold.stored_paid_fen,
        back.stored_cover_fen + cover,
        sold.stored_cover_fen,
        back.stored_paid_fen,
    )
    principal = _following(
        sold.principal_fen, back.stored_paid_fen + paid, sold.stored_paid_fen, back.principal_fen
    )
    return Parts(
        base_fen=base_fen,
        points_used=cumulative_part(sold.points_used, done, whole, back.points_used),
        points_fen=points_fen,
        stored_cover_fen=cover,
        stored_paid_fen=paid,
        principal_fen=principal,
        rounding_fen=rounding,
        other_fen=other,
        points_earned=cumulative_part(sold.points_earned, done, whole, back.points_earned),
        basis_fen=cumulative_part(sold.basis_fen, done, whole, back.basis_fen),
    )


def _following(part: int, done: int, whole: int, already: int) -> int:
    return cumulative_part(part, done, whole, already) if whole else 0


def _draws(draws: tuple[SoldDraw, ...], total: Parts) -> tuple[DrawReturn, ...]:
    """Principal and bonus go back to the lots in proportion to what each gave."""
    principals = split_cumulative(
        total.principal_fen,
        [draw.principal_fen for draw in draws],
        [draw.returned_principal_fen for draw in draws],
    )
    bonuses = split_cumulative(
        total.bonus_fen,
        [draw.bonus_fen for draw in draws],
        [draw.returned_bonus_fen for draw in draws],
    )
    result = []
    for draw, principal, bonus in zip(draws, principals, bonuses, strict=True):
        returned = draw.returned_principal_fen + draw.returned_bonus_fen
        list_fen = cumulative_part(
            draw.list_fen,
            returned + principal + bonus,
            draw.principal_fen + draw.bonus_fen,
            draw.returned_list_fen,
        )
        result.append(DrawReturn(draw.lot_id, principal, bonus, list_fen))
    return tuple(result)


def _sum(refunds: Iterable[LineRefund]) -> Parts:
    return sum((line.parts for line in refunds), Parts())


def _is_full(order: SoldOrder, refunds: list[LineRefund]) -> bool:
    quantity = {line.key: line.quantity for line in refunds}
    if any(line.sold.base_fen for line in order.lines):
        left = sum(line.left_fen for line in order.lines)
        return left == sum(line.parts.base_fen for line in refunds)
    return all(line.left_quantity == quantity.get(line.key, 0) for line in order.lines)


def _nothing_left(order: SoldOrder) -> bool:
    return _is_full(order, [])
