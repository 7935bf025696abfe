"""A pooled connection is looked at without asking the server, and replaced when it is dead."""

from __future__ import annotations

import psycopg
from django.db import connection
from psycopg_pool import ConnectionPool

from config.postgresql.base import DatabaseWrapper, look_at
from tests.conftest import LiveDatabase


def test_a_connection_that_the_server_ended_is_replaced(live_db: LiveDatabase) -> None:
    with ConnectionPool(live_db.url, min_size=1, max_size=1, check=look_at) as pool:
        with pool.connection() as first:
            pid = first.info.backend_pid
        with pool.connection() as again:
            assert again.info.backend_pid == pid
        with psycopg.connect(live_db.url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        with pool.connection() as replaced:
            assert replaced.info.backend_pid != pid
            assert replaced.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_at_rest_is_not_asked(live_db: LiveDatabase) -> None:
    settings = connection.settings_dict
    pooled = DatabaseWrapper(
        {**settings, "OPTIONS": {**settings["OPTIONS"], "pool": {"min_size": 1, "max_size": 1}}},
        alias="pooled",
    )
    try:
        pool = pooled.pool
        assert pool is not None
        pool.open()
        with pool.connection() as first:
            first.execute("SELECT 1")
            pid = first.info.backend_pid
        with psycopg.connect(live_db.url) as other:
            seen = "SELECT query FROM pg_stat_activity WHERE pid = %s"
            before = other.execute(seen, [pid]).fetchone()
            pool.putconn(pool.getconn())
            other.rollback()
            assert other.execute(seen, [pid]).fetchone() == before
            assert before == ("SELECT 1",)
    finally:
        pooled.close_pool()
