"""Staff's sessions: read from Valkey without a database statement, kept in the database as well.

So the counter goes on while Valkey is away, and its return finds everybody logged in.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core.cache.backends.base import BaseCache
from redis import RedisError

if TYPE_CHECKING:
    from django.contrib.sessions.models import Session


class SessionStore(CachedStore):
    """Django's, with an answer for a cache that is away."""

    cache_key_prefix = "session:"
    _cache: BaseCache

    def load(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] | None = self._cache.get(self.cache_key)
        except RedisError:
            found = None
        if found is not None:
            return found
        row: Session | None = self._get_session_from_db()  # type: ignore[attr-defined]
        if row is None:
            return {}
        data: dict[str, Any] = self.decode(row.session_data)
        self._keep(data, self.get_expiry_age(expiry=row.expire_date))
        return data

    def exists(self, session_key: str) -> bool:
        return DatabaseStore.exists(self, session_key)

    def save(self, must_create: bool = False) -> None:
        """What cannot be written to the cache moves to a new key: under the old one the cache
        may come back with what it was before."""
        if self.session_key is None:
            self.create()
            return
        DatabaseStore.save(self, must_create)
        data: dict[str, Any] = self._session  # type: ignore[attr-defined]
        if not self._keep(data, self.get_expiry_age()) and not must_create:
            DatabaseStore.delete(self)
            self.create()

    def delete(self, session_key: str | None = None) -> None:
        DatabaseStore.delete(self, session_key)
        key = session_key or self.session_key
        # Away, the copy in the cache ends with its hours; the browser's cookie is gone.
        with suppress(RedisError):
            self._cache.delete(f"{self.cache_key_prefix}{key}")

    def _keep(self, data: dict[str, Any], seconds: int) -> bool:
        try:
            self._cache.set(self.cache_key, data, seconds)
        except RedisError:
            return False
        return True
