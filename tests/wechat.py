"""A stand-in for WeChat's servers on loopback: keeps their rules, and breaks down when told to."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pytest_django import Settings

from members.wechat import App, asking

OFFICIAL = App("wx00000000000000aa", "secret-of-the-account")
MINI = App("wx00000000000000bb", "secret-of-the-program")
OFFICIAL_ID, MINI_ID = "oWeb-0001", "oMini-0001"
INSIDE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0.50 NetType/4G Language/zh_CN"
)
WEB_VIEW = f"{INSIDE} miniProgram/{MINI.app_id}"

Said = dict[str, Any]
WEB_LOGIN = "/sns/oauth2/access_token"
MINI_LOGIN = "/sns/jscode2session"
TOKEN = "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber"
AUTHORISE = "/connect/oauth2/authorize"


@dataclass
class FakeWechat:
    """Codes are good once and for one app; tokens until ``expire``. ``faults``: path → what goes
    wrong with the next questions there: a dict (said instead), "drop", "hang", "garbage", "list"
    or a status."""

    address: str = ""
    secrets: dict[str, str] = field(
        default_factory=lambda: {app.app_id: app.secret for app in (OFFICIAL, MINI)}
    )
    people: dict[str, tuple[str, Said]] = field(default_factory=dict)
    phones: dict[str, tuple[str, Said]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    token: int = 0
    lives_s: int = 7200
    who: tuple[str, str] = (OFFICIAL.app_id, OFFICIAL_ID)  # looks at the authorise page
    faults: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def person(self, code: str, openid: str, app: App, **more: Any) -> str:
        """A code from ``wx.login`` or from the authorise page."""
        self.people[code] = (app.app_id, {"openid": openid, **more})
        return code

    def phone(self, code: str, number: str, *, app_id: str = MINI.app_id, country: Any = 86) -> str:
        """A code from the button that authorises the phone."""
        self.phones[code] = (
            MINI.app_id,
            {
                "phoneNumber": f"+{country}{number}",
                "purePhoneNumber": number,
                "countryCode": country,
                "watermark": {"timestamp": 1779242400, "appid": app_id},
            },
        )
        return code

    def expire(self) -> None:
        """The token in use ends before its time."""
        self.token += 1

    def answer(self, path: str, query: dict[str, str], body: Said) -> Said:
        if path == TOKEN:
            if self.secrets.get(str(body.get("appid"))) != body.get("secret"):
                return {"errcode": 40125, "errmsg": "invalid appsecret"}
            return {"access_token": f"token-{self.token}", "expires_in": self.lives_s}
        if path == PHONE:
            if query.get("access_token") != f"token-{self.token}":
                return {"errcode": 42001, "errmsg": "access_token expired"}
            said = self._spend(str(body.get("code")), MINI.app_id, self.phones)
            return said if "errcode" in said else {"errcode": 0, "phone_info": said}
        if self.secrets.get(query.get("appid", "")) != query.get("secret"):
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        code = query.get("code" if path == WEB_LOGIN else "js_code", "")
        return self._spend(code, query["appid"], self.people)

    def _spend(self, code: str, app_id: str, known: dict[str, tuple[str, Said]]) -> Said:
        with self.lock:
            if known.get(code, ("",))[0] != app_id:
                return {"errcode": 40029, "errmsg": "invalid code"}
            if code in self.used:
                return {"errcode": 40163, "errmsg": "code been used"}
            self.used.add(code)
        return known[code][1]


class _Handler(BaseHTTPRequestHandler):
    wechat: FakeWechat

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        self.wechat.asked.append(parts.path)
        fault = self.wechat.faults[parts.path]
        if parts.path == AUTHORISE:
            self._authorise(query)
        elif fault:
            self._break(fault.popleft())
        else:
            self._say(json.dumps(self.wechat.answer(parts.path, query, body)))

    do_POST = do_GET

    def _authorise(self, query: dict[str, str]) -> None:
        """Where the browser is sent: at once back again, with a code."""
        app_id, openid = self.wechat.who
        assert (query["appid"], query["scope"]) == (app_id, "snsapi_base")
        code = f"code-{len(self.wechat.asked)}"
        self.wechat.people[code] = (app_id, {"openid": openid})
        joint = "&" if "?" in query["redirect_uri"] else "?"
        self.send_response(302)
        back = f"{query['redirect_uri']}{joint}code={code}&state={query['state']}"
        self.send_header("Location", back)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _break(self, fault: Any) -> None:
        if fault == "hang":
            self.wechat.release.wait(20)
        elif fault == "garbage":
            self._say("<html>502</html>")
        elif isinstance(fault, int):
            self._say("{}", fault)
        elif fault != "drop":
            self._say(json.dumps(fault))
        self.close_connection = True

    def _say(self, text: str, status: int = 200) -> None:
        said = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")  # as WeChat does
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running() -> Iterator[FakeWechat]:
    fake = FakeWechat()
    handler = type("Handler", (_Handler,), {"wechat": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def wechat(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWechat]:
    """WeChat, with an account and a mini-program of the shop's."""
    monkeypatch.setattr(asking, "_slow_until", 0.0)
    settings.WECHAT_APPID, settings.WECHAT_SECRET = OFFICIAL.app_id, OFFICIAL.secret
    settings.WECHAT_MINI_APPID, settings.WECHAT_MINI_SECRET = MINI.app_id, MINI.secret
    with running() as fake:
        settings.WECHAT_API_URL = settings.WECHAT_OPEN_URL = fake.address
        yield fake


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody waits seconds for a server that hangs."""
    with httpx.Client(timeout=0.2) as client:
        monkeypatch.setattr(asking, "_http", lambda: client)
        yield
