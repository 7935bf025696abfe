"""Django's Redis cache, without a new client object for every single operation.

A client is safe to share between threads: connections come from its pool.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis

from members.store import WatchedConnection


class SharedClient(RedisCacheClient):
    @cached_property
    def _shared(self) -> Redis:
        pool = self._get_connection_pool(write=True)  # type: ignore[attr-defined]
        client: Redis = self._client(connection_pool=pool)  # type: ignore[attr-defined]
        return client

    def get_client(self, key: object = None, *, write: bool = False) -> Redis:
        return self._shared


class ValkeyCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"connection_class": WatchedConnection, **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = SharedClient
