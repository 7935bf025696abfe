"""The cursor of the hot paths: values are bound, and statements prepared, by the server.

Django writes values into the text, so that PostgreSQL parses and plans every statement anew; a
sale's wide statements take longer to plan than to run. Everything else about the cursor is
Django's: wrappers, logged queries, errors. ``DATABASE_PREPARED=false`` turns preparing off for a
pooler that cannot keep it.

Statements run by it must not leave a type to be guessed: a parameter that may be None inside a
SELECT list needs a cast.
"""

from __future__ import annotations

from typing import Any, cast
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor
from psycopg._queries import PostgresQuery
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8Dumper

# By default the size of a number decides its type, and each set of types would be a statement of
# its own. Kept with the connection: making the map takes longer than a small statement.
_adapters: WeakKeyDictionary[Any, AdaptersMap] = WeakKeyDictionary()


class _PreparingCursor(Cursor[tuple[Any, ...]]):
    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection)
        adapters = _adapters.get(connection)
        if adapters is None:
            adapters = _adapters[connection] = AdaptersMap(connection.adapters)
            adapters.register_dumper(int, Int8Dumper)
        self._adapters = adapters

    def execute(self, query: Any, params: Any = None, **named: Any) -> _PreparingCursor:
        super().execute(query, params, prepare=True, **named)
        return self

    def _convert_query(self, query: Any, params: Any = None) -> PostgresQuery:
        # Remembered for Django's log of queries; psycopg forgets what it had prepared.
        self._query = super()._convert_query(query, params)
        return self._query


def prepared_cursor() -> CursorWrapper:
    """A cursor like ``connection.cursor()`` for statements that never vary in their text."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.connection is None:
        database.ensure_connection()
    return cast(CursorWrapper, database._prepare_cursor(_PreparingCursor(database.connection)))
