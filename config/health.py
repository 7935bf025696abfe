"""What runs and what does not, told apart for `GET /healthz` and `manage.py doctor`.

Worker and beat each write the time into Valkey every few seconds; a part that fell silent for
`SILENT_AFTER` seconds counts as down. Nothing here waits longer than a fraction of a second.
"""

import time
from collections.abc import Callable

import psycopg
import redis
import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

REPORT_EVERY = 5.0  # seconds
SILENT_AFTER = 30.0  # seconds
PARTS = ("database", "cache", "worker", "beat")

log = structlog.get_logger(__name__)


def _valkey() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=0.3,
        socket_timeout=0.3,
        retry=Retry(NoBackoff(), 0),
    )


def _key(part: str) -> str:
    return f"huitou:alive:{part}"


def report_alive(part: str) -> None:
    """Say that `part` is at work. A lost report is no fault of its own: the next one follows."""
    try:
        with _valkey() as client:
            client.set(_key(part), repr(time.time()), ex=int(SILENT_AFTER * 2))
    except redis.RedisError as error:
        log.warning("alive_not_reported", part=part, error=str(error))


def forget_reports() -> None:
    """At a start: what an earlier run reported says nothing about this one."""
    with _valkey() as client:
        client.delete(_key("worker"), _key("beat"))


def _database() -> str:
    # A connection of its own: the pool would wait for one, and this must answer at once.
    params = connection.get_connection_params()
    try:
        with psycopg.connect(**{**params, "connect_timeout": 2}) as own:
            own.execute("SELECT 1")
    except psycopg.Error as error:
        return f"down: {type(error).__name__}"
    return "ok"


def _cache() -> str:
    try:
        with _valkey() as client:
            client.ping()
    except redis.RedisError as error:
        return f"down: {type(error).__name__}"
    return "ok"


def _heard_from(part: str) -> str:
    try:
        with _valkey() as client:
            raw = client.get(_key(part))
    except redis.RedisError:
        return "unknown: cache is down"
    if raw is None:
        return "down: never heard from"
    silence = time.time() - float(raw)
    return "ok" if silence <= SILENT_AFTER else f"down: silent for {silence:.0f} s"


def parts() -> dict[str, str]:
    """State of each part: "ok", or what is wrong."""
    checks: dict[str, Callable[[], str]] = {"database": _database, "cache": _cache}
    found = {name: check() for name, check in checks.items()}
    for name in ("worker", "beat"):
        found[name] = _heard_from(name) if found["cache"] == "ok" else "unknown: cache is down"
    return found


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 when all parts work, else 503; the body names each part."""
    found = parts()
    well = all(state == "ok" for state in found.values())
    response = JsonResponse(
        {"status": "ok" if well else "unwell", **found}, status=200 if well else 503
    )
    response["Cache-Control"] = "no-store"
    # Asked every few seconds: the answer is the message, the log need not repeat it.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
