"""Every lock that guards money, in one file: taken by primary key, once, late, before the check.

Order of taking: client key → order → accounts (ascending id) → loan, approval → rows changed by
conditional UPDATE. A wait ends after the connection's ``lock_timeout`` and is answered with
``busy``.
A test patches ``FOR_UPDATE`` and ``claim_key`` to do nothing: the races must then show.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError
from django.utils.translation import gettext_lazy as _
from psycopg import errors as pg

from members import statements
from members.errors import Refusal

FOR_UPDATE = "FOR UPDATE"

KINDS = ("points", "principal", "bonus")


@dataclass(slots=True)
class AccountState:
    """A locked account. ``balance`` and ``debt`` follow every move posted while it is held."""

    id: int
    member_id: int
    kind: str
    balance: int
    debt: int


@dataclass(slots=True)
class AccountBook:
    """The locked accounts of one or more members."""

    rows: dict[tuple[int, str], AccountState] = field(default_factory=dict)

    def get(self, member_id: int, kind: str) -> AccountState:
        return self.rows[member_id, kind]


@contextmanager
def waiting_politely() -> Iterator[None]:
    """Turn a lock that could not be had in time, or a deadlock, into the refusal ``busy``."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, pg.LockNotAvailable | pg.DeadlockDetected):
            raise Refusal(
                "busy",
                _("This card is being used elsewhere. Wait a moment and try again."),
                status=409,
            ) from error
        raise


def lock_accounts(member_ids: Iterable[int]) -> AccountBook:
    """Lock all accounts of these members by ascending id, and read them in the same statement."""
    rows = statements.run(
        "SELECT id, member_id, kind, balance, debt FROM loyalty_account"
        f" WHERE member_id = ANY(%s) ORDER BY id {FOR_UPDATE}",
        [sorted(set(member_ids))],
    )
    states = (AccountState(*row) for row in rows)
    return AccountBook({(state.member_id, state.kind): state for state in states})


def lock_order(order_id: int) -> bool:
    """Lock one order; False when there is none."""
    return bool(
        statements.run(f"SELECT id FROM loyalty_order WHERE id = %s {FOR_UPDATE}", [order_id])
    )


def lock_loan(loan_id: int) -> bool:
    """Lock one loan; False when there is none."""
    return bool(
        statements.run(f"SELECT id FROM loyalty_loan WHERE id = %s {FOR_UPDATE}", [loan_id])
    )


def lock_approval(approval_id: int) -> bool:
    """Lock one request for approval; False when there is none."""
    return bool(
        statements.run(f"SELECT id FROM loyalty_approval WHERE id = %s {FOR_UPDATE}", [approval_id])
    )


def claim_key(
    *, key: uuid.UUID, kind: str, content_hash: str, staff_id: int | None, at: dt.datetime
) -> tuple[str, str, dict[str, Any] | None] | None:
    """Claim a client's key for this transaction.

    None: it is ours. Otherwise (kind, content hash, response) of the one that came first; the
    unique index makes the statement wait until that one has ended.
    """
    claimed = statements.run(
        "INSERT INTO loyalty_clientkey (key, kind, content_hash, staff_id, at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING true",
        [key, kind, content_hash, staff_id, at],
    )
    if claimed:
        return None
    [(found_kind, found_hash, response)] = statements.run(
        "SELECT kind, content_hash, response FROM loyalty_clientkey WHERE key = %s", [key]
    )
    return found_kind, found_hash, json.loads(response) if response else None
