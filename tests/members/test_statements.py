"""Prepared statements: the same rows, errors and rules as Django's cursors, prepared once."""

from __future__ import annotations

import datetime as dt
import uuid

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from members import statements
from tests.conftest import LiveDatabase

WHEN = dt.datetime(2026, 3, 1, 8, 30, tzinfo=dt.UTC)
KEY = uuid.UUID("0198c0de-0000-7000-8000-000000000001")
KINDS = "SELECT %(n)s::bigint, %(t)s::text, %(at)s, %(key)s, %(none)s::bigint, %(ids)s, %(n)s + 1"
VALUES = {"n": 7, "t": "拿铁 %", "at": WHEN, "key": KEY, "none": None, "ids": [1, 2]}
OPEN = """
INSERT INTO members_shop (code, name, address, phone, is_active)
VALUES (%s, 'a shop', '', '', true)
"""
ROW = (7, "拿铁 %", WHEN, KEY, None, [1, 2], 8)


@pytest.mark.django_db
def test_values_and_rows_are_as_with_a_cursor_of_django() -> None:
    assert statements.run(KINDS, VALUES) == [ROW]
    with CaptureQueriesContext(connection) as seen:
        assert statements.run(KINDS, VALUES) == [ROW]  # Django's cursor, since it is listened to
    assert len(seen) == 1
    assert statements.run("SELECT i FROM generate_series(1, %s) AS i", [3]) == [(1,), (2,), (3,)]
    assert statements.run("SELECT 1 WHERE false") == []


@pytest.mark.django_db
def test_a_statement_is_prepared_once() -> None:
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1 + 17'"
    for number in (1, 40_000, 5_000_000_000):
        assert statements.run("SELECT %s + 17", [number]) == [(number + 17,)]
    assert statements.run(prepared) == [(1,)]
    assert statements.run("SELECT 7 %% %s::bigint", [4]) == [(3,)]


@pytest.mark.django_db
def test_its_errors_are_those_of_django() -> None:
    statements.run(OPEN, ["x"])
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        statements.run(OPEN, ["x"])
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.errors.UniqueViolation)
    assert cause.diag.constraint_name == "members_shop_code_key"
    assert statements.run("SELECT count(*) FROM members_shop WHERE code = 'x'") == [(1,)]
    with transaction.atomic():
        with pytest.raises(DatabaseError):
            statements.run("SELECT 1 / 0")
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            statements.run("SELECT 1")


def test_it_belongs_to_the_transaction(live_db: LiveDatabase) -> None:
    with transaction.atomic():
        statements.run(OPEN, ["gone"])
        transaction.set_rollback(True)
    statements.run(OPEN, ["kept"])
    with psycopg.connect(live_db.url) as other:
        found = other.execute("SELECT code FROM members_shop WHERE name = 'a shop'").fetchall()
    assert found == [("kept",)]


def test_a_server_that_goes_away_is_an_operational_error(live_db: LiveDatabase) -> None:
    [(pid,)] = statements.run("SELECT pg_backend_pid()")
    with psycopg.connect(live_db.url) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    for _time in range(2):  # it speaks of the end, then there is nobody to speak to
        with pytest.raises(OperationalError):
            statements.run("SELECT 1")
    connection.close()
    assert statements.run("SELECT 1") == [(1,)]
