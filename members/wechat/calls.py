"""What is asked of WeChat: who is this, and which phone is theirs."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from django.conf import settings

from members.errors import Refusal
from members.phones import normalise_phone
from members.wechat import App, Subject
from members.wechat.asking import Answer, accepted, ask, blocked, errcode, unreadable
from members.wechat.tokens import access_token, forget

WEB_LOGIN = "/sns/oauth2/access_token"
MINI_LOGIN = "/sns/jscode2session"
PHONE = "/wxa/business/getuserphonenumber"
STALE_TOKEN = frozenset({40001, 40014, 42001})
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")


def authorise_url(app: App, *, redirect_uri: str, state: str) -> str:
    """Where a page inside WeChat asks who looks at it: nothing is shown, the openid is all.

    WeChat checks the order of the parameters and wants the fragment.
    """
    query = {
        "appid": app.app_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": state,
    }
    base = settings.WECHAT_OPEN_URL.rstrip("/")
    return f"{base}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"


def web_subject(app: App, *, code: str) -> Subject:
    """Who came back from ``authorise_url`` with this code; it is good once, for five minutes.

    Refuses ``wechat_code_spent``, ``wechat_blocked``, ``wechat_away``.
    """
    said = _exchange(app, WEB_LOGIN, "code", code)
    if said.get("is_snapshotuser") == 1:
        raise blocked()  # a preview of the page, with an account that is nobody's
    return _subject(app, said, call=WEB_LOGIN)


def mini_subject(app: App, *, code: str) -> Subject:
    """Whose ``wx.login`` this code is from; good once, for five minutes. Refuses as above."""
    return _subject(app, _exchange(app, MINI_LOGIN, "js_code", code), call=MINI_LOGIN)


def phone(app: App, *, code: str) -> str:
    """The phone (E.164) that somebody authorised by one tap in the mini-program.

    Refuses ``wechat_code_spent``, ``wechat_blocked``, ``wechat_away``.
    """
    said = _phone_answer(app, code)
    if errcode(said) in STALE_TOKEN:
        forget(app)
        said = _phone_answer(app, code)
    info = accepted(said, call=PHONE).get("phone_info")
    try:
        if not isinstance(info, dict) or info["watermark"]["appid"] != app.app_id:
            raise unreadable(call=PHONE)
        return normalise_phone(f"+{info['countryCode']}{info['purePhoneNumber']}")
    except (KeyError, TypeError, Refusal):
        raise unreadable(call=PHONE) from None


def _phone_answer(app: App, code: str) -> Answer:
    return ask("POST", PHONE, query={"access_token": access_token(app)}, body={"code": code})


def _exchange(app: App, call: str, name: str, code: str) -> Answer:
    query = {
        "appid": app.app_id,
        "secret": app.secret,
        name: code,
        "grant_type": "authorization_code",
    }
    return accepted(ask("GET", call, query=query), call=call)


def _subject(app: App, said: Answer, *, call: str) -> Subject:
    openid, union_id = said.get("openid"), said.get("unionid") or ""
    for text in (openid, union_id or "-"):
        if not (isinstance(text, str) and _ID.fullmatch(text)):
            raise unreadable(call=call)
    return Subject(app.app_id, str(openid), str(union_id))
