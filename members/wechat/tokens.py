"""The mini-program's access token: asked for once, kept in Valkey until shortly before its end.

WeChat's *stable* token stays the same however often it is asked for, so many who find none need
no lock, and another program that uses the same mini-program is not disturbed.
"""

from __future__ import annotations

import base64
from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac

from members import store
from members.wechat import App
from members.wechat.asking import accepted, ask, unreadable

PATH = "/cgi-bin/stable_token"
MARGIN_S = 300  # a token about to end is not used any more


def access_token(app: App) -> str:
    """A token for calls in the name of this app. Refuses ``wechat_away``."""
    with suppress(store.StoreError, InvalidToken):
        kept = store.client().get(_key(app))
        if kept:
            return _lock(app).decrypt(str(kept).encode()).decode()
    said = accepted(
        ask(
            "POST",
            PATH,
            body={
                "grant_type": "client_credential",
                "appid": app.app_id,
                "secret": app.secret,
                "force_refresh": False,
            },
        ),
        call=PATH,
    )
    token, life_s = said.get("access_token"), said.get("expires_in")
    if not (isinstance(token, str) and token and type(life_s) is int):
        raise unreadable(call=PATH)
    if life_s > MARGIN_S:
        # Without Valkey it is asked for each time.
        with suppress(store.StoreError):
            locked = _lock(app).encrypt(token.encode()).decode()
            store.client().set(_key(app), locked, ex=life_s - MARGIN_S)
    return token


def forget(app: App) -> None:
    """WeChat no longer takes the one that is kept."""
    with suppress(store.StoreError):
        store.client().delete(_key(app))


def _key(app: App) -> str:
    return f"wechat-token:{app.app_id}"


def _lock(app: App) -> Fernet:
    """It must be read again, so it cannot be kept as an HMAC; a dump opens nothing all the same."""
    digest = salted_hmac("members.wechat.tokens", app.app_id, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(digest))
