"""The mini-program's interface: silently for whom it knows, by one tap for everybody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client
from psycopg.errors import DeadlockDetected
from pytest_django import Settings

from loyalty.card.access import COOKIE
from loyalty.models import Account
from members.models import Consent, Event, Identity, Member, Shop
from members.services import consent, identities, member_sessions
from members.wechat import Subject
from tests import factories
from tests.factories import AT, PHONE
from tests.loyalty.card.conftest import browser
from tests.wechat import (
    INSIDE,
    MINI,
    MINI_ID,
    MINI_LOGIN,
    OFFICIAL,
    OFFICIAL_ID,
    TOKEN,
    WEB_VIEW,
    FakeWechat,
)
from tests.wechat import (
    PHONE as PHONE_CALL,
)

pytestmark = pytest.mark.usefixtures("at_home")

SUBJECT = Subject(MINI.app_id, MINI_ID)
NUMBER = PHONE.removeprefix("+86")
AGREED = {"terms": consent.TERMS.version}


@pytest.fixture
def program(wechat: FakeWechat, db: None) -> Client:
    """``wx.request``: no cookies, no token."""
    factories.shop()
    factories.tiers()
    factories.policy()
    client = Client(enforce_csrf_checks=True)
    client.cookies["django_language"] = "en"
    return client


def post(client: Client, name: str, **data: Any) -> Any:
    return client.post(f"/m/api/mini/{name}", data, content_type="application/json")


def join(client: Client, wechat: FakeWechat, number: int = 1, **more: Any) -> Any:
    data = {
        "login_code": wechat.person(f"l{number}", MINI_ID, MINI),
        "phone_code": wechat.phone(f"p{number}", NUMBER),
        "agreed": AGREED,
    }
    return post(client, "join", **{**data, **more})


def login(client: Client, wechat: FakeWechat, number: int = 1, **more: Any) -> Any:
    code = wechat.person(f"in{number}", MINI_ID, MINI)
    return post(client, "login", login_code=code, **more)


def refusal(answer: Any) -> tuple[int, str]:
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"error"}
    return answer.status_code, answer.json()["error"]["code"]


def open_ticket(answer: Any, client: Client | None = None) -> tuple[Client, Any]:
    """The web-view opens the address."""
    view = client or Client(headers={"user-agent": WEB_VIEW})
    view.cookies["django_language"] = "en"
    parts = urlsplit(answer.json()["url"])
    return view, view.get(f"{parts.path}?{parts.query}")


def test_one_tap_joins_and_opens_the_card(program: Client, wechat: FakeWechat) -> None:
    answer = join(program, wechat, channel="till-poster", next="/m/coupons")
    assert answer.status_code == 200
    assert (answer.json()["expires_s"], answer.json()["is_new"]) == (60, True)
    assert answer.json()["url"].startswith("http://testserver/m/enter?ticket=")
    assert COOKIE not in answer.cookies
    member = Member.objects.get()
    assert (member.phone, member.joined_channel) == (PHONE, "till-poster")
    assert member.phone_proved_at == AT
    assert member.joined_shop == factories.shop()
    assert Account.objects.filter(member=member).count() == 3
    row = Identity.objects.get()
    assert (row.member, row.app_id, row.subject) == (member, MINI.app_id, MINI_ID)
    given = Consent.objects.get()
    assert (given.purpose, given.granted, given.text_version) == (
        "terms",
        True,
        consent.TERMS.version,
    )
    assert given.source == "join:till-poster"
    view, page = open_ticket(answer)
    assert page["Location"] == "/m/coupons"
    assert view.get("/m/coupons").status_code == 200
    session = member_sessions.read(token=view.cookies[COOKIE].value, at=AT)
    assert session.is_fresh(AT)


def test_who_meets_somebody_else_in_a_circle_is_asked_to_wait(
    program: Client, wechat: FakeWechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meet(**_facts: Any) -> None:
        raise OperationalError from DeadlockDetected()

    monkeypatch.setattr(identities, "link", meet)
    answer = join(program, wechat)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "busy")


def test_who_is_known_is_in_silently(program: Client, wechat: FakeWechat) -> None:
    assert refusal(login(program, wechat)) == (404, "wechat_unknown")
    join(program, wechat)
    answer = login(program, wechat, 2)
    assert set(answer.json()) == {"url", "expires_s"}
    view, page = open_ticket(answer)
    assert page["Location"] == "/m/"
    assert view.get("/m/").status_code == 200


def test_a_member_of_old_comes_back_by_one_tap(program: Client, wechat: FakeWechat) -> None:
    member = factories.member()
    answer = join(program, wechat)
    assert answer.json()["is_new"] is False
    assert Identity.objects.get().member == member
    assert Member.objects.count() == 1


def test_more_consents_each_with_its_text(program: Client, wechat: FakeWechat) -> None:
    agreed = {**AGREED, "marketing-inbox": consent.OFFERS_INBOX.version}
    join(program, wechat, agreed=agreed)
    assert set(Consent.objects.values_list("purpose", "channel", "granted")) == {
        ("terms", "", True),
        ("marketing", "inbox", True),
    }


@pytest.mark.parametrize("agreed", [None, [], "terms", {}, {"marketing-sms": "2026-01"}])
def test_without_the_terms_nothing_is_asked_of_wechat(
    program: Client, wechat: FakeWechat, agreed: object
) -> None:
    assert refusal(join(program, wechat, agreed=agreed)) == (400, "terms_needed")
    assert wechat.asked == []


def test_a_text_of_yesterday_is_not_agreed_to(program: Client, wechat: FakeWechat) -> None:
    answer = join(program, wechat, agreed={"terms": "2020-01"})
    assert refusal(answer) == (409, "terms_changed")
    assert answer.json()["error"]["details"] == {"versions": AGREED}
    assert wechat.asked == []


def test_the_texts_with_their_versions(program: Client) -> None:
    answer = program.get("/m/api/mini/terms").json()
    assert answer["questions"][0] == {
        "name": "terms",
        "version": consent.TERMS.version,
        "text": "I agree to the membership terms and how my data is used.",
        "needed": True,
    }
    assert [one["name"] for one in answer["questions"]] == [
        "terms",
        "marketing-inbox",
        "marketing-sms",
    ]
    assert answer["terms_url"] == "http://testserver/m/terms"


def test_a_program_that_says_no_language_is_answered_in_chinese(wechat: FakeWechat) -> None:
    answer = post(Client(), "login", login_code="none")
    assert answer.json()["error"]["message"] == (
        "这次登录已用过或已过期。请再试一次，或改用手机号。"
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "text_unreadable"),
        ({"login_code": ""}, "text_unreadable"),
        ({"login_code": 7}, "text_unreadable"),
        ({"login_code": "x" * 257}, "text_unreadable"),
        ({"login_code": "l1", "phone": PHONE}, "field_unknown"),
        ({"login_code": "l1", "next": ["/m/"]}, "text_unreadable"),
    ],
)
def test_what_cannot_be_read(program: Client, data: dict[str, Any], code: str) -> None:
    assert refusal(post(program, "login", **data)) == (400, code)


@pytest.mark.parametrize("body", ["", "{", "[]", "1"])
def test_no_json_no_login(program: Client, body: str) -> None:
    answer = program.post("/m/api/mini/login", body, content_type="application/json")
    assert refusal(answer) == (400, "json_unreadable")


def test_each_code_is_good_once(program: Client, wechat: FakeWechat) -> None:
    data = {"login_code": wechat.person("l1", MINI_ID, MINI), "agreed": AGREED}
    answer = post(program, "join", phone_code="none", **data)
    assert refusal(answer) == (409, "wechat_code_spent")
    assert not Member.objects.exists()
    answer = post(program, "join", phone_code=wechat.phone("p1", NUMBER), **data)
    assert refusal(answer) == (409, "wechat_code_spent")
    assert not Member.objects.exists()


def test_the_phone_is_not_asked_for_a_stranger(program: Client, wechat: FakeWechat) -> None:
    answer = post(
        program,
        "join",
        login_code="none",
        phone_code=wechat.phone("p1", NUMBER),
        agreed=AGREED,
    )
    assert refusal(answer) == (409, "wechat_code_spent")
    assert wechat.asked == [MINI_LOGIN]


@pytest.mark.parametrize(
    ("call", "fault", "status", "code"),
    [
        (MINI_LOGIN, "drop", 503, "wechat_away"),
        (MINI_LOGIN, {"errcode": 40226}, 403, "wechat_blocked"),
        (TOKEN, {"errcode": 40125}, 503, "wechat_away"),
        (PHONE_CALL, "garbage", 503, "wechat_away"),
        (PHONE_CALL, {"errcode": 40029}, 409, "wechat_code_spent"),
    ],
)
def test_whatever_fails_nobody_joins(
    program: Client, wechat: FakeWechat, call: str, fault: object, status: int, code: str
) -> None:
    wechat.faults[call].append(fault)
    assert refusal(join(program, wechat)) == (status, code)
    assert not Member.objects.exists()
    assert not Identity.objects.exists()
    assert join(program, wechat, 2).status_code == 200


def test_an_expired_token_holds_nobody_up(program: Client, wechat: FakeWechat) -> None:
    join(program, wechat)
    wechat.expire()
    assert join(program, wechat, 2).status_code == 200
    assert wechat.asked.count(TOKEN) == 2


def test_an_openid_of_the_account_is_not_one_of_the_program(
    program: Client, wechat: FakeWechat
) -> None:
    theirs = Subject(OFFICIAL.app_id, MINI_ID)
    identities.link(member_id=factories.member().pk, subject=theirs, at=AT)
    assert refusal(login(program, wechat)) == (404, "wechat_unknown")
    wechat.person("web", OFFICIAL_ID, OFFICIAL)
    assert refusal(post(program, "login", login_code="web")) == (409, "wechat_code_spent")


def test_two_shops_the_program_names_its_own(program: Client, wechat: FakeWechat) -> None:
    second = Shop.objects.create(code="s2", name="二店")
    join(program, wechat, shop="s2", channel="<script>")
    member = Member.objects.get()
    assert (member.joined_shop, member.joined_channel) == (second, "mini")


def test_a_ticket_is_good_once(program: Client, wechat: FakeWechat) -> None:
    answer = join(program, wechat)
    view, _page = open_ticket(answer)
    again, page = open_ticket(answer)
    assert page["Location"] == "/m/join?wechat=no"
    assert COOKIE not in again.cookies
    form = again.get(page["Location"]).content.decode()
    assert "This way in was used already or is too old." in form
    _view, reloaded = open_ticket(answer, view)
    assert reloaded["Location"] == "/m/"


def test_a_ticket_is_good_for_a_minute(
    program: Client, wechat: FakeWechat, at_home: time_machine.Traveller
) -> None:
    answer = join(program, wechat)
    at_home.shift(61)
    view, _page = open_ticket(answer)
    assert COOKIE not in view.cookies


@pytest.mark.parametrize("agent", ["Mozilla/5.0 Safari/604.1", INSIDE])
def test_a_ticket_sent_as_a_link_opens_nothing(
    program: Client, wechat: FakeWechat, agent: str
) -> None:
    """Whoever taps it would use, and top up, somebody else's card."""
    answer = join(program, wechat)
    victim, page = open_ticket(answer, Client(headers={"user-agent": agent}))
    assert page["Location"] == "/m/join?wechat=no"
    assert COOKIE not in victim.cookies
    view, _page = open_ticket(answer)
    assert COOKIE in view.cookies


def test_asking_for_the_head_of_a_ticket_leaves_it_good(
    program: Client, wechat: FakeWechat
) -> None:
    answer = join(program, wechat)
    parts = urlsplit(answer.json()["url"])
    assert Client().head(f"{parts.path}?{parts.query}").status_code == 405
    view, _page = open_ticket(answer)
    assert COOKIE in view.cookies


@pytest.mark.parametrize("wanted", ["https://evil.example/m/", "/admin/", "/m//evil"])
def test_a_ticket_leads_to_a_page_of_the_card(
    program: Client, wechat: FakeWechat, wanted: str
) -> None:
    _view, page = open_ticket(join(program, wechat, next=wanted))
    assert page["Location"] == "/m/"


def test_logged_out_everywhere_the_program_asks_for_a_tap(
    program: Client, wechat: FakeWechat
) -> None:
    early = join(program, wechat)
    view, _page = open_ticket(login(program, wechat))
    view.post("/m/me/logout-everywhere")
    assert refusal(login(program, wechat, 2)) == (404, "wechat_unknown")
    late, _page = open_ticket(early)
    assert COOKIE not in late.cookies


def test_a_frozen_member_comes_in(program: Client, wechat: FakeWechat) -> None:
    factories.member(status="frozen", card="9012000000000011")
    view, _page = open_ticket(join(program, wechat))
    assert "This card is frozen" in view.get("/m/").content.decode()


def test_without_valkey_the_program_is_told(
    program: Client, wechat: FakeWechat, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert refusal(login(program, wechat)) == (503, "wechat_away")
    assert not Member.objects.exists()


def test_too_many_from_one_address(
    program: Client, wechat: FakeWechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("members.services.wechat_entry.TRIES_AN_ADDRESS", 2)
    answers = [refusal(login(program, wechat, number)) for number in range(3)]
    assert answers[1:] == [(404, "wechat_unknown"), (429, "too_many_tries")]
    assert wechat.asked == [MINI_LOGIN, MINI_LOGIN]


def test_where_it_is_not_set_up_nothing_answers(program: Client, settings: Settings) -> None:
    settings.WECHAT_MINI_SECRET = ""
    for name in ("login", "join"):
        assert refusal(post(program, name)) == (404, "not_found")
    assert refusal(program.get("/m/api/mini/terms")) == (404, "not_found")
    assert browser().get("/m/enter?ticket=1").status_code == 404


@pytest.mark.parametrize(("name", "method"), [("login", "get"), ("join", "get"), ("terms", "post")])
def test_each_address_is_used_in_one_way(program: Client, name: str, method: str) -> None:
    answer = getattr(program, method)(f"/m/api/mini/{name}")
    assert refusal(answer) == (405, "method_not_allowed")


def test_joining_by_one_tap_is_as_joining_by_code(program: Client, wechat: FakeWechat) -> None:
    join(program, wechat)
    assert sorted(Event.objects.values_list("kind", flat=True)) == [
        "consent_changed",
        "identity_linked",
        "joined",
        "member_updated",
        "rules_published",
    ]
