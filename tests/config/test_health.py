"""`/healthz` tells the four parts apart, at once."""

import json
import time
from typing import Any

import pytest
import redis
from django.conf import settings as site
from django.db import connection
from django.test import Client
from pytest_django import Settings

from config import health
from config.embedded.valkey import free_port

pytestmark = pytest.mark.django_db


def answer(client: Client) -> tuple[int, dict[str, str]]:
    response = client.get("/healthz")
    return response.status_code, json.loads(response.content)


def test_all_parts_at_work(client: Client) -> None:
    health.report_alive("worker")
    health.report_alive("beat")
    assert answer(client) == (
        200,
        {"status": "ok", "database": "ok", "cache": "ok", "worker": "ok", "beat": "ok"},
    )


def test_a_worker_that_never_came(client: Client) -> None:
    health.forget_reports()
    health.report_alive("beat")
    status, found = answer(client)
    assert status == 503
    assert found["status"] == "unwell"
    assert found["worker"] == "down: never heard from"
    assert found["beat"] == "ok"


def test_a_beat_that_fell_silent(client: Client) -> None:
    health.report_alive("worker")
    with redis.Redis.from_url(site.REDIS_URL) as valkey:
        valkey.set("huitou:alive:beat", repr(time.time() - 31))
    status, found = answer(client)
    assert status == 503
    assert found["beat"] == "down: silent for 31 s"
    assert found["worker"] == "ok"


def test_a_lost_valkey_is_told_within_a_second(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    before = time.monotonic()
    status, found = answer(client)
    assert time.monotonic() - before < 1
    assert status == 503
    assert found == {
        "status": "unwell",
        "database": "ok",
        "cache": "down: ConnectionError",
        "worker": "unknown: cache is down",
        "beat": "unknown: cache is down",
    }


def test_a_report_that_does_not_get_through_stops_nobody(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    health.report_alive("worker")


def test_a_lost_database_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    health.report_alive("worker")
    health.report_alive("beat")
    params: dict[str, Any] = {**connection.get_connection_params(), "host": "/nowhere"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: params)
    status, found = answer(client)
    assert status == 503
    assert found["database"] == "down: OperationalError"
    assert found["cache"] == found["worker"] == found["beat"] == "ok"


def test_only_read(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert client.get("/healthz")["Cache-Control"] == "no-store"
