"""The only way a balance changes: ``post``. Append-only entries, each naming both sides.

Invariants it keeps, and the database checks: balance = Σ entries; a lot's rest = Σ entries of
the lot; debt = −Σ entries without a lot; points balance = Σ rests − debt.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from loyalty.locks import AccountBook, AccountState
from loyalty.models import Entry
from loyalty.settlement.types import LotDraw
from members.statements import prepared_cursor

Side = Entry.Side


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of one account. ``lot`` is a lot's id, ``new`` the index of a new lot,
    neither means points debt. ``list_fen``: list price of the goods this draw covers."""

    member_id: int
    kind: str
    delta: int
    side: str
    lot: int | None = None
    new: int | None = None
    list_fen: int = 0


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot to open; what it holds is the sum of the moves that name it.

    ``issued`` amounts are what it was issued with (equal to the moves in one posting).
    """

    member_id: int
    asset: str
    source: str
    points: int = 0
    principal: int = 0
    bonus: int = 0
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """What a posting belongs to."""

    order_id: int | None = None
    refund_id: int | None = None
    top_up_id: int | None = None
    reason: str = ""


POST = """
WITH opened AS MATERIALIZED (
    SELECT nextval('loyalty_lot_id_seq') AS id, n.*
    FROM unnest(%(n_member)s::bigint[], %(n_asset)s::text[], %(n_source)s::text[],
                %(n_points)s::bigint[], %(n_principal)s::bigint[], %(n_bonus)s::bigint[],
                %(n_expires)s::timestamptz[])
         WITH ORDINALITY AS n(member_id, asset, source, points, principal, bonus, expires_at, ref)
), lots AS (
    INSERT INTO loyalty_lot (id, member_id, asset, source, points_issued, points_left,
        principal_issued, principal_left, bonus_issued, bonus_left, issued_at, expires_at,
        order_id, top_up_id)
    SELECT id, member_id, asset, source, points, points, principal, principal, bonus, bonus,
        %(at)s, expires_at, %(order_id)s::bigint, %(top_up_id)s::bigint
    FROM opened
), moves AS (
    SELECT m.* FROM unnest(%(m_account)s::bigint[], %(m_lot)s::bigint[], %(m_ref)s::bigint[],
                %(m_side)s::text[], %(m_delta)s::bigint[], %(m_after)s::bigint[],
                %(m_list)s::bigint[])
         WITH ORDINALITY AS m(account_id, lot_id, ref, side, delta, balance_after, list_fen, seq)
), entries AS (
    INSERT INTO loyalty_entry (account_id, lot_id, side, delta, balance_after, list_fen, at,
        order_id, refund_id, top_up_id, reason)
    SELECT m.account_id, COALESCE(m.lot_id, o.id), m.side, m.delta, m.balance_after, m.list_fen,
        %(at)s, %(order_id)s::bigint, %(refund_id)s::bigint, %(top_up_id)s::bigint, %(reason)s
    FROM moves m LEFT JOIN opened o ON o.ref = m.ref
    ORDER BY m.seq
), drawn AS (
    UPDATE loyalty_lot l SET points_left = l.points_left + d.points,
        principal_left = l.principal_left + d.principal, bonus_left = l.bonus_left + d.bonus
    FROM unnest(%(l_id)s::bigint[], %(l_points)s::bigint[], %(l_principal)s::bigint[],
                %(l_bonus)s::bigint[]) AS d(id, points, principal, bonus)
    WHERE l.id = d.id
)
UPDATE loyalty_account a SET balance = a.balance + d.delta, debt = a.debt + d.debt
FROM unnest(%(a_id)s::bigint[], %(a_delta)s::bigint[], %(a_debt)s::bigint[]) AS d(id, delta, debt)
WHERE a.id = d.id
"""


def post(
    *,
    book: AccountBook,
    moves: Sequence[Move],
    new_lots: Sequence[NewLot] = (),
    at: dt.datetime,
    cause: Cause = Cause(),
) -> None:
    """Write the moves and change lots and accounts by them, in one statement.

    ``book`` holds the locked accounts and is brought up to date. A move that would make a lot
    or a money balance negative is refused by the database (services check before they post).
    """
    moves = [move for move in moves if move.delta]
    if not moves:
        return
    after: list[int] = []
    totals: dict[int, list[int]] = {}
    lots: dict[int, dict[str, int]] = {}
    states: list[AccountState] = []
    for move in moves:
        state = book.get(move.member_id, move.kind)
        state.balance += move.delta
        total = totals.setdefault(state.id, [0, 0])
        total[0] += move.delta
        if move.lot is not None:
            rest = lots.setdefault(move.lot, dict.fromkeys(("points", "principal", "bonus"), 0))
            rest[move.kind] += move.delta
        elif move.new is None:
            state.debt -= move.delta
            total[1] -= move.delta
        after.append(state.balance)
        states.append(state)
    with prepared_cursor() as cursor:
        cursor.execute(
            POST,
            {
                "at": at,
                "order_id": cause.order_id,
                "refund_id": cause.refund_id,
                "top_up_id": cause.top_up_id,
                "reason": cause.reason,
                "n_member": [lot.member_id for lot in new_lots],
                "n_asset": [lot.asset for lot in new_lots],
                "n_source": [lot.source for lot in new_lots],
                "n_points": [lot.points for lot in new_lots],
                "n_principal": [lot.principal for lot in new_lots],
                "n_bonus": [lot.bonus for lot in new_lots],
                "n_expires": [lot.expires_at for lot in new_lots],
                "m_account": [state.id for state in states],
                "m_lot": [move.lot for move in moves],
                "m_ref": [None if move.new is None else move.new + 1 for move in moves],
                "m_side": [str(move.side) for move in moves],
                "m_delta": [move.delta for move in moves],
                "m_after": after,
                "m_list": [move.list_fen for move in moves],
                "l_id": list(lots),
                "l_points": [rest["points"] for rest in lots.values()],
                "l_principal": [rest["principal"] for rest in lots.values()],
                "l_bonus": [rest["bonus"] for rest in lots.values()],
                "a_id": list(totals),
                "a_delta": [total[0] for total in totals.values()],
                "a_debt": [total[1] for total in totals.values()],
            },
        )


def earn_moves(
    *,
    member_id: int,
    points: int,
    debt: int,
    side: str,
    source: str,
    expires_at: dt.datetime,
    new: int = 0,
) -> tuple[list[Move], list[NewLot]]:
    """Moves that give ``points``: they repay debt first, the rest opens lot number ``new``.

    Expired at once when ``expires_at`` is past is the nightly run's work, not ours.
    """
    repaid = min(points, debt)
    moves = []
    lots = []
    if repaid:
        moves.append(Move(member_id, "points", repaid, side))
    if points > repaid:
        rest = points - repaid
        moves.append(Move(member_id, "points", rest, side, new=new))
        lots.append(NewLot(member_id, "points", source, points=rest, expires_at=expires_at))
    return moves, lots


def spend_moves(
    *, member_id: int, kind: str, amount: int, lots: Sequence[tuple[int, int]], side: str
) -> list[Move]:
    """Moves that take ``amount`` from lots in the order given (points: nearest expiry first).

    ``lots`` are (id, what is left of this kind). The caller has checked that they hold enough.
    """
    moves = []
    for lot, left in lots:
        part = min(amount, left)
        if part:
            moves.append(Move(member_id, kind, -part, side, lot=lot))
            amount -= part
        if not amount:
            break
    return moves


def draw_moves(member_id: int, draw: LotDraw) -> list[Move]:
    """Moves that pay by one stored-value lot; the list price covered goes with the first."""
    moves = []
    list_fen = draw.list_fen
    for kind, fen in (("principal", draw.principal_fen), ("bonus", draw.bonus_fen)):
        if fen:
            moves.append(Move(member_id, kind, -fen, Side.REVENUE, draw.lot_id, None, list_fen))
            list_fen = 0
    return moves
