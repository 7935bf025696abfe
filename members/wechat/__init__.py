"""WeChat, where a shop has set it up: an official account (服务号) and a mini-program.

Only transport: what is asked of WeChat's servers, and what they said, as a ``Subject``, a phone or
a ``Refusal``. Each of the two is on by itself, by its app id and secret in the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings


@dataclass(frozen=True, slots=True)
class App:
    """An official account or a mini-program of the shop's."""

    app_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who somebody is to one app (``openid``), and to all apps of its owner if WeChat told it."""

    app_id: str
    openid: str
    union_id: str = ""


def official_account() -> App | None:
    """The account whose menu and messages open the card; None where it is not set up."""
    return _app(settings.WECHAT_APPID, settings.WECHAT_SECRET)


def mini_program() -> App | None:
    """The shop's mini-program; None where it is not set up."""
    return _app(settings.WECHAT_MINI_APPID, settings.WECHAT_MINI_SECRET)


def is_set_up() -> bool:
    """Whether a WeChat account can open a card here at all."""
    return official_account() is not None or mini_program() is not None


def _app(app_id: str, secret: str) -> App | None:
    return App(app_id, secret) if app_id and secret else None
