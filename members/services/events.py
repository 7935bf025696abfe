"""Writing down what happened, in the transaction that did it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from members import registry, statements
from members.services import outbox as outbox_service

INSERT = """
INSERT INTO members_event (kind, at, member_id, staff_id, shop_id, data)
VALUES (%(kind)s, %(at)s, %(member)s, %(staff)s, %(shop)s, %(data)s) RETURNING id
"""

INSERT_TO_ACT_ON = f"""
WITH written AS ({INSERT}), outbox AS (
    INSERT INTO members_outbox (event_id, due_at, attempts, last_error)
    SELECT id, %(at)s, 0, '' FROM written
)
SELECT id FROM written
"""

INSERT_MANY = """
WITH written AS (
    INSERT INTO members_event (kind, at, member_id, data)
    SELECT %(kind)s, %(at)s, m.key::bigint, m.value
    FROM jsonb_each(%(data)s::jsonb) AS m ORDER BY m.key::bigint
    RETURNING id
)
INSERT INTO members_outbox (event_id, due_at, attempts, last_error)
SELECT id, %(at)s, 0, '' FROM written WHERE %(wanted)s
"""


def outbox_wanted(kind: str) -> bool:
    """Whether someone must act on events of this kind.

    For code that writes its event by SQL of its own: it then inserts the outbox row
    (``event_id``, ``due_at`` = the event's time) too, and calls ``outbox.drain_after_commit()``.
    """
    return bool(registry.consumers_of(kind))


def record(
    *,
    kind: str,
    at: dt.datetime,
    member_id: int | None = None,
    staff_id: int | None = None,
    shop_id: int | None = None,
    data: dict[str, Any] | None = None,
    outbox: bool = True,
) -> int:
    """Write one event, and its outbox row if someone acts on the kind, in one statement; its id.

    ``data`` holds ids and facts only, JSON-ready. ``outbox=False``: imports, the demo shop and
    bulk issue, on which nobody acts. Only inside the transaction that does what it tells.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an event is recorded in the transaction that did it")
    data = data or {}
    values: dict[str, dt.datetime | str | int | None] = {
        "kind": kind,
        "at": at,
        "member": member_id,
        "staff": staff_id,
        "shop": shop_id,
        "data": json.dumps(data),
    }
    wanted = outbox and outbox_wanted(kind)
    [(number,)] = statements.run(INSERT_TO_ACT_ON if wanted else INSERT, values)
    if wanted:
        outbox_service.drain_after_commit()
    return int(number)


def record_many(
    *, kind: str, at: dt.datetime, data_by_member: Mapping[int, dict[str, Any]]
) -> None:
    """Write one event of the same kind for each of these members, as ``record`` does for one."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an event is recorded in the transaction that did it")
    if not data_by_member:
        return
    wanted = outbox_wanted(kind)
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT_MANY,
            {"kind": kind, "at": at, "data": json.dumps(data_by_member), "wanted": wanted},
        )
    if wanted:
        outbox_service.drain_after_commit()
