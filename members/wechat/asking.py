"""One question to WeChat's servers: a few seconds at most, and one answer or one refusal.

While it is asked a thread of the web server waits, and the counter needs threads: a process asks
two at a time, and after one that was not answered nobody waits for half a minute.

WeChat wants secrets and tokens in the address. So no address, no answer and no error of the HTTP
library goes into a log or further up; a log line has the name of the call and WeChat's number.
"""

from __future__ import annotations

import json
import threading
import time
from functools import lru_cache
from typing import Any

import httpx
import structlog
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal

TIMEOUT = httpx.Timeout(4, connect=2)  # seconds; somebody looks at a white page
AT_A_TIME = 2  # of a process's four threads
TURN_S = 0.5  # waited for one's turn
PAUSE_S = 30.0
SPENT = frozenset({40029, 40163, 41008})  # wrong or old, used, missing
BLOCKED = frozenset({40226})
OK = 0

log = structlog.get_logger(__name__)

Answer = dict[str, Any]
_turns = threading.BoundedSemaphore(AT_A_TIME)
_slow_until = 0.0


@lru_cache(maxsize=1)
def _http() -> httpx.Client:
    # A connection kept open is closed by the other side at some time, and a code that was sent on
    # it cannot be sent again: each question has its own.
    return httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0))


def ask(
    method: str, path: str, *, query: dict[str, str] | None = None, body: Answer | None = None
) -> Answer:
    """What WeChat answers, an ``errcode`` included. Refuses ``wechat_away``."""
    if time.monotonic() < _slow_until or not _turns.acquire(timeout=TURN_S):
        raise away()
    try:
        return _ask(method, path, query, body)
    finally:
        _turns.release()


def _ask(method: str, path: str, query: dict[str, str] | None, body: Answer | None) -> Answer:
    global _slow_until
    address = settings.WECHAT_API_URL.rstrip("/") + path
    try:
        answer = _http().request(method, address, params=query, json=body)
        said = json.loads(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        if isinstance(error, httpx.TimeoutException):
            _slow_until = time.monotonic() + PAUSE_S
        log.warning("wechat_away", call=path, why=type(error).__name__)
        raise away() from None
    if answer.status_code != httpx.codes.OK or not isinstance(said, dict):
        log.warning("wechat_away", call=path, why=f"status {answer.status_code}")
        raise away()
    return said


def errcode(said: Answer) -> int:
    """WeChat's own number for what went wrong; 0 for nothing."""
    code = said.get("errcode", OK)
    return code if type(code) is int else -1


def accepted(said: Answer, *, call: str) -> Answer:
    """The answer, if it is one. Refuses ``wechat_code_spent``, ``wechat_blocked``,
    ``wechat_away``."""
    code = errcode(said)
    if code == OK:
        return said
    if code in SPENT:
        raise spent()
    log.warning("wechat_refused", call=call, errcode=code)
    if code in BLOCKED:
        raise blocked()
    raise away()


def unreadable(*, call: str) -> Refusal:
    """An answer without an error that is not what it should be."""
    log.warning("wechat_away", call=call, why="unreadable")
    return away()


def away() -> Refusal:
    return Refusal(
        "wechat_away",
        _("WeChat does not answer right now. Enter your phone number instead."),
        status=503,
    )


def spent() -> Refusal:
    return Refusal(
        "wechat_code_spent",
        _("This was used already or is too old. Try again, or enter your phone number instead."),
        status=409,
    )


def blocked() -> Refusal:
    return Refusal(
        "wechat_blocked",
        _("WeChat does not let this account in. Enter your phone number instead."),
        status=403,
    )
