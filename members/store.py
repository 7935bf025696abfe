"""Valkey, for what must be quick, short-lived and claimed by one step: codes and counts of tries.

What is kept here under a secret is kept as its HMAC, so that a dump opens nothing.
"""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

StoreError = redis.RedisError


@lru_cache(maxsize=1)
def _client(url: str) -> redis.Redis:
    # One more try reaches a restarted server; more would hold up every page of a lost one.
    return redis.Redis.from_url(
        url,
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
