"""Fixtures for all tests.

`db` (pytest-django): one transaction, rolled back. `live_db`: a database of the test's own where
commits are real, for threads, processes and what happens after a commit. Never
`django_db(transaction=True)`: it truncates tables, and the ledger's triggers refuse that.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import hypothesis
import psycopg
import pytest

from tests.servers import (
    clone_template,
    database_url,
    drop_database,
    prepare_environment,
    template_to_migrate,
    worker_number,
)

# Here and not in a hook: conftest files further down import models.
prepare_environment()

import django  # noqa: E402

django.setup()

from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from pytest_django.plugin import DjangoDbBlocker  # noqa: E402

hypothesis.settings.register_profile("huitou", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("huitou")


@dataclass(frozen=True)
class LiveDatabase:
    """A committed database: `url` for psycopg, `env` for processes of the product."""

    name: str
    url: str

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.url}

    def until_somebody_waits(self) -> None:
        """Until another connection waits for a lock of ours; looked for from outside, since a
        transaction keeps seeing the activity it saw first."""
        with psycopg.connect(self.url, autocommit=True) as outside:
            for _try in range(20_000):
                row = outside.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'"
                ).fetchone()
                if row and row[0]:
                    return
        raise AssertionError("nobody waits")


def _use(name: str) -> None:
    """Turn the default connection, of this and of every later thread, to another database."""
    connections.close_all()
    connection.settings_dict["NAME"] = name
    os.environ["DATABASE_URL"] = database_url(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: begun last, it would keep one worker at work and the others
    idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Named in the environment, the settings would be read by pytest-django in each worker before
    this file gives the worker a Valkey number of its own."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    name = f"huitou_{worker_number()}"
    with django_db_blocker.unblock():
        with template_to_migrate() as unfinished:
            if unfinished:
                _use(unfinished)
                call_command("migrate", verbosity=0, interactive=False)
                connections.close_all()
        clone_template(name)
        _use(name)
    yield
    with django_db_blocker.unblock():
        _use("postgres")
        drop_database(name)


@pytest.fixture
def live_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveDatabase]:
    """A fresh copy of the migrated database, as the default connection of all threads."""
    before = connection.settings_dict["NAME"]
    name = f"live_{worker_number()}"
    drop_database(name)
    clone_template(name)
    with django_db_blocker.unblock():
        _use(name)
        try:
            yield LiveDatabase(name, database_url(name))
        finally:
            _use(before)
            drop_database(name)


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    yield
    cache.clear()
