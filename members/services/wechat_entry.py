"""Into the card by WeChat: a page inside it asks who looks on, a mini-program says it itself.

A sign-in under way is one state: bound to its browser by the caller, taken once, five minutes old
at most. What WeChat says is worth as much as the phone that was proved from that account.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from members import store
from members.errors import Refusal
from members.services import one_time, rates
from members.wechat import App, Subject, asking, calls

STATE = "wechat-state"
STATE_S = 300
STATE_SPENT = "wechat_state_spent"
HOUR = dt.timedelta(hours=1)
TRIES_AN_ADDRESS = 200  # an hour: a shop's guests share one address
LONGEST_CODE = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """A sign-in under way. ``url``: where to send the browser; ``state`` comes back with it."""

    state: str
    url: str


def ask(*, app: App, redirect_uri: str, address: str, at: dt.datetime) -> Asked:
    """Begin a silent sign-in. Refuses ``too_many_tries``, ``wechat_away``."""
    try:
        _count("wechat-asked", address, at)
        state = one_time.keep(kind=STATE, content={}, ttl_s=STATE_S, at=at)
    except store.StoreError as error:
        raise asking.away() from error
    return Asked(state, calls.authorise_url(app, redirect_uri=redirect_uri, state=state))


def come_back(*, app: App, state: str, code: str, address: str, at: dt.datetime) -> Subject:
    """Who comes back from a silent sign-in. The caller has seen that it is the same browser.

    Refuses ``wechat_state_spent``, ``too_many_tries`` and what WeChat refuses.
    """
    try:
        if one_time.take(kind=STATE, token=state, ttl_s=STATE_S, at=at) is None:
            raise Refusal(STATE_SPENT, asking.spent().message, status=409)
        _count("wechat-from", address, at)
    except store.StoreError as error:
        raise asking.away() from error
    return calls.web_subject(app, code=_readable(code))


def of_mini_program(*, app: App, login_code: str, address: str, at: dt.datetime) -> Subject:
    """Whose ``wx.login`` this is. Refuses ``too_many_tries`` and what WeChat refuses."""
    try:
        _count("wechat-from", address, at)
    except store.StoreError as error:
        raise asking.away() from error
    return calls.mini_subject(app, code=_readable(login_code))


def authorised_phone(*, app: App, phone_code: str) -> str:
    """The phone (E.164) that the holder authorised. Refuses as WeChat does."""
    return calls.phone(app, code=_readable(phone_code))


def unknown() -> Refusal:
    """No card is opened by this account yet: how to have one."""
    return Refusal(
        "wechat_unknown",
        _("Your WeChat opens no card here yet. Agree to the terms and share your phone number."),
        status=404,
    )


def _count(name: str, address: str, at: dt.datetime) -> None:
    if rates.count(name=name, who=address, window=HOUR, at=at) > TRIES_AN_ADDRESS:
        raise Refusal(
            "too_many_tries",
            _("Too many tries. Wait an hour, or ask at the counter."),
            status=429,
        )


def _readable(code: str) -> str:
    if not 0 < len(code) <= LONGEST_CODE:
        raise asking.spent()
    return code
