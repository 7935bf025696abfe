"""PostgreSQL 18 as a child process on one data folder, reachable by a Unix socket only."""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded.binaries import SHARED_FOLDER, may_enter, postgres_programs
from config.embedded.process import (
    CannotStart,
    end,
    last_line,
    pid_is_alive,
    spawn,
    unprivileged,
    wait_until,
)

MAJOR = "18"
INITDB = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    # The C locale would leave pg_trgm blind to Chinese.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--lc-collate=C",
    "--lc-ctype=C.UTF-8",
    "--lc-messages=C",
)
SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1000",
    "log_line_prefix": "%m [%p] ",
}
# For tests that do not kill it: a crash loses what was said to be kept.
NOT_DURABLE: dict[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_duration_statement": "-1",
}
STARTING = 300.0  # seconds for a recovery after a crash
# A killed server's last backend may still hold its shared memory for a moment.
HELD = 20.0  # seconds
HELD_SIGNS = ("pre-existing shared memory", "is still in use", "lock file")


class PostgresServer:
    """One server on one data folder. `settings` are added to (and win over) SETTINGS."""

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
        shared_folder: Path = SHARED_FOLDER,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.settings = {**SETTINGS, **(settings or {})}
        self.log = log or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.shared_folder = shared_folder
        self.account = unprivileged()
        self.process: subprocess.Popen[bytes] | None = None
        mark = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        # Short on purpose: a socket's path has at most 107 bytes.
        self.socket_dir = Path("/tmp") / f"huitou-{mark}"  # noqa: S108

    # --- Addresses and databases ---

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@/{name}?host={self.socket_dir}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url(), autocommit=True, connect_timeout=5)

    def create_database(self, name: str, *, template: str | None = None) -> bool:
        """Make a database (a copy of `template`, if named); False when it is there already."""
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            command += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template))
        with self._connect() as connection:
            try:
                connection.execute(command)
            except psycopg.errors.DuplicateDatabase:
                return False
        return True

    def drop_database(self, name: str) -> None:
        with self._connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    # --- Life and death ---

    def start(self) -> None:
        """Make the data folder if it is new, start the server and wait until it answers.

        Raises CannotStart with a sentence for the user.
        """
        programs = postgres_programs(self.account, self.shared_folder)
        self._prepare_data(programs)
        self._prepare_socket_dir()
        self._stop_leftover()
        deadline = time.monotonic() + HELD
        while not self._started(programs):
            reason = last_line(self.log)
            held = any(sign in self._recent_log() for sign in HELD_SIGNS)
            if not held or time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL did not start ({reason}). All of it: {self.log}")
            time.sleep(0.5)

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, everything is written."""
        if self.process is not None:
            end(self.process, [(signal.SIGINT, 60), (signal.SIGQUIT, 10)])
            self.process = None
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def kill(self) -> None:
        """As a power cut would: for tests."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # --- Steps ---

    def _run_as(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}

    def _prepare_data(self, programs: Path) -> None:
        version_file = self.data_dir / "PG_VERSION"
        try:
            found = version_file.read_text("ascii").strip()
        except FileNotFoundError:
            found = ""
        except (PermissionError, NotADirectoryError) as error:
            raise CannotStart(self._not_ours()) from error
        if found and found != MAJOR:
            raise CannotStart(
                f"The data in {self.data_dir} was written by PostgreSQL {found}, and this is "
                f"{MAJOR}: start it with the Huitou that wrote it and make a backup there."
            )
        if found:
            owner = self.account.pw_uid if self.account else os.geteuid()
            if self.data_dir.stat().st_uid != owner:
                raise CannotStart(self._not_ours())
            return
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise CannotStart(
                f"{self.data_dir} holds files that no PostgreSQL wrote: empty it, or choose "
                "another folder with HUITOU_DATA=."
            )
        self._init(programs)

    def _not_ours(self) -> str:
        return (
            f"{self.data_dir} belongs to another user: start Huitou as the user who started it "
            "first, or choose another folder with HUITOU_DATA=."
        )

    def _init(self, programs: Path) -> None:
        """Under another name first, so that an interrupted initdb leaves nothing behind."""
        home = self._home_for_data()
        unfinished = home / f"{self.data_dir.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        if self.account:
            os.chown(unfinished, self.account.pw_uid, self.account.pw_gid)
        sync = [] if self.settings.get("fsync") != "off" else ["--no-sync"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [str(programs / "initdb"), *INITDB, *sync, "-D", str(unfinished)]
        process = spawn(command, account=self.account, log=self.log, env=self._run_as())
        if process.wait() != 0:
            raise CannotStart(
                f"PostgreSQL could not make its data folder {unfinished} "
                f"({last_line(self.log)}). All of it: {self.log}"
            )
        if home != self.data_dir.parent:
            unfinished.rename(home / self.data_dir.name)
            if self.data_dir.is_dir():
                self.data_dir.rmdir()
            self.data_dir.symlink_to(home / self.data_dir.name)
        else:
            if self.data_dir.is_dir():
                self.data_dir.rmdir()
            unfinished.rename(self.data_dir)

    def _home_for_data(self) -> Path:
        """The folder above the data: beside the rest, or where the servers' account can enter."""
        beside = self.data_dir.parent
        beside.mkdir(parents=True, exist_ok=True)
        if self.account is None or may_enter(beside, self.account):
            return beside
        elsewhere = self.shared_folder / self.socket_dir.name
        elsewhere.mkdir(parents=True, exist_ok=True)
        for folder in (self.shared_folder, elsewhere):
            folder.chmod(0o755)
        return elsewhere

    def _prepare_socket_dir(self) -> None:
        owner = self.account.pw_uid if self.account else os.geteuid()
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        found = self.socket_dir.lstat()
        if self.account and found.st_uid == 0:
            os.chown(self.socket_dir, self.account.pw_uid, self.account.pw_gid)
            found = self.socket_dir.lstat()
        # Everybody may write to /tmp: a folder laid there by somebody else is not to be used.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise CannotStart(
                f"{self.socket_dir} belongs to another user: remove it and start again."
            )

    def _stop_leftover(self) -> None:
        """End the server that a killed supervisor left on our data, if there is one."""
        note = self.data_dir / "postmaster.pid"
        try:
            pid = int(note.read_text("ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if not pid_is_alive(pid) or not _is_postgres(pid):
            return
        os.kill(pid, signal.SIGINT)
        if not wait_until(lambda: not note.exists() or not pid_is_alive(pid), 30):
            raise CannotStart(f"Another PostgreSQL (process {pid}) is at work on {self.data_dir}.")

    def _started(self, programs: Path) -> bool:
        self._log_starts_at = self.log.stat().st_size if self.log.exists() else 0
        self.log.parent.mkdir(parents=True, exist_ok=True)
        options = {**self.settings, "unix_socket_directories": str(self.socket_dir)}
        command = [str(programs / "postgres"), "-D", str(self.data_dir.resolve())]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self.process = spawn(
            command,
            account=self.account,
            log=self.log,
            env=self._run_as(),
            farewell=signal.SIGINT,
        )
        answered = wait_until(lambda: not self.is_alive() or self._answers(), STARTING)
        if answered and self.is_alive():
            return True
        end(self.process, [(signal.SIGQUIT, 10)])
        self.process = None
        return False

    def _answers(self) -> bool:
        try:
            with self._connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _recent_log(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self._log_starts_at)
            return file.read().decode("utf-8", "replace")


def _is_postgres(pid: int) -> bool:
    """A process number in an old file may be somebody else's by now."""
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)
    return "postgres" in shown.stdout
