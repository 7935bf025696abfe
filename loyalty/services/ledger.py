"""The only way a balance changes: ``post``. Append-only entries, each naming both sides.

Invariants it keeps, and the database checks: balance = Σ entries; a lot's rest = Σ entries of
the lot; debt = −Σ entries without a lot; points balance = Σ rests − debt.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from loyalty.locks import AccountBook
from loyalty.models import Entry
from loyalty.settlement.types import LotDraw
from members import statements

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
    FROM jsonb_to_recordset(%(opened)s::jsonb) AS n(ref bigint, member_id bigint, asset text,
        source text, points bigint, principal bigint, bonus bigint, expires_at timestamptz)
), lots AS (
    INSERT INTO loyalty_lot (id, member_id, asset, source, points_issued, points_left,
        principal_issued, principal_left, bonus_issued, bonus_left, issued_at, expires_at,
        order_id, top_up_id)
    SELECT id, member_id, asset, source, points, points, principal, principal, bonus, bonus,
        %(at)s, expires_at, %(order_id)s::bigint, %(top_up_id)s::bigint
    FROM opened
), moves AS (
    SELECT m.* FROM jsonb_to_recordset(%(moves)s::jsonb) AS m(seq int, account_id bigint,
        lot_id bigint, ref bigint, side text, delta bigint, balance_after bigint, list_fen bigint)
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
    FROM jsonb_to_recordset(%(drawn)s::jsonb)
        AS d(id bigint, points bigint, principal bigint, bonus bigint)
    WHERE l.id = d.id
)
UPDATE loyalty_account a SET balance = a.balance + d.delta, debt = a.debt + d.debt
FROM jsonb_to_recordset(%(totals)s::jsonb) AS d(id bigint, delta bigint, debt bigint)
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
    rows: list[dict[str, int | str | None]] = []
    totals: dict[int, dict[str, int]] = {}
    drawn: dict[int, dict[str, int]] = {}
    for number, move in enumerate(moves):
        state = book.get(move.member_id, move.kind)
        state.balance += move.delta
        total = totals.setdefault(state.id, {"id": state.id, "delta": 0, "debt": 0})
        total["delta"] += move.delta
        if move.lot is not None:
            rest = drawn.setdefault(
                move.lot, {"id": move.lot, "points": 0, "principal": 0, "bonus": 0}
            )
            rest[move.kind] += move.delta
        elif move.new is None:
            state.debt -= move.delta
            total["debt"] -= move.delta
        rows.append(
            {
                "seq": number,
                "account_id": state.id,
                "lot_id": move.lot,
                "ref": move.new,
                "side": move.side,
                "delta": move.delta,
                "balance_after": state.balance,
                "list_fen": move.list_fen,
            }
        )
    statements.run(
        POST,
        {
            "at": at,
            "order_id": cause.order_id,
            "refund_id": cause.refund_id,
            "top_up_id": cause.top_up_id,
            "reason": cause.reason,
            "opened": json.dumps([_lot_row(number, lot) for number, lot in enumerate(new_lots)]),
            "moves": json.dumps(rows),
            "drawn": json.dumps(list(drawn.values())),
            "totals": json.dumps(list(totals.values())),
        },
    )


def _lot_row(number: int, lot: NewLot) -> dict[str, int | str | None]:
    return {
        "ref": number,
        "member_id": lot.member_id,
        "asset": lot.asset,
        "source": lot.source,
        "points": lot.points,
        "principal": lot.principal,
        "bonus": lot.bonus,
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
    }


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
