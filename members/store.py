"""Valkey, for what must be quick, short-lived and claimed by one step: codes and counts of tries.

What is kept here under a secret is kept as its HMAC, so that a dump opens nothing.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

StoreError = redis.RedisError
PAUSE_S = 5.0
_slow_until = 0.0


class WatchedConnection(redis.Connection):
    """Waits for a server that does not answer once, not with every question: for ``PAUSE_S`` the
    next ones are refused at once. One that is not there at all refuses by itself."""

    def connect(self) -> None:
        self._ask(super().connect)

    def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        self._ask(super().send_packed_command, *args, **kwargs)

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().read_response, *args, **kwargs)

    def _ask(self, step: Any, *args: Any, **kwargs: Any) -> Any:
        global _slow_until
        if time.monotonic() < _slow_until:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.ConnectionError("did not answer a moment ago")
        try:
            return step(*args, **kwargs)
        except redis.TimeoutError:
            _slow_until = time.monotonic() + PAUSE_S
            raise


@lru_cache(maxsize=1)
def _client(url: str) -> redis.Redis:
    # One more try reaches a restarted server; more would hold up every page of a lost one.
    return redis.Redis.from_url(
        url,
        connection_class=WatchedConnection,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )


def client() -> redis.Redis:
    """The connection; commands raise ``StoreError`` when the server is away."""
    return _client(settings.REDIS_URL)


def is_away() -> bool:
    """Whether the server cannot be reached just now; one short question to it."""
    try:
        client().ping()
    except StoreError:
        return True
    return False
