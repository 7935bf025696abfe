"""The database backend: Django's own, with less work for each pooled connection."""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg_pool import ConnectionPool


def look_at(connection: Connection[Any]) -> None:
    """Ask the server only when there is something to be read from a connection at rest.

    A server that ended, was killed, or threw us out has left its last words or the end of the
    stream; nothing else speaks unasked but a notice. Saves every request a round trip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> ConnectionPool[Any] | None:
        pool: ConnectionPool[Any] | None = super().pool
        if pool is not None and pool._check is ConnectionPool.check_connection:
            pool._check = look_at
        return pool

    def _set_autocommit(self, autocommit: bool) -> None:
        # A connection comes from the pool as it went there; saying so again takes its lock.
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]
