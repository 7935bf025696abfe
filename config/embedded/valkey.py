"""Valkey as a child process: cache, sessions and Celery's queues behind one address."""

import secrets
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.binaries import valkey_program
from config.embedded.process import CannotStart, end, last_line, spawn, wait_until, write_private

SETTINGS: dict[str, str] = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    # Queues live here: better a refused write than a task that was thrown out.
    "maxmemory-policy": "noeviction",
    "databases": "64",
    "tcp-keepalive": "60",
}
NOT_DURABLE: dict[str, str] = {"appendonly": "no"}
STARTING = 60.0  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class ValkeyServer:
    """One server on one data folder; the port is the last one used, if it is still free."""

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.settings = {**SETTINGS, **(settings or {})}
        self.log = log or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._password = ""
        self._served = False

    def url(self, database: int = 0) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers; raises CannotStart with a sentence for the user."""
        program = valkey_program()
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._password = self._password or self._keep_password()
        # Somebody may take a port between the look and the start: look again.
        for _attempt in range(5):
            if self._started(program):
                self._served = True
                return
        raise CannotStart(f"Valkey did not start ({last_line(self.log)}). All of it: {self.log}")

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, [(signal.SIGTERM, 20)])
            self.process = None

    def kill(self) -> None:
        """As a power cut would: for tests."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _keep_password(self) -> str:
        """Every account of the machine can reach a local port; what lies in the cache is ours."""
        file = self.data_dir / "password"
        try:
            return file.read_text("ascii").strip()
        except FileNotFoundError:
            password = secrets.token_urlsafe(24)
            write_private(file, password)
            return password
        except OSError as error:
            raise CannotStart(
                f"{self.data_dir} belongs to another user: start Huitou as the user who started "
                "it first, or choose another folder with HUITOU_DATA=."
            ) from error

    def _choose_port(self) -> int:
        if self._served:  # others hold this address already
            return self.port
        file = self.data_dir / "port"
        if not self.port and file.exists():
            self.port = int(file.read_text("ascii"))
        if not self.port or not port_is_free(self.port):
            self.port = free_port()
        file.write_text(str(self.port), "ascii")
        return self.port

    def _started(self, program: Path) -> bool:
        settings = {
            **self.settings,
            "port": str(self._choose_port()),
            "dir": f'"{self.data_dir}"',
            "requirepass": self._password,
        }
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        # By standard input: arguments can be read by every account of the machine.
        self.process = spawn([str(program), "-"], log=self.log, stdin=subprocess.PIPE)
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(lines.encode())
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        if wait_until(lambda: not self.is_alive() or self._answers(), STARTING) and self.is_alive():
            return True
        end(self.process, [(signal.SIGTERM, 5)])
        self.process = None
        return False

    def _answers(self) -> bool:
        client = redis.Redis.from_url(
            self.url(), socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        try:
            with client:
                return bool(client.ping())
        except redis.RedisError:
            return False
