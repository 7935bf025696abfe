"""The PostgreSQL and Valkey that the tests use: started once, by the process that runs pytest.

Workers of pytest-xdist inherit the addresses, and each takes a database and a Valkey number of
its own. The migrations run once; every other database is a copy of that one.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded import PostgresServer, ValkeyServer
from config.embedded.postgres import NOT_DURABLE as POSTGRES_NOT_DURABLE
from config.embedded.valkey import NOT_DURABLE as VALKEY_NOT_DURABLE

TEMPLATE = "huitou_template"
MIGRATING = 7_310_521  # number of the advisory lock
MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30  # bytes


def quick_place() -> str:
    """Where servers keep their files: in memory where there is room, since databases are made and
    dropped by the hundred. Short, for the socket's address."""
    try:
        is_fit = shutil.disk_usage(MEMORY).free >= ENOUGH and os.access(MEMORY, os.W_OK)
        return str(MEMORY) if is_fit and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC else "/tmp"
    except OSError:
        return "/tmp"


@dataclass
class Servers:
    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    running: bool = field(default=False)

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        self.running = True

    def stop(self) -> None:
        if self.running:
            self.running = False
            self.valkey.stop()
            self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def worker_number() -> int:
    """0 without xdist, else 1 for gw0, 2 for gw1 …"""
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    return int(name.removeprefix("gw")) + 1 if name else 0


def new_servers() -> Servers:
    """Servers on a fresh short folder that lose everything in a crash but are quick."""
    folder = Path(tempfile.mkdtemp(prefix="ht-", dir=quick_place()))
    folder.chmod(0o711)  # PostgreSQL may run as another account than ours
    return Servers(
        folder,
        PostgresServer(
            folder / "postgres",
            settings={
                **POSTGRES_NOT_DURABLE,
                "shared_buffers": "128MB",
                "max_connections": "200",
                "max_wal_size": "512MB",
                # It would hold a table against an ANALYZE in a test's transaction, which waits
                # no longer than a till does; and each database lives for one test.
                "autovacuum": "off",
            },
        ),
        ValkeyServer(folder / "valkey", settings=VALKEY_NOT_DURABLE),
    )


def prepare_environment() -> None:
    """Point the settings at the tests' servers; must come before Django is set up."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["HUITOU_ENV"] = "test"
    os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 40
    os.environ["DATABASE_POOL"] = "false"
    os.environ["LOG_LEVEL"] = "WARNING"
    if "HUITOU_TEST_POSTGRES" not in os.environ:
        servers = new_servers()
        atexit.register(servers.stop)
        servers.start()
        os.environ["HUITOU_TEST_POSTGRES"] = servers.postgres.url("{}")
        os.environ["HUITOU_TEST_VALKEY"] = servers.valkey.url(0).removesuffix("/0")
        os.environ["HUITOU_TEST_FOLDER"] = str(servers.folder)
    number = worker_number()
    os.environ["DATABASE_URL"] = database_url("postgres")
    os.environ["REDIS_URL"] = f"{os.environ['HUITOU_TEST_VALKEY']}/{number}"
    data = Path(os.environ["HUITOU_TEST_FOLDER"], f"data{number}")
    (data / "static").mkdir(parents=True, exist_ok=True)
    os.environ["HUITOU_DATA"] = str(data)


def database_url(name: str) -> str:
    return os.environ["HUITOU_TEST_POSTGRES"].format(name)


@contextmanager
def _admin() -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url("postgres"), autocommit=True) as connection:
        yield connection


def drop_database(name: str) -> None:
    with _admin() as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def clone_template(name: str) -> None:
    with _admin() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )


@contextmanager
def template_to_migrate() -> Iterator[str | None]:
    """Yield the name of an empty database to migrate, or None when another worker has done it."""
    with _admin() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
        done = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if done.fetchone():
            yield None
            return
        unfinished = f"{TEMPLATE}_unfinished"
        drop_database(unfinished)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
        yield unfinished
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(unfinished), sql.Identifier(TEMPLATE)
            )
        )
