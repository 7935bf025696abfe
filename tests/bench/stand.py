"""What is measured on: PostgreSQL (durable) and Valkey of our own, and web servers as in `up`."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import PostgresServer, ValkeyServer
from config.embedded.process import end, last_line, spawn, wait_until
from config.embedded.valkey import free_port

BASE = Path(__file__).resolve().parents[2]
EMPTY_NAME, FEW_NAME, MANY_NAME = "bench_empty", "bench_few", "bench_many"
WORKERS, THREADS = 2, 4
STARTING = 30.0  # seconds


class Stand:
    """Servers on a folder of their own, with the product's settings: fsync and all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = PostgresServer(folder / "postgres")
        self.valkey = ValkeyServer(folder / "valkey")

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()

    def env(self, database: str) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "HUITOU_ENV": "demo",
            "HUITOU_DATA": str(self.folder / "data"),
            "SECRET_KEY": "only-for-the-benchmark-" + "x" * 40,
            "DATABASE_URL": self.postgres.url(database),
            "REDIS_URL": self.valkey.url(),
            "LOG_LEVEL": "WARNING",
        }

    def manage(self, database: str, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.env(database),
            cwd=BASE,
            check=True,
        )

    @contextmanager
    def web(self, database: str, *, settings: str = "config.settings") -> Iterator[int]:
        """A web server on this database, started as `manage.py up` does; yields its port."""
        port = free_port()
        metrics = Path(tempfile.mkdtemp(prefix="metrics-", dir=self.folder))
        env = self.env(database)
        env["DJANGO_SETTINGS_MODULE"] = settings
        env["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        log = self.folder / f"web-{port}.log"
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--worker-class", "gthread"]
        command += ["--no-control-socket", "--workers", str(WORKERS), "--threads", str(THREADS)]
        command += ["--bind", f"127.0.0.1:{port}", "--timeout", "60", "--keep-alive", "15"]
        command += ["--config", "config/gunicorn.py"]
        process = spawn(command, env=env, log=log, cwd=str(BASE))
        try:
            if not wait_until(lambda: _answers(port), STARTING):
                raise RuntimeError(f"the web server did not answer: {last_line(log)}")
            yield port
        finally:
            end(process, [(signal.SIGTERM, 20), (signal.SIGKILL, 5)])
            shutil.rmtree(metrics, ignore_errors=True)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/nothing-here")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def open_stand(*, keep: bool) -> Iterator[Stand]:
    """A stand that is gone afterwards, unless it is to be kept for a look."""
    chosen = os.environ.get("HUITOU_DATA")
    if chosen:
        folder = Path(chosen).expanduser().resolve() / "bench"
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = Path(tempfile.mkdtemp(prefix="ht-bench-", dir="/tmp"))
    folder.chmod(0o711)  # PostgreSQL may run as another account than ours
    stand = Stand(folder)
    try:
        stand.start()
        yield stand
    finally:
        stand.stop()
        if keep:
            print(f"Kept in {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
