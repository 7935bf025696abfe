"""Valkey, for what must be quick, short-lived and claimed by one step: codes and counts of tries.

What is kept here under a secret is kept as its HMAC, so that a dump opens nothing.
"""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings

StoreError = redis.RedisError


@lru_cache(maxsize=1)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=0.5, socket_connect_timeout=0.5, decode_responses=True
    )


def client() -> redis.Redis:
    """The connection; commands raise ``StoreError`` when the server is away."""
    return _client(settings.REDIS_URL)
