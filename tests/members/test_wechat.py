"""What WeChat's servers say, right and wrong, becomes a subject, a phone or a refusal."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from pytest_django import Settings

from members import wechat as set_up
from members.errors import Refusal
from members.wechat import Subject, asking, calls, tokens
from tests.wechat import (
    MINI,
    MINI_ID,
    MINI_LOGIN,
    OFFICIAL,
    OFFICIAL_ID,
    PHONE,
    TOKEN,
    WEB_LOGIN,
    FakeWechat,
)

UNION = "oUnion-1"


def refused(act: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        act()
    return refusal.value.code


def test_the_authorise_page_gets_its_parameters_in_wechats_order(settings: Settings) -> None:
    settings.WECHAT_OPEN_URL = "https://open.weixin.qq.com"
    url = calls.authorise_url(
        OFFICIAL, redirect_uri="https://card.example.com/m/wechat?c=menu", state="ab12"
    )
    assert url == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx00000000000000aa"
        "&redirect_uri=https%3A%2F%2Fcard.example.com%2Fm%2Fwechat%3Fc%3Dmenu"
        "&response_type=code&scope=snsapi_base&state=ab12#wechat_redirect"
    )
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == [
        "https://card.example.com/m/wechat?c=menu"
    ]


def test_a_code_of_the_account_tells_who_it_is(wechat: FakeWechat) -> None:
    wechat.person("c1", OFFICIAL_ID, OFFICIAL)
    assert calls.web_subject(OFFICIAL, code="c1") == Subject(OFFICIAL.app_id, OFFICIAL_ID)


def test_a_code_of_the_mini_program_may_tell_the_union_id(wechat: FakeWechat) -> None:
    wechat.person("c1", MINI_ID, MINI, unionid=UNION, session_key="k", errcode=0)
    assert calls.mini_subject(MINI, code="c1") == Subject(MINI.app_id, MINI_ID, UNION)


def test_a_code_is_good_once_and_for_its_own_app(wechat: FakeWechat) -> None:
    wechat.person("c1", OFFICIAL_ID, OFFICIAL)
    assert refused(lambda: calls.mini_subject(MINI, code="c1")) == "wechat_code_spent"
    calls.web_subject(OFFICIAL, code="c1")
    assert refused(lambda: calls.web_subject(OFFICIAL, code="c1")) == "wechat_code_spent"
    assert refused(lambda: calls.web_subject(OFFICIAL, code="none")) == "wechat_code_spent"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("drop", "wechat_away"),
        ("garbage", "wechat_away"),
        (500, "wechat_away"),
        (["a list"], "wechat_away"),
        ({}, "wechat_away"),
        ({"openid": ""}, "wechat_away"),
        ({"openid": 7}, "wechat_away"),
        ({"openid": "o 1"}, "wechat_away"),
        ({"openid": "o1", "unionid": ["u"]}, "wechat_away"),
        ({"errcode": "40029"}, "wechat_away"),
        ({"errcode": -1, "errmsg": "system error"}, "wechat_away"),
        ({"errcode": 45011}, "wechat_away"),
        ({"errcode": 40013}, "wechat_away"),
        ({"errcode": 40226}, "wechat_blocked"),
        ({"openid": "o1", "is_snapshotuser": 1}, "wechat_blocked"),
    ],
)
def test_whatever_goes_wrong_is_a_refusal(wechat: FakeWechat, fault: Any, code: str) -> None:
    wechat.faults[WEB_LOGIN].append(fault)
    wechat.person("c1", OFFICIAL_ID, OFFICIAL)
    assert refused(lambda: calls.web_subject(OFFICIAL, code="c1")) == code
    assert wechat.asked == [WEB_LOGIN]  # a code that was sent once is not sent again


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_is_waited_for_once(
    wechat: FakeWechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    wechat.faults[MINI_LOGIN].append("hang")
    wechat.person("c1", MINI_ID, MINI)
    for _time in range(3):
        assert refused(lambda: calls.mini_subject(MINI, code="c1")) == "wechat_away"
    assert wechat.asked == [MINI_LOGIN]
    monkeypatch.setattr(asking, "_slow_until", 0.0)  # half a minute later
    assert calls.mini_subject(MINI, code="c1").openid == MINI_ID


def test_a_process_asks_two_at_a_time_and_the_till_keeps_its_threads(
    wechat: FakeWechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TURN_S", 0.01)
    wechat.faults[MINI_LOGIN].extend(["hang"] * asking.AT_A_TIME)
    with ThreadPoolExecutor(asking.AT_A_TIME) as pool:
        waiting = [
            pool.submit(refused, lambda: calls.mini_subject(MINI, code="c1"))
            for _one in range(asking.AT_A_TIME)
        ]
        while len(wechat.asked) < asking.AT_A_TIME:
            threading.Event().wait(0.005)
        assert refused(lambda: calls.mini_subject(MINI, code="c2")) == "wechat_away"
        wechat.release.set()
        assert [one.result() for one in waiting] == ["wechat_away"] * asking.AT_A_TIME
    assert len(wechat.asked) == asking.AT_A_TIME
    wechat.person("c3", MINI_ID, MINI)
    assert calls.mini_subject(MINI, code="c3").openid == MINI_ID


def test_a_server_that_is_not_there_is_away(wechat: FakeWechat, settings: Settings) -> None:
    for address in ("http://127.0.0.1:1", "http://[broken"):
        settings.WECHAT_API_URL = address
        assert refused(lambda: calls.mini_subject(MINI, code="c1")) == "wechat_away"


@pytest.mark.parametrize(
    ("number", "country", "phone"),
    [
        ("13800001234", 86, "+8613800001234"),
        ("13800001234", "86", "+8613800001234"),
        ("61234567", "852", "+85261234567"),
    ],
)
def test_one_tap_tells_the_phone(wechat: FakeWechat, number: str, country: Any, phone: str) -> None:
    wechat.phone("p1", number, country=country)
    assert calls.phone(MINI, code="p1") == phone


def test_the_token_is_asked_for_once(wechat: FakeWechat) -> None:
    for code in ("p1", "p2"):
        calls.phone(MINI, code=wechat.phone(code, "13800001234"))
    assert wechat.asked == [TOKEN, PHONE, PHONE]


def test_an_expired_token_is_renewed_once(wechat: FakeWechat) -> None:
    calls.phone(MINI, code=wechat.phone("p1", "13800001234"))
    wechat.expire()
    assert calls.phone(MINI, code=wechat.phone("p2", "13900005678")) == "+8613900005678"
    assert wechat.asked == [TOKEN, PHONE, PHONE, TOKEN, PHONE]


def test_a_token_that_is_refused_twice_is_not_asked_for_for_ever(wechat: FakeWechat) -> None:
    wechat.faults[PHONE].extend([{"errcode": 40001}, {"errcode": 40001}])
    assert refused(lambda: calls.phone(MINI, code="p1")) == "wechat_away"
    assert wechat.asked == [TOKEN, PHONE, TOKEN, PHONE]


def test_a_token_about_to_end_is_not_kept(wechat: FakeWechat) -> None:
    wechat.lives_s = tokens.MARGIN_S
    for code in ("p1", "p2"):
        calls.phone(MINI, code=wechat.phone(code, "13800001234"))
    assert wechat.asked == [TOKEN, PHONE, TOKEN, PHONE]


def test_a_kept_token_ends_before_wechats_own(wechat: FakeWechat, settings: Settings) -> None:
    tokens.access_token(MINI)
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    [key] = client.keys("wechat-token:*")
    assert 6890 < int(client.ttl(key)) <= 7200 - tokens.MARGIN_S
    assert "token-0" not in str(client.get(key))


def test_a_token_of_another_secret_key_is_asked_for_anew(
    wechat: FakeWechat, settings: Settings
) -> None:
    tokens.access_token(MINI)
    settings.SECRET_KEY = "another-" * 8
    assert tokens.access_token(MINI) == "token-0"
    assert wechat.asked == [TOKEN, TOKEN]


def test_without_valkey_the_token_is_asked_for_each_time(
    wechat: FakeWechat, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [tokens.access_token(MINI) for _time in range(2)] == ["token-0", "token-0"]
    settings.REDIS_URL = settings.CACHES["default"]["LOCATION"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"errcode": 40029}, "wechat_code_spent"),
        ({"errcode": 0}, "wechat_away"),
        ({"errcode": 0, "phone_info": "138"}, "wechat_away"),
        ({"errcode": 0, "phone_info": {"purePhoneNumber": "13800001234"}}, "wechat_away"),
        ("garbage", "wechat_away"),
    ],
)
def test_a_phone_that_cannot_be_read(wechat: FakeWechat, fault: Any, code: str) -> None:
    wechat.faults[PHONE].append(fault)
    assert refused(lambda: calls.phone(MINI, code="p1")) == code


def test_a_phone_that_is_none_or_another_apps(wechat: FakeWechat) -> None:
    wechat.phone("p1", "12")
    wechat.phone("p2", "13800001234", app_id=OFFICIAL.app_id)
    for code in ("p1", "p2"):
        assert refused(lambda code=code: calls.phone(MINI, code=code)) == "wechat_away"


@pytest.mark.parametrize("said", [{"errcode": 40125}, {"access_token": ""}, {"access_token": "t"}])
def test_no_token_no_phone(wechat: FakeWechat, said: Any) -> None:
    wechat.faults[TOKEN].append(said)
    assert refused(lambda: calls.phone(MINI, code="p1")) == "wechat_away"


def test_no_secret_and_no_code_is_written_down(
    wechat: FakeWechat, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as config.logs does
    wechat.faults[WEB_LOGIN].extend(["drop", {"errcode": 40013, "errmsg": "rid: 1"}])
    for _time in range(3):
        refused(lambda: calls.web_subject(OFFICIAL, code="the-code"))
    written = caplog.text + "".join(capfd.readouterr())
    assert "wechat_refused" in written
    assert "40013" in written
    for secret in (OFFICIAL.secret, "the-code"):
        assert secret not in written
    assert OFFICIAL.secret not in repr(OFFICIAL)


def test_each_is_on_by_itself(settings: Settings) -> None:
    assert not set_up.is_set_up()
    settings.WECHAT_APPID = OFFICIAL.app_id
    assert set_up.official_account() is None
    settings.WECHAT_SECRET = OFFICIAL.secret
    assert (set_up.official_account(), set_up.mini_program()) == (OFFICIAL, None)
    settings.WECHAT_MINI_APPID, settings.WECHAT_MINI_SECRET = MINI.app_id, MINI.secret
    assert set_up.mini_program() == MINI
