"""Inside WeChat: once to its server and back, into the card or to the phone form, never round."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from loyalty.card import access
from loyalty.card import wechat as card_wechat
from members.models import Event, Identity, Member
from members.services import identities, member_sessions
from members.wechat import Subject
from tests import factories
from tests.factories import AT, PHONE
from tests.loyalty.card.test_join import ask, texted
from tests.wechat import (
    INSIDE,
    OFFICIAL,
    OFFICIAL_ID,
    WEB_LOGIN,
    WEB_VIEW,
    FakeWechat,
)

pytestmark = pytest.mark.usefixtures("at_home")

SUBJECT = Subject(OFFICIAL.app_id, OFFICIAL_ID)


@pytest.fixture
def inside(wechat: FakeWechat, db: None) -> Client:
    """WeChat's browser, in English."""
    factories.shop()
    factories.tiers()
    factories.policy()
    return browser_inside()


def browser_inside(agent: str = INSIDE) -> Client:
    client = Client(headers={"user-agent": agent})
    client.cookies["django_language"] = "en"
    return client


def query(answer: Any) -> dict[str, str]:
    parts = urlsplit(answer["Location"])
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def sent(client: Client, path: str = "/m/join") -> dict[str, str]:
    """Off to WeChat; what it is told."""
    answer = client.get(path)
    assert answer.status_code == 302
    assert urlsplit(answer["Location"]).path == "/connect/oauth2/authorize"
    return query(answer)


def return_(client: Client, told: dict[str, str], **more: str) -> Any:
    """Back from WeChat, as it sends the browser."""
    parts = urlsplit(told["redirect_uri"])
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return client.get(parts.path, {**given, "state": told["state"], **more})


def come_back(client: Client, wechat: FakeWechat, path: str = "/m/join", code: str = "c1") -> Any:
    told = sent(client, path)
    return return_(client, told, code=wechat.person(code, OFFICIAL_ID, OFFICIAL))


def is_in(client: Client) -> bool:
    return client.get("/m/").status_code == 200


def test_a_known_account_is_in_at_once(inside: Client, wechat: FakeWechat) -> None:
    identities.link(member_id=factories.member().pk, subject=SUBJECT, at=AT)
    assert inside.get("/m/coupons")["Location"] == "/m/join?next=%2Fm%2Fcoupons"
    answer = come_back(inside, wechat, "/m/join?next=%2Fm%2Fcoupons&c=menu")
    assert (answer.status_code, answer["Location"]) == (302, "/m/coupons")
    assert is_in(inside)
    assert wechat.asked == [WEB_LOGIN]
    assert inside.cookies[card_wechat.COOKIE].value == ""


def test_it_proves_the_account_not_the_phone(inside: Client, wechat: FakeWechat) -> None:
    """A forgotten PIN still needs a texted code."""
    linked_at = AT - dt.timedelta(days=30)
    identities.link(member_id=factories.member().pk, subject=SUBJECT, at=linked_at)
    come_back(inside, wechat)
    session = member_sessions.read(token=inside.cookies[access.COOKIE].value, at=AT)
    assert session is not None
    assert session.proved_at == linked_at
    assert not session.is_fresh(AT)


def test_an_unknown_account_proves_its_phone_once(inside: Client, wechat: FakeWechat) -> None:
    answer = come_back(inside, wechat, "/m/join?c=menu")
    assert answer["Location"] == "/m/join?next=%2Fm%2F&c=menu&wechat=no"
    form = inside.get(answer["Location"]).content.decode()
    assert "We remember this WeChat account" in form
    assert "Open my card with WeChat" not in form
    code = ask(inside, c="menu")
    assert inside.post("/m/join/code", {"code": code})["Location"] == "/m/"
    member = Member.objects.get()
    assert (member.phone, member.joined_channel) == (PHONE, "menu")
    row = Identity.objects.get()
    assert (row.member, row.app_id, row.subject) == (member, OFFICIAL.app_id, OFFICIAL_ID)
    assert inside.cookies[card_wechat.COOKIE].value == ""
    again = browser_inside()
    assert come_back(again, wechat, code="c2")["Location"] == "/m/"
    assert is_in(again)
    assert Member.objects.count() == 1


def test_another_phone_in_the_same_wechat_takes_it_over(inside: Client, wechat: FakeWechat) -> None:
    other = factories.member("+8613900005678", "李明")
    identities.link(member_id=other.pk, subject=SUBJECT, at=AT)
    come_back(inside, wechat)
    inside.post("/m/logout")
    come_back(inside, wechat, "/m/join?wechat=yes", "c2")
    assert is_in(inside)
    Identity.objects.all().delete()
    inside.post("/m/logout")
    come_back(inside, wechat, "/m/join?wechat=yes", "c3")
    inside.post("/m/join/code", {"code": ask(inside)})
    assert Identity.objects.get().member.phone == PHONE


@pytest.mark.parametrize("agent", ["Mozilla/5.0 Safari/604.1", WEB_VIEW, f"{INSIDE} wxwork/4.1"])
def test_elsewhere_there_is_only_the_form(inside: Client, agent: str) -> None:
    page = browser_inside(agent).get("/m/join")
    assert page.status_code == 200
    assert b"WeChat" not in page.content


def test_where_it_is_not_set_up_there_is_only_the_form(inside: Client, settings: Settings) -> None:
    settings.WECHAT_SECRET = ""
    page = inside.get("/m/join")
    assert page.status_code == 200
    assert b"WeChat" not in page.content
    assert inside.get("/m/wechat?code=c1&state=1").status_code == 404
    assert card_wechat.COOKIE not in inside.cookies


def test_nobody_is_sent_twice(inside: Client, wechat: FakeWechat) -> None:
    sent(inside)
    page = inside.get("/m/join")
    assert page.status_code == 200
    assert b"Open my card with WeChat" in page.content
    sent(inside, "/m/join?wechat=yes")


@pytest.mark.parametrize("method", ["head", "post"])
def test_only_a_page_that_is_opened_is_sent(inside: Client, method: str) -> None:
    assert getattr(inside, method)("/m/join").status_code in (200, 400)
    background = inside.get("/m/join", headers={"sec-fetch-mode": "cors"})
    assert background.status_code == 200
    # A form may not lead off the site: what was posted without a login comes to the form.
    assert inside.post("/m/me/profile")["Location"] == (
        "/m/join?next=%2Fm%2Fme%2Fprofile&wechat=no"
    )
    assert inside.post("/m/join/code")["Location"] == "/m/join?wechat=no"


@pytest.mark.parametrize(
    "fault", ["drop", "garbage", 502, {"errcode": 40029}, {"errcode": 40163}, {"errcode": 40226}]
)
def test_what_fails_comes_to_the_form_and_stays_there(
    inside: Client, wechat: FakeWechat, fault: object
) -> None:
    wechat.faults[WEB_LOGIN].append(fault)
    answer = come_back(inside, wechat, "/m/join?next=%2Fm%2Fpoints&s=s1")
    assert answer["Location"] == "/m/join?next=%2Fm%2Fpoints&c=card&s=s1&wechat=no"
    assert inside.get(answer["Location"]).status_code == 200
    assert inside.get("/m/join").status_code == 200  # also without the mark
    assert wechat.asked == [WEB_LOGIN]
    inside.post("/m/join/code", {"code": ask(inside)})
    assert is_in(inside)
    assert not Identity.objects.exists()


@pytest.mark.usefixtures("impatient")
def test_a_wechat_that_hangs_comes_to_the_form(inside: Client, wechat: FakeWechat) -> None:
    wechat.faults[WEB_LOGIN].append("hang")
    assert come_back(inside, wechat)["Location"] == "/m/join?next=%2Fm%2F&c=card&wechat=no"


def test_who_says_no_comes_to_the_form(inside: Client, wechat: FakeWechat) -> None:
    answer = return_(inside, sent(inside))
    assert answer["Location"] == "/m/join?next=%2Fm%2F&c=card&wechat=no"
    assert wechat.asked == []


def test_a_preview_of_the_page_is_nobody(inside: Client, wechat: FakeWechat) -> None:
    told = sent(inside)
    wechat.person("c1", OFFICIAL_ID, OFFICIAL, is_snapshotuser=1)
    assert return_(inside, told, code="c1")["Location"].endswith("wechat=no")
    inside.post("/m/join/code", {"code": ask(inside)})
    assert not Identity.objects.exists()


def test_another_browsers_sign_in_links_nothing(inside: Client, wechat: FakeWechat) -> None:
    """A link with somebody else's code would give them this card."""
    attacker = browser_inside()
    told = sent(attacker)
    wechat.person("theirs", OFFICIAL_ID, OFFICIAL)
    assert return_(inside, told, code="theirs")["Location"].endswith("wechat=no")
    sent(inside)  # also with a sign-in of one's own under way
    assert return_(inside, told, code="theirs")["Location"].endswith("wechat=no")
    assert wechat.asked == []
    inside.post("/m/join/code", {"code": ask(inside)})
    assert not Identity.objects.exists()


def test_a_page_that_is_loaded_twice_ends_as_once(inside: Client, wechat: FakeWechat) -> None:
    told = sent(inside)
    asked_cookie = inside.cookies[card_wechat.COOKIE].value
    wechat.person("c1", OFFICIAL_ID, OFFICIAL)
    return_(inside, told, code="c1")
    known = inside.cookies[card_wechat.COOKIE].value
    inside.cookies[card_wechat.COOKIE] = asked_cookie  # both were sent at the same moment
    second = return_(inside, told, code="c1")
    assert second["Location"].endswith("wechat=no")
    assert card_wechat.COOKIE not in second.cookies
    inside.cookies[card_wechat.COOKIE] = known
    inside.post("/m/join/code", {"code": ask(inside)})
    assert Identity.objects.get().subject == OFFICIAL_ID
    assert wechat.asked == [WEB_LOGIN]


def test_a_sign_in_is_good_for_five_minutes(
    inside: Client, wechat: FakeWechat, at_home: time_machine.Traveller
) -> None:
    told = sent(inside)
    at_home.shift(301)
    answer = return_(inside, told, code=wechat.person("c1", OFFICIAL_ID, OFFICIAL))
    assert answer["Location"].endswith("wechat=no")
    assert wechat.asked == []


def test_an_account_is_remembered_as_long_as_the_form(
    inside: Client, wechat: FakeWechat, at_home: time_machine.Traveller
) -> None:
    come_back(inside, wechat)
    at_home.shift(901)
    inside.post("/m/join/code", {"code": ask(inside)})
    assert is_in(inside)
    assert not Identity.objects.exists()


@pytest.mark.parametrize("forged", ["", "x", "WyJrbm93biJd:1:abc"])
def test_a_forged_cookie_is_none(inside: Client, wechat: FakeWechat, forged: str) -> None:
    inside.cookies[card_wechat.COOKIE] = forged
    assert inside.get("/m/wechat?code=c1&state=").status_code == 302
    inside.post("/m/join/code", {"code": ask(inside)})
    assert not Identity.objects.exists()
    assert wechat.asked == []


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [("/m/points", "/m/points"), ("https://evil.example/m/", "/m/"), ("/m//evil", "/m/")],
)
def test_afterwards_only_to_a_page_of_the_card(
    inside: Client, wechat: FakeWechat, wanted: str, led_to: str
) -> None:
    identities.link(member_id=factories.member().pk, subject=SUBJECT, at=AT)
    told = sent(inside)
    code = wechat.person("c1", OFFICIAL_ID, OFFICIAL)
    answer = inside.get("/m/wechat", {"next": wanted, "state": told["state"], "code": code})
    assert answer["Location"] == led_to


def test_who_logs_out_stays_out_until_they_tap(inside: Client, wechat: FakeWechat) -> None:
    identities.link(member_id=factories.member().pk, subject=SUBJECT, at=AT)
    come_back(inside, wechat)
    assert inside.post("/m/logout")["Location"] == "/m/join"
    page = inside.get("/m/join")
    assert page.status_code == 200
    assert b"/m/join?next=%2Fm%2F&amp;c=card&amp;wechat=yes" in page.content
    come_back(inside, wechat, "/m/join?next=%2Fm%2F&c=card&wechat=yes", "c2")
    assert is_in(inside)


def test_logged_out_everywhere_the_phone_is_proved_anew(inside: Client, wechat: FakeWechat) -> None:
    identities.link(member_id=factories.member().pk, subject=SUBJECT, at=AT)
    come_back(inside, wechat)
    elsewhere = browser_inside()
    come_back(elsewhere, wechat, code="c2")
    inside.post("/m/me/logout-everywhere")
    assert not is_in(elsewhere)
    answer = come_back(elsewhere, wechat, "/m/join", "c3")
    assert answer["Location"].endswith("wechat=no")
    assert inside.get("/m/join").status_code == 200


def test_a_frozen_member_comes_in_and_sees_that_it_is_frozen(
    inside: Client, wechat: FakeWechat
) -> None:
    member = factories.member(status="frozen", card="9012000000000011")
    identities.link(member_id=member.pk, subject=SUBJECT, at=AT)
    come_back(inside, wechat)
    page = inside.get("/m/").content.decode()
    assert "This card is frozen" in page
    assert "data-renew" not in page


def test_the_member_sees_and_removes_it(inside: Client, wechat: FakeWechat) -> None:
    come_back(inside, wechat)
    inside.post("/m/join/code", {"code": ask(inside)})
    assert b"WeChat opens this card" in inside.get("/m/me").content
    page = inside.get("/m/me/wechat").content.decode()
    assert "phone last confirmed on 2026-05-20" in page
    assert inside.post("/m/me/wechat")["Location"] == "/m/me"
    me = inside.get("/m/me").content.decode()
    assert "Next time the card asks for your phone number." in me
    assert "WeChat opens this card" not in me
    assert "No WeChat account" in inside.get("/m/me/wechat").content.decode()
    kinds = Event.objects.filter(member=Member.objects.get()).values_list("kind", flat=True)
    assert list(kinds.order_by("pk"))[-2:] == ["identity_linked", "identity_removed"]
    inside.post("/m/logout")
    inside.post("/m/join/code", {"code": ask(inside)})
    assert not Identity.objects.exists()  # not linked again behind their back


def test_what_is_linked_can_be_removed_after_wechat_was_switched_off(
    inside: Client, wechat: FakeWechat, settings: Settings
) -> None:
    come_back(inside, wechat)
    inside.post("/m/join/code", {"code": ask(inside)})
    for name in ("WECHAT_APPID", "WECHAT_MINI_APPID"):
        setattr(settings, name, "")
    assert inside.get("/m/me/wechat").status_code == 200
    inside.post("/m/me/wechat")
    assert inside.get("/m/me/wechat").status_code == 404


def test_without_valkey_there_is_the_form(inside: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert inside.get("/m/join").status_code == 200


def test_too_many_from_one_address_get_the_form(
    inside: Client, wechat: FakeWechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("members.services.wechat_entry.TRIES_AN_ADDRESS", 2)
    for _visit in range(2):
        sent(browser_inside())
    assert browser_inside().get("/m/join").status_code == 200


def test_the_texted_code_is_asked_for_as_ever(inside: Client, wechat: FakeWechat) -> None:
    come_back(inside, wechat)
    ask(inside)
    answer = inside.post("/m/join/code", {"code": "000000"})
    assert answer.status_code == 403
    assert not Identity.objects.exists()
    inside.post("/m/join/code", {"code": texted(inside)})
    assert Identity.objects.count() == 1
