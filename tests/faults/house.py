"""A shop of real processes that may be killed: durable PostgreSQL, gunicorn, tills over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from config.embedded import PostgresServer
from config.embedded.binaries import postgres_programs
from config.embedded.process import end, last_line, spawn, wait_until
from config.embedded.valkey import free_port
from loyalty.services import rules
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT, PASSWORD

BASE = Path(__file__).resolve().parents[2]
WORKERS, THREADS = 2, 4
TILLS = 4

Answer = dict[str, Any]


class House:
    """The processes, and ways to kill them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = PostgresServer(folder / "postgres", settings={"shared_buffers": "64MB"})
        self.port = free_port()
        self.web: subprocess.Popen[bytes] | None = None
        self.env = {
            **os.environ,
            "HUITOU_DATA": str(folder / "data"),
            "DATABASE_URL": self.postgres.url("shop"),
            "DATABASE_POOL": "true",
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
            "LOG_LEVEL": "ERROR",
        }

    def open(self, ready_made: LiveDatabase) -> None:
        """Start PostgreSQL with a copy of a database that is ready, then the web server."""
        self.postgres.start()
        self.postgres.create_database("shop")
        programs = postgres_programs(self.postgres.account)
        dump = self.folder / "shop.sql"
        subprocess.run([programs / "pg_dump", "--file", dump, ready_made.url], check=True, cwd="/")
        psql = f"{programs}/psql -qX -v ON_ERROR_STOP=1 -o /dev/null -f {dump}".split()
        subprocess.run([*psql, self.postgres.url("shop")], check=True, cwd="/")
        (self.folder / "metrics").mkdir()
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--worker-class", "gthread"]
        command += ["--no-control-socket", "--workers", str(WORKERS), "--threads", str(THREADS)]
        command += ["--bind", f"127.0.0.1:{self.port}", "--config", "config/gunicorn.py"]
        log = self.folder / "web.log"
        self.web = spawn(command, env=self.env, log=log, cwd=str(BASE))
        if not wait_until(self.answers, 30):
            raise RuntimeError(f"the web server did not answer: {last_line(log)}")

    def close(self) -> None:
        if self.web is not None:
            end(self.web, [(signal.SIGTERM, 10), (signal.SIGKILL, 5)])
        self.postgres.stop()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/counter/login/", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill_postgres(self) -> None:
        """As a power cut would, in the middle of what it does; then start it again."""
        self.postgres.kill()
        self.postgres.start()

    def kill_a_web_worker(self) -> None:
        """Kill one of the workers; gunicorn's master starts another one."""
        assert self.web is not None
        workers = psutil.Process(self.web.pid).children()
        workers[0].kill()
        workers[0].wait(10)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url("shop")) as connection:
            return connection.execute(query, values).fetchall()

    def reconcile(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "reconcile"],
            env={**self.env, "DATABASE_POOL": "false"},
            cwd=BASE,
            capture_output=True,
            text=True,
        )


@contextmanager
def open_house(folder: Path, ready_made: LiveDatabase) -> Iterator[House]:
    house = House(folder)
    try:
        house.open(ready_made)
        yield house
    finally:
        house.close()


def furnish() -> list[int]:
    """Rules, a cashier who can log in, and a member for each till; written where Django points."""
    factories.policy(rounding="jiao", top_up_max_balance_fen=10**9)
    factories.gold_discount()
    factories.gold_stored_discount()
    factories.menu()
    factories.cashier()
    rules.publish(actor=None, at=AT)
    return [
        factories.member(
            f"+8613800010{number:03}", tier="金卡", points=1000, principal_fen=50000, bonus_fen=9000
        ).pk
        for number in range(TILLS)
    ]


@dataclass
class Till:
    """One client: rings up, and asks again with the same key whenever it does not know."""

    house: House
    member: int
    enough: threading.Event
    answers: dict[str, Answer] = field(default_factory=dict)  # by key
    paths: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unknown: int = 0
    problems: list[str] = field(default_factory=list)
    client: httpx.Client = field(init=False)

    def log_in(self) -> None:
        self.client = httpx.Client(base_url=self.house.address, timeout=8, trust_env=False)
        self.client.get("/counter/login/")
        form = {"username": "lin", "password": PASSWORD, "csrfmiddlewaretoken": self.token}
        assert self.client.post("/counter/login/", data=form).status_code == 302

    @property
    def token(self) -> str:
        return self.client.cookies["huitou_csrf"]

    def work(self) -> None:
        """Sales to a member and to guests, top-ups and refunds in turn, until it is enough."""
        try:
            number = 0
            while not self.enough.is_set():
                self._turn(number)
                number += 1
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self.client.close()

    def _turn(self, number: int) -> None:
        line = {"amount_fen": 1000 + number}
        if number % 4 == 0:
            top_up = {"member": {"id": self.member}, "amount_fen": 2000, "tender": "cash"}
            self.send("/counter/api/top-ups", top_up)
        sale: Answer = {"lines": [line], "tender": "wechat"}
        if number % 3:
            sale |= {"member": {"id": self.member}, "use_stored_value": number % 2 == 0}
        sold = self.send("/counter/api/settle", sale)
        if number % 2 and sold:
            back = {"amount_fen": 300} if number % 4 == 1 else {}
            self.send(f"/counter/api/orders/{sold['order']}/refund", back)

    def send(self, path: str, body: Answer) -> Answer | None:
        """Send until the outcome is known; None when it was refused."""
        key = str(uuid.uuid4())
        while True:
            try:
                response = self.client.post(
                    path, json={**body, "key": key}, headers={"X-CSRFToken": self.token}
                )
            except httpx.TransportError:
                self.unknown += 1
                self.enough.wait(0.1)
                continue
            if response.status_code >= 500 or response.status_code == 409:
                self.unknown += 1
                self.enough.wait(0.1)
                continue
            if response.status_code != 200:
                self.refused.append(response.text)
                return None
            self.answers[key] = response.json()
            self.paths[key] = (path, body)
            return self.answers[key]
