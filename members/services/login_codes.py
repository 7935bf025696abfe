"""The six digits that prove a phone: texted, good for five minutes, five wrong tries at most.

Kept in Valkey as an HMAC with its tries beside it; compared and counted by one atomic step, so
that parallel guesses all count.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from members import store
from members.channels import text_sender
from members.errors import Refusal
from members.services import rates
from members.text import plain_digits

LENGTH = 6
TTL_S = 300
TRIES = 5
AGAIN_S = 60  # another text for the same phone not before
GRACE_S = 10  # a right code stays right for a double tap, and for a second phone in the hand
HOUR = dt.timedelta(hours=1)
TEXTS_A_PHONE = 6  # an hour
TEXTS_AN_ADDRESS = 60  # an hour: a shop's guests share one address
TRIES_AN_ADDRESS = 200  # an hour

# Counted before it is compared. The age is told by our clock; the key's expiry keeps it small.
CHECK = """
local sent = tonumber(redis.call('HGET', KEYS[1], 'sent'))
local now = tonumber(ARGV[2])
if not sent or now - sent > tonumber(ARGV[3]) then return -2 end
local right = tonumber(redis.call('HGET', KEYS[1], 'right'))
if right and now - right > tonumber(ARGV[5]) then return -2 end
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
if tries > tonumber(ARGV[4]) then return -1 end
if redis.call('HGET', KEYS[1], 'code') == ARGV[1] then
    redis.call('HINCRBY', KEYS[1], 'tries', -1)
    if not right then redis.call('HSET', KEYS[1], 'right', ARGV[2]) end
    return 100
end
return tonumber(ARGV[4]) - tries
"""
RIGHT, LOCKED, GONE = 100, -1, -2


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is on its way. ``again_s``: seconds until another may be asked for."""

    again_s: int
    is_new: bool


def send(*, phone: str, address: str, at: dt.datetime) -> Sent:
    """Text a code to a phone (E.164). One sent within the last minute is not sent again.

    ``address`` is where the request came from. Refuses ``too_many_codes``, ``codes_away`` and
    what the sender refuses.
    """
    now_s = int(at.timestamp())
    try:
        sent = store.client().hget(_key(phone), "sent")
        if sent is not None and now_s - int(sent) < AGAIN_S:
            return Sent(AGAIN_S - (now_s - int(sent)), is_new=False)
        # The address first: one that asks for everybody's codes uses up nobody's own.
        if (
            rates.count(name="text-from", who=address, window=HOUR, at=at) > TEXTS_AN_ADDRESS
            or rates.count(name="text", who=phone, window=HOUR, at=at) > TEXTS_A_PHONE
        ):
            raise _too_many()
        code = f"{secrets.randbelow(10**LENGTH):0{LENGTH}d}"
        text_sender().send_code(phone=phone, code=code)
        pipeline = store.client().pipeline()
        pipeline.delete(_key(phone))
        pipeline.hset(_key(phone), mapping={"code": _mark(phone, code), "sent": now_s})
        pipeline.expire(_key(phone), 2 * TTL_S)
        pipeline.execute()
    except store.StoreError as error:
        raise away() from error
    return Sent(AGAIN_S, is_new=True)


def wait_s(*, phone: str, at: dt.datetime) -> int:
    """Seconds until another code may be asked for; 0 when it may be now."""
    try:
        sent = store.client().hget(_key(phone), "sent")
    except store.StoreError:
        return 0
    return max(AGAIN_S - (int(at.timestamp()) - int(sent)), 0) if sent is not None else 0


def check(*, phone: str, code: str, address: str, at: dt.datetime) -> None:
    """Return when this is the code that was texted to this phone.

    Refuses ``login_code_wrong`` (``details.left`` tries), ``login_code_locked`` after
    ``TRIES`` wrong ones, ``login_code_expired``, ``too_many_tries`` and ``codes_away``.
    """
    digits = plain_digits(code)
    if not (len(digits) == LENGTH and digits.isascii() and digits.isdigit()):
        raise Refusal(
            "login_code_unreadable", _("Enter the 6 digits of the text message."), field="code"
        )
    arguments = (_mark(phone, digits), int(at.timestamp()), TTL_S, TRIES, GRACE_S)
    try:
        tried = rates.count(name="code-from", who=address, window=HOUR, at=at)
        if tried > TRIES_AN_ADDRESS:
            raise _too_many()
        left = int(store.client().eval(CHECK, 1, _key(phone), *map(str, arguments)))
    except store.StoreError as error:
        raise away() from error
    if left != RIGHT:
        raise _wrong(left)


def _wrong(left: int) -> Refusal:
    if left == GONE:
        return Refusal(
            "login_code_expired",
            _("This code is no longer good. Ask for a new one."),
            field="code",
        )
    if left in (LOCKED, 0):
        return Refusal(
            "login_code_locked",
            _("Five wrong codes: this one is locked now. Ask for a new one."),
            status=429,
            field="code",
        )
    return Refusal(
        "login_code_wrong",
        _("This code is wrong. Look at the text message again; tries left: %(left)s.")
        % {"left": left},
        status=403,
        field="code",
        details={"left": left},
    )


def _too_many() -> Refusal:
    return Refusal(
        "too_many_codes",
        _("Too many codes were asked for. Wait an hour, or ask at the counter."),
        status=429,
    )


def away() -> Refusal:
    """Valkey is not there; nothing that is good for a moment can be made or checked."""
    return Refusal(
        "codes_away",
        _("Codes are not available right now. Try again in a moment, or ask at the counter."),
        status=503,
    )


def _key(phone: str) -> str:
    return "login:" + salted_hmac("members.login_codes.phone", phone).hexdigest()


def _mark(phone: str, code: str) -> str:
    return salted_hmac("members.login_codes", f"{phone}:{code}", algorithm="sha256").hexdigest()
