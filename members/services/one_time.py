"""What is handed out once and is good for moments: a sign-in under way, a way into the card.

Kept in Valkey under an HMAC, so that a dump of it opens nothing, and taken by one atomic step: of
many who come with the same token one gets it.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from typing import Any

from django.utils.crypto import salted_hmac

from members import store

BYTES = 16


def keep(*, kind: str, content: dict[str, Any], ttl_s: int, at: dt.datetime) -> str:
    """A token (hex digits) for this content. Raises ``store.StoreError``."""
    token = secrets.token_hex(BYTES)
    kept = json.dumps({"at": int(at.timestamp()), "content": content})
    store.client().set(_key(kind, token), kept, ex=2 * ttl_s)
    return token


def take(*, kind: str, token: str, ttl_s: int, at: dt.datetime) -> dict[str, Any] | None:
    """The content, once; None for a token that was used, is too old or never was.

    The age is told by our clock; the key's expiry keeps the store small. Raises
    ``store.StoreError``.
    """
    kept = store.client().getdel(_key(kind, token))
    if not kept:
        return None
    found = json.loads(str(kept))
    content: dict[str, Any] = found["content"]
    return content if int(at.timestamp()) - found["at"] <= ttl_s else None


def _key(kind: str, token: str) -> str:
    mark = salted_hmac("members.one_time", f"{kind}:{token}", algorithm="sha256").hexdigest()
    return f"once:{kind}:{mark}"
