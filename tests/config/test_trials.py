"""`make empty` and `make demo-reset` as a person runs them: processes, their words, the rows."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import CommandError, call_command
from pytest_django import Settings

from config.datafolder import DataFolder
from config.embedded.process import wait_until
from tests.config.test_up import BASE, Shop, folder, refusal

__all__ = ["folder"]

HASHER = PBKDF2PasswordHasher()


def opened(shop: Shop, *choices: str) -> str:
    """The shop's database, once it answers."""
    shop.open(*choices)
    assert shop.process is not None
    process = shop.process
    assert wait_until(
        lambda: "Huitou is open at" in shop.said() or process.poll() is not None, 120
    ), shop.said()
    assert process.poll() is None, shop.said()
    return str(json.loads((shop.data / "servers.json").read_text())["database_url"])


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def demo_reset(shop: Shop, answer: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo_reset"],
        cwd=BASE,
        env=shop.env,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def printed_logins(shop: Shop) -> str:
    return shop.said().partition("login")[2].partition("\n\n")[0]


@pytest.mark.long
def test_the_demo_shop_comes_back_as_it_was(folder: Path) -> None:
    shop = Shop(folder / "data")
    url = opened(shop)
    try:
        logins = printed_logins(shop)
        first = rows(url, "SELECT code, name FROM members_shop ORDER BY code")
        rows(url, "UPDATE members_shop SET name = '我的店'")
        code, said = demo_reset(shop, "yes\n")
        assert (code, "Huitou already runs on" in said) == (1, True)
        assert rows(url, "SELECT DISTINCT name FROM members_shop") == [("我的店",)]
    finally:
        assert shop.close() == 0

    code, said = demo_reset(shop, "no\n")
    assert (code, said.endswith("CommandError: Nothing was deleted.")) == (1, True)
    assert (shop.data / "postgres").exists()
    (shop.data / "media" / "logo.png").touch()
    code, said = demo_reset(shop, "yes\n")
    assert code == 0, said
    assert said.endswith("The demo shop is as it was at first; its logins are the same.")
    assert refusal(shop, "--empty") == (
        f"CommandError: {shop.data} holds the demo shop: choose another folder with "
        f"HUITOU_DATA={shop.data}-empty, or delete this one first with make reset."
    )

    url = opened(shop)
    try:
        assert printed_logins(shop) == logins
        assert rows(url, "SELECT code, name FROM members_shop ORDER BY code") == first
        assert len(first) == 3
        assert not (shop.data / "media" / "logo.png").exists()
    finally:
        assert shop.close() == 0


@pytest.mark.long
def test_an_empty_shop_has_one_login_and_stays_empty(folder: Path) -> None:
    shop = Shop(folder / "data", DEMO_MEMBERS="20")
    url = opened(shop, "--empty")
    try:
        password = json.loads((shop.data / "first_login.json").read_text())["owner"]
        assert f"The first login:\n  owner     {password}\n" in shop.said()
        ((login, role, kept),) = rows(url, "SELECT username, role, password FROM members_staff")
        assert (login, role, HASHER.verify(password, str(kept))) == ("owner", "owner", True)
        for table in ("members_shop", "members_member", "loyalty_tier", "loyalty_product"):
            assert rows(url, f"SELECT count(*) FROM {table}") == [(0,)]
        own = HASHER.encode("a-pass-word-of-my-own", "salt")
        rows(url, f"UPDATE members_staff SET password = '{own}'")
    finally:
        assert shop.close() == 0

    assert demo_reset(shop, "yes\n") == (
        1,
        f"CommandError: {shop.data} does not hold the demo shop, so nothing was deleted. "
        "Name the demo's folder with HUITOU_DATA=, or start over with make reset.",
    )
    url = opened(shop)  # as `make run` does: what it was, it stays
    try:
        assert "login:" not in shop.said()
        assert password not in shop.said()
        assert rows(url, "SELECT username, password FROM members_staff") == [("owner", own)]
        assert rows(url, "SELECT count(*) FROM members_shop") == [(0,)]
    finally:
        assert shop.close() == 0


@pytest.fixture
def demo(tmp_path: Path, settings: Settings) -> DataFolder:
    settings.DATA_DIR = tmp_path / "data"
    made = DataFolder(settings.DATA_DIR)
    made.open()
    made.close()
    made.demo_passwords()
    (made.path / "valkey").mkdir()
    return made


def test_production_is_no_demo(demo: DataFolder, settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="this is production"):
        call_command("demo_reset", yes=True)
    settings.HUITOU_ENV = "production"
    with pytest.raises(CommandError, match="which starts empty"):
        call_command("up", empty=True)
    assert (demo.path / "valkey").exists()


def test_a_server_of_ones_own_is_not_emptied(
    demo: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///elsewhere")
    with pytest.raises(CommandError, match="DATABASE_URL names a server of your own"):
        call_command("demo_reset", yes=True)
    assert (demo.path / "valkey").exists()


def test_without_a_shop_there_is_nothing_to_reset(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "none"
    with pytest.raises(CommandError, match="There is no demo shop in"):
        call_command("demo_reset", yes=True)
    assert not (tmp_path / "none").exists()


def test_nobody_at_the_keyboard_means_no(demo: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_question: str) -> str:
        raise EOFError

    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(builtins, "input", nobody)
    for command in ("demo_reset", "reset"):
        with pytest.raises(CommandError, match="Nothing was deleted"):
            call_command(command)
    assert (demo.path / "valkey").exists()
