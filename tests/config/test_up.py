"""`manage.py up` as a person runs it: a process, its words, and what answers."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from config.embedded.process import wait_until
from config.embedded.valkey import free_port
from tests.conftest import LiveDatabase
from tests.servers import quick_place

BASE = Path(__file__).resolve().parents[2]
# What the tests set for themselves and a person has not set.
OURS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "HUITOU_ENV", "LOG_LEVEL", "DATABASE_POOL")


class Shop:
    def __init__(self, data: Path, **env: str) -> None:
        self.data = data
        self.port = int(env.get("PORT") or free_port())
        kept = {key: value for key, value in os.environ.items() if key not in OURS}
        self.env = {
            **kept,
            "HUITOU_DATA": str(data),
            "PORT": str(self.port),
            "DEMO_MEMBERS": "0",
            **env,
        }
        self.output = data.with_name(f"{data.name}.out")
        self.process: subprocess.Popen[bytes] | None = None

    def open(self, *choices: str) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *choices],
                cwd=BASE,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def close(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def said(self) -> str:
        return self.output.read_text("utf-8")

    def health(self) -> tuple[int, dict[str, str]]:
        address = f"http://127.0.0.1:{self.port}/healthz"
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def is_well(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(self.said())
        return self.health()[0] == 200

    def is_back(self, word: str) -> bool:
        return bool(self.processes(word)) and self.is_well()

    def processes(self, word: str) -> list[psutil.Process]:
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        found = []
        for child in children:
            with suppress(psutil.NoSuchProcess):  # it ended while we looked
                if word in " ".join(child.cmdline()):
                    found.append(child)
        return found


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ht-", dir=quick_place()) as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


@pytest.mark.long
def test_a_shop_opens_survives_kills_closes_and_opens_again(folder: Path) -> None:
    shop = Shop(folder / "data")
    shop.open()
    try:
        assert wait_until(shop.is_well, 90), (shop.health(), shop.said())
        assert shop.health()[1] == {
            "status": "ok",
            "database": "ok",
            "cache": "ok",
            "worker": "ok",
            "beat": "ok",
        }
        assert f"Huitou is open at http://localhost:{shop.port}\n" in shop.said()
        url = json.loads((shop.data / "servers.json").read_text())["database_url"]
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

        for word in ("gunicorn", "postgres"):
            (victim,) = shop.processes(word)
            victim.kill()
            victim.wait(10)
            assert wait_until(partial(shop.is_back, word), 60), (shop.health(), shop.said())
        assert "Web server stopped and is started again in 0.5 s." in shop.said()
        assert "PostgreSQL stopped and is started again in 0.5 s." in shop.said()
        everything = psutil.Process(shop.process.pid).children(recursive=True)
    finally:
        code = shop.close()
    assert code == 0
    assert shop.said().endswith(f"Stopping …\nStopped. The data is kept in {shop.data}\n")
    assert psutil.wait_procs(everything, timeout=5)[1] == []
    assert not (shop.data / "servers.json").exists()

    shop.open()
    try:
        assert wait_until(shop.is_well, 90), (shop.health(), shop.said())
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        assert shop.close(signal.SIGTERM) == 0


@pytest.mark.long
def test_with_addresses_of_other_servers_nothing_is_embedded(
    folder: Path, live_db: LiveDatabase
) -> None:
    shop = Shop(
        folder / "data", DATABASE_URL=live_db.url, REDIS_URL=os.environ["REDIS_URL"], HTTPS="0"
    )
    shop.open()
    try:
        assert wait_until(lambda: "Huitou is open at" in shop.said(), 90), shop.said()
        assert shop.health()[1]["database"] == shop.health()[1]["cache"] == "ok"
        assert shop.processes("postgres") == shop.processes("valkey") == []
        assert sorted(path.name for path in shop.data.iterdir() if path.is_dir()) == [
            "log",
            "media",
            "metrics",
            "static",
        ]
    finally:
        assert shop.close() == 0, (shop.data / "log" / "worker.log").read_text()


def refusal(shop: Shop, *choices: str) -> str:
    shop.open(*choices)
    assert shop.process is not None
    assert shop.process.wait(60) == 1
    return shop.said().strip()


def test_a_busy_port_is_told_in_one_sentence(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refusal(Shop(folder / "data", PORT=str(port)))
    assert said == (
        f"CommandError: Port {port} is in use by another program: stop that one, or choose "
        f"another port with PORT={port + 1}."
    )
    assert not (folder / "data").exists()


def test_a_foreign_data_folder_is_told_in_one_sentence(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "notes.txt").touch()
    assert refusal(Shop(folder / "data")) == (
        f"CommandError: {folder / 'data'} holds files that are not Huitou's: choose an empty or "
        "a new folder with HUITOU_DATA=."
    )


def test_a_strange_port_is_told_in_one_sentence(folder: Path) -> None:
    shop = Shop(folder / "data")
    shop.env["PORT"] = "eighty"
    assert refusal(shop) == (
        "CommandError: PORT=eighty is no port: choose a number from 1024 to 65535."
    )


def test_a_production_without_its_names_is_told(folder: Path, live_db: LiveDatabase) -> None:
    said = refusal(
        Shop(
            folder / "data",
            HUITOU_ENV="production",
            DATABASE_URL=live_db.url,
            REDIS_URL=os.environ["REDIS_URL"],
        )
    )
    assert said == (
        "CommandError: ALLOWED_HOSTS does not name the site. Set ALLOWED_HOSTS to its host names, "
        "separated by commas: card.example.com"
    )
