"""The hot paths' way to the database: statements that the server prepared once.

Django writes values into the text, so that PostgreSQL parses and plans every statement anew; a
sale's wide statements take longer to plan than to run. And a cursor made for one statement costs
more than the statement. So `run` speaks to libpq as psycopg's cursors do, with what one needs of
them: values adapted by psycopg, bound by the server, rows loaded by psycopg, its errors raised
as Django's. Where somebody listens (`execute_wrappers`, the log of queries), and where preparing
is off (``DATABASE_PREPARED=false``, for a pooler that cannot keep it), Django's cursor does it.

A statement must not leave a type to be guessed: a parameter that may be None inside a SELECT list
needs a cast. Its text must not vary: each one is prepared once for each connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Connection, OperationalError, errors
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.types.numeric import Int8Dumper

Params = Mapping[str, Any] | Sequence[Any]
Row = tuple[Any, ...]

_PLACE = re.compile(r"%\((\w+)\)s|%[s%]")


@lru_cache(maxsize=256)
def _numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with its places numbered, and the names of the values in that order."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found[1] or str(len(names))
        return f"${names.setdefault(name, len(names) + 1)}"

    return _PLACE.sub(number, text).encode(), tuple(names)


class _Prepared:
    """The statements of one connection."""

    def __init__(self, raw: Connection[Any]) -> None:
        self.adapters = AdaptersMap(raw.adapters)
        # By default the size of a number decides its type, and each set of types would be a
        # statement of its own.
        self.adapters.register_dumper(int, Int8Dumper)
        self.connection = raw
        self.adapt = Transformer(self)
        self.names: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def execute(self, text: str, params: Params) -> list[Row]:
        query, names = _numbered(text)
        values = [params[name] for name in names] if isinstance(params, Mapping) else params
        adapt = self.adapt
        bound: Any = adapt.dump_sequence(values, [PyFormat.AUTO] * len(values))
        pgconn = self.connection.pgconn
        if pgconn.transaction_status == TransactionStatus.IDLE and not self.connection.autocommit:
            pgconn.exec_(b"BEGIN")
        types = tuple(adapt.types or ())
        name = self.names.get((text, types))
        if name is None:
            name = f"statement_{len(self.names)}".encode()
            self._checked(pgconn.prepare(name, query, types))
            self.names[text, types] = name
        result = self._checked(pgconn.exec_prepared(name, bound, adapt.formats))
        if result.status != ExecStatus.TUPLES_OK:
            return []
        adapt.set_pgresult(result)
        return adapt.load_rows(0, result.ntuples, tuple)

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            return result
        if self.connection.pgconn.status == ConnStatus.BAD:
            raise OperationalError(result.get_error_message())  # libpq's own words have no code
        raise errors.error_from_result(result)


_prepared: WeakKeyDictionary[Any, _Prepared] = WeakKeyDictionary()


def run(text: str, params: Params = ()) -> list[Row]:
    """Run one statement with its values (``%(name)s`` or ``%s``) and return its rows.

    Raises Django's database errors, as its cursors do.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    raw = database.connection
    is_heard = database.execute_wrappers or database.force_debug_cursor
    if raw.prepare_threshold is None or is_heard:
        with database.cursor() as cursor:
            cursor.execute(text, params)
            return cursor.fetchall() if cursor.description else []
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        prepared = _prepared.get(raw)
        if prepared is None:
            prepared = _prepared[raw] = _Prepared(raw)
        try:
            return prepared.execute(text, params)
        except MemoryError:
            # What psycopg says when libpq has no result at all.
            if raw.pgconn.status == ConnStatus.BAD:
                raise OperationalError(raw.pgconn.get_error_message()) from None
            raise
