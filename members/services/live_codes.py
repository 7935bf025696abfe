"""The dynamic member code: 2-digit prefix, 15 random digits, a check digit; good for 60 s, once.

Kept in Valkey under an HMAC, so that a dump of it opens no card. Claimed by one atomic step:
of a hundred scans of one code at the same moment one gets the member, the others are told when
it was used. A claimed code is used up even if the sale then fails.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from members import clock, codes, store
from members.errors import Refusal
from members.text import plain_digits

LENGTH = 18
PREFIX = "66"  # none of 10–15, 25–30, 62: those are payment codes
RENEW_S = 30
TTL_S = 60
USED_TTL_S = 12 * 3600
AT_COUNTER = "at-counter:"  # whose code was just read: their card looks for news more often
AT_COUNTER_S = 5 * 60

# Whoever finds the member id in time takes it away; later ones find when and where it went.
# The age is told by our clock, not by the key's expiry, which only keeps the store small.
CLAIM = """
local found = redis.call('GET', KEYS[1])
if not found then return false end
local member, issued = string.match(found, '^m:(%d+):(%d+)$')
if member then
    if tonumber(ARGV[3]) - tonumber(issued) > tonumber(ARGV[4]) then return false end
    redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
    redis.call('SET', ARGV[5] .. member, ARGV[3], 'EX', ARGV[6])
end
return found
"""


@dataclass(frozen=True, slots=True)
class LiveCode:
    """A code to show, and for how many seconds the page should show it before renewing."""

    digits: str
    renew_s: int = RENEW_S

    @property
    def grouped(self) -> str:
        """For reading aloud: groups of four."""
        return " ".join(self.digits[i : i + 4] for i in range(0, LENGTH, 4))


def _key(digits: str) -> str:
    return "code:" + salted_hmac("members.live_codes", digits, algorithm="sha256").hexdigest()


def _away() -> Refusal:
    return Refusal(
        "codes_away",
        _(
            "Member codes are not available right now. Find the member by phone; stored value and"
            " points can be used again in a moment."
        ),
        status=503,
    )


def is_member_code(text: str) -> bool:
    """Whether this has the form of one of our dynamic codes, check digit included."""
    digits = plain_digits(text)
    return (
        len(digits) == LENGTH
        and digits.isascii()
        and digits.isdigit()
        and digits.startswith(PREFIX)
        and codes.is_checked(digits)
    )


def issue(*, member_id: int, at: dt.datetime) -> LiveCode:
    """A fresh code for a member, accepted for ``TTL_S`` seconds from ``at``.

    Refuses ``codes_away`` when Valkey is not there.
    """
    body = f"{PREFIX}{secrets.randbelow(10**15):015d}"
    digits = body + codes.check_digit(body)
    try:
        store.client().set(_key(digits), f"m:{member_id}:{int(at.timestamp())}", ex=2 * TTL_S)
    except store.StoreError as error:
        raise _away() from error
    return LiveCode(digits)


def claim(*, code: str, place: str, at: dt.datetime) -> int:
    """Take a scanned code: the member's id, once. ``place`` is said to whoever comes second.

    Refuses ``code_mistyped``, ``code_expired``, ``code_used`` and ``codes_away``.
    """
    digits = plain_digits(code)
    if not is_member_code(digits):
        raise Refusal(
            "code_mistyped",
            _("This is not a whole member code. Scan it again."),
            field="code",
        )
    now_s = str(int(at.timestamp()))
    used = f"u:{now_s}:{place}"
    arguments = (used, str(USED_TTL_S), now_s, str(TTL_S), AT_COUNTER, str(AT_COUNTER_S))
    try:
        found = store.client().eval(CLAIM, 1, _key(digits), *arguments)
    except store.StoreError as error:
        raise _away() from error
    if not found:
        raise Refusal(
            "code_expired",
            _("This code has expired. Ask the member to refresh the card, then scan again."),
            field="code",
        )
    mark, _sep, rest = str(found).partition(":")
    if mark == "m":
        return int(rest.partition(":")[0])
    seconds, _sep, where = rest.partition(":")
    raise Refusal(
        "code_used",
        _("This code was already used at %(time)s (%(place)s). Ask the member to refresh the card.")
        % {
            "time": dt.datetime.fromtimestamp(int(seconds), tz=clock.shop_zone()).strftime("%H:%M"),
            "place": where,
        },
        status=409,
        field="code",
        details={"used_at": int(seconds), "place": where},
    )


def is_at_counter(*, member_id: int) -> bool:
    """Whether a code of theirs was read a moment ago; False while Valkey is away."""
    try:
        return bool(store.client().exists(f"{AT_COUNTER}{member_id}"))
    except store.StoreError:
        return False
