"""Reading of the environment: addresses, secrets in files, addresses of a running shop."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import database, running_servers, secret_key

PLAIN: dict[str, Any] = {"pool": 0, "lock_timeout_ms": 5000}


def test_a_network_address() -> None:
    found = database("postgresql://me:p%40ss@db.example:5433/shop?sslmode=require", **PLAIN)
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", "5433", "shop")
    assert (found["USER"], found["PASSWORD"]) == ("me", "p@ss")
    assert found["OPTIONS"] == {
        "options": "-c lock_timeout=5000 -c plan_cache_mode=force_generic_plan",
        "prepare_threshold": 0,
        "sslmode": "require",
    }
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (0, True)


def test_a_socket_and_a_pool() -> None:
    found = database("postgresql://postgres@/huitou?host=/tmp/x", pool=6, lock_timeout_ms=5000)
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("/tmp/x", "", "huitou")
    assert found["OPTIONS"]["pool"] == {"min_size": 1, "max_size": 6, "timeout": 3}


def test_a_pooler_may_forbid_prepared_statements() -> None:
    found = database("postgresql:///huitou", pool=0, lock_timeout_ms=5000, prepared=False)
    assert found["OPTIONS"] == {"options": "-c lock_timeout=5000"}


def test_no_address_is_told() -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is no PostgreSQL address"):
        database("mysql://root@localhost/shop", **PLAIN)


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    (tmp_path / "given").write_text("from a file of the orchestrator")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "given"))
    assert secret_key(tmp_path) == ("from a file of the orchestrator", True)
    monkeypatch.delenv("SECRET_KEY_FILE")
    (tmp_path / "secret_key").write_text("made at the first start\n")
    assert secret_key(tmp_path) == ("made at the first start", True)
    (tmp_path / "secret_key").unlink()
    (first, kept), (second, _) = secret_key(tmp_path), secret_key(tmp_path)
    assert not kept
    assert first != second


def test_addresses_of_a_running_shop(tmp_path: Path) -> None:
    assert running_servers(tmp_path) == {}
    (tmp_path / "servers.json").write_text("{half")
    assert running_servers(tmp_path) == {}
    (tmp_path / "servers.json").write_text(json.dumps({"redis_url": "redis://x"}))
    assert running_servers(tmp_path) == {"redis_url": "redis://x"}
