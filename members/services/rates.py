"""How often something may be tried: counted in Valkey by fixed windows of our own clock."""

from __future__ import annotations

import datetime as dt

from django.utils.crypto import salted_hmac

from members import store


def count(*, name: str, who: str, window: dt.timedelta, at: dt.datetime) -> int:
    """Count one more try of ``who`` in the window that ``at`` lies in; how many that makes.

    ``who`` (a phone, an address) is kept as its HMAC only. Raises ``store.StoreError``.
    """
    key = _key(name, who, window, at)
    pipeline = store.client().pipeline()
    pipeline.incr(key)
    pipeline.expire(key, 2 * int(window.total_seconds()))
    return int(pipeline.execute()[0])


def forget(*, name: str, who: str, window: dt.timedelta, at: dt.datetime) -> None:
    """Start counting this window anew, after a try that was right."""
    store.client().delete(_key(name, who, window, at))


def _key(name: str, who: str, window: dt.timedelta, at: dt.datetime) -> str:
    number = int(at.timestamp()) // int(window.total_seconds())
    mark = salted_hmac("members.rates", f"{name}:{who}").hexdigest()
    return f"rate:{name}:{mark}:{number}"
