"""A Valkey that hangs: a real one, stopped by a signal, which takes questions and is silent."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from config.embedded import ValkeyServer
from config.embedded.process import wait_until
from config.embedded.valkey import NOT_DURABLE
from members import store


@pytest.fixture
def valkey(tmp_path: Path, settings: Any) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey", settings=NOT_DURABLE)
    server.start()
    settings.REDIS_URL = server.url()
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url()}}
    yield server
    assert server.process is not None
    server.process.send_signal(signal.SIGCONT)
    server.stop()
    store._slow_until = 0.0


def test_a_server_that_hangs_is_waited_for_once(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAUSE_S", 60.0)
    cache.set("known", 1)
    assert not store.is_away()
    assert valkey.process is not None
    valkey.process.send_signal(signal.SIGSTOP)
    assert store.is_away()  # after its half second
    asked = time.monotonic()
    for _question in range(20):
        assert store.is_away()
        with pytest.raises(store.StoreError):
            cache.get("known")
    assert time.monotonic() - asked < 0.5

    valkey.process.send_signal(signal.SIGCONT)
    store._slow_until = 0.0  # the pause is over
    assert wait_until(lambda: not store.is_away(), 10)
    assert cache.get("known") == 1
