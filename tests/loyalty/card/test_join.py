"""Joining and coming back: phone, six digits, one member; and everything that may go wrong."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.test import Client

from loyalty.card.access import COOKIE
from loyalty.models import Account
from members.models import Consent, Event, Member
from members.services import consent
from tests import factories
from tests.factories import PHONE
from tests.loyalty.card.conftest import browser

pytestmark = pytest.mark.usefixtures("at_home")

TYPED = "138 0000 1234"


@pytest.fixture
def phone_browser(db: None) -> Client:
    factories.shop()
    factories.tiers()
    factories.policy()
    return browser()


def ask(client: Client, **more: str) -> str:
    """Fill in the first page; the code of the demo's text message."""
    answer = client.post("/m/join", {"phone": TYPED, "terms": "on", **more})
    assert (answer.status_code, answer["Location"]) == (302, "/m/join/code")
    return texted(client)


def texted(client: Client) -> str:
    page = client.get("/m/join/code").content.decode()
    found = re.search(r"Your code is ([0-9]{6})", page)
    assert found, page
    return found[1]


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_join_by_phone_and_code(phone_browser: Client) -> None:
    code = ask(phone_browser, c="poster", **{"marketing-sms": "on"})
    answer = phone_browser.post("/m/join/code", {"code": code})
    assert (answer.status_code, answer["Location"]) == (302, "/m/")
    member = Member.objects.get()
    assert (member.phone, member.joined_channel, member.language) == (PHONE, "poster", "en")
    assert member.joined_shop == factories.shop()
    assert member.phone_proved_at == factories.AT
    assert Account.objects.filter(member=member).count() == 3
    assert set(Consent.objects.values_list("purpose", "channel", "granted", "text_version")) == {
        ("terms", "", True, consent.TERMS.version),
        ("marketing", "sms", True, consent.OFFERS_SMS.version),
    }
    assert Consent.objects.values_list("source", flat=True).distinct().get() == "join:poster"
    card = phone_browser.get("/m/")
    assert card.status_code == 200
    assert "Welcome! Your card is open" in card.content.decode()


def test_the_cookie_is_the_cards_own(phone_browser: Client) -> None:
    phone_browser.post("/m/join/code", {"code": ask(phone_browser)})
    cookie = phone_browser.cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/m/", True, "Lax")
    assert "huitou_session" not in phone_browser.cookies


def test_coming_back_is_the_same_way_and_the_same_member(phone_browser: Client) -> None:
    phone_browser.post("/m/join/code", {"code": ask(phone_browser)})
    with time_machine.travel(factories.AT.replace(hour=5), tick=False):
        again = browser()
        again.post("/m/join/code", {"code": ask(again)})
        assert again.get("/m/").status_code == 200
    assert Member.objects.count() == 1
    assert Consent.objects.count() == 1


def test_a_second_phone_at_once_enters_the_same_card(phone_browser: Client) -> None:
    second = browser()
    code = ask(phone_browser)
    assert ask(second) == code  # asked within the minute: the text on its way is the one
    for client in (phone_browser, second):
        assert client.post("/m/join/code", {"code": code}).status_code == 302
        assert client.get("/m/").status_code == 200
    assert Member.objects.count() == 1


@pytest.mark.parametrize("phone", ["", "12", "no number", "1380000123456789"])
def test_no_phone_number_no_code(phone_browser: Client, phone: str) -> None:
    answer = phone_browser.post("/m/join", {"phone": phone, "terms": "on"})
    assert answer.status_code == 400
    assert b'data-code="phone_unreadable"' in answer.content
    assert "huitou_join" not in phone_browser.cookies


def test_without_the_terms_no_code_is_sent(phone_browser: Client) -> None:
    answer = phone_browser.post("/m/join", {"phone": TYPED})
    assert answer.status_code == 400
    assert b'data-code="terms_needed"' in answer.content
    assert TYPED.encode() in answer.content


def test_five_wrong_codes_lock_the_code(phone_browser: Client) -> None:
    code = ask(phone_browser)
    answers = [phone_browser.post("/m/join/code", {"code": other(code)}) for _try in range(5)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 429]
    assert b"tries left: 4" in answers[0].content
    assert b"Five wrong codes: this one is locked now." in answers[4].content
    right = phone_browser.post("/m/join/code", {"code": code})
    assert right.status_code == 429
    assert not Member.objects.exists()


def test_a_locked_code_ends_with_the_next_one(
    phone_browser: Client, at_home: time_machine.Traveller
) -> None:
    code = ask(phone_browser)
    for _try in range(5):
        phone_browser.post("/m/join/code", {"code": other(code)})
    at_home.shift(61)
    assert phone_browser.post("/m/join/code", {"again": "1"}).status_code == 302
    code = texted(phone_browser)
    assert phone_browser.post("/m/join/code", {"code": code}).status_code == 302
    assert Member.objects.count() == 1


def test_a_code_is_good_for_five_minutes(
    phone_browser: Client, at_home: time_machine.Traveller
) -> None:
    code = ask(phone_browser)
    at_home.shift(301)
    answer = phone_browser.post("/m/join/code", {"code": code})
    assert b'data-code="login_code_expired"' in answer.content
    assert not Member.objects.exists()


def test_a_used_code_is_good_for_a_double_tap_only(
    phone_browser: Client, at_home: time_machine.Traveller
) -> None:
    code = ask(phone_browser)
    second = browser()
    ask(second)
    phone_browser.post("/m/join/code", {"code": code})
    at_home.shift(11)
    answer = second.post("/m/join/code", {"code": code})
    assert b'data-code="login_code_expired"' in answer.content


def test_too_many_texts_for_one_phone(
    phone_browser: Client, at_home: time_machine.Traveller
) -> None:
    for _text in range(6):
        ask(phone_browser)
        at_home.shift(61)
    answer = phone_browser.post("/m/join", {"phone": TYPED, "terms": "on"})
    assert answer.status_code == 429
    assert b'data-code="too_many_codes"' in answer.content


def test_too_many_texts_from_one_address_whatever_it_says_of_itself(phone_browser: Client) -> None:
    for number in range(60):
        phone_browser.post("/m/join", {"phone": f"138000{number:05d}", "terms": "on"})
    answer = phone_browser.post(
        "/m/join", {"phone": TYPED, "terms": "on"}, headers={"x-forwarded-for": "203.0.113.9"}
    )
    assert answer.status_code == 429


def test_behind_a_proxy_of_ours_its_last_word_counts(
    phone_browser: Client, settings: pytest.FixtureRequest
) -> None:
    settings.TRUST_PROXY = True  # type: ignore[attr-defined]
    for number in range(60):
        phone_browser.post(
            "/m/join",
            {"phone": f"138000{number:05d}", "terms": "on"},
            headers={"x-forwarded-for": f"10.0.0.{number}, 203.0.113.9"},
        )
    spoofed = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    form = {"phone": TYPED, "terms": "on"}
    assert phone_browser.post("/m/join", form, headers=spoofed).status_code == 429
    elsewhere = {"x-forwarded-for": "203.0.113.10"}
    assert phone_browser.post("/m/join", form, headers=elsewhere).status_code == 302


def test_without_valkey_joining_says_so(phone_browser: Client, settings: object) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    answer = phone_browser.post("/m/join", {"phone": TYPED, "terms": "on"})
    assert answer.status_code == 503
    assert b'data-code="codes_away"' in answer.content


def test_where_no_texts_are_set_up_the_page_says_so(
    phone_browser: Client, settings: object
) -> None:
    settings.TEXT_SENDER = "members.channels.absent.NoSender"  # type: ignore[attr-defined]
    answer = phone_browser.post("/m/join", {"phone": TYPED, "terms": "on"})
    assert answer.status_code == 503
    assert b"Ask at the counter" in answer.content


def test_a_forged_waiting_cookie_leads_back(phone_browser: Client) -> None:
    phone_browser.cookies["huitou_join"] = "eyJwaG9uZSI6IisxIn0:forged"
    assert phone_browser.get("/m/join/code")["Location"] == "/m/join"


@pytest.mark.parametrize("channel", ["", "UPPER space", "x" * 40, "<script>"])
def test_a_channel_nobody_made_is_the_cards_own(phone_browser: Client, channel: str) -> None:
    phone_browser.post("/m/join/code", {"code": ask(phone_browser, c=channel)})
    assert Member.objects.get().joined_channel == "card"


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [("/m/coupons", "/m/coupons"), ("https://evil.example/m/", "/m/"), ("/m//evil", "/m/")],
)
def test_afterwards_only_to_a_page_of_the_card(
    phone_browser: Client, wanted: str, led_to: str
) -> None:
    code = ask(phone_browser, next=wanted)
    assert phone_browser.post("/m/join/code", {"code": code})["Location"] == led_to


def test_who_is_logged_in_need_not_join(phone_browser: Client) -> None:
    phone_browser.post("/m/join/code", {"code": ask(phone_browser)})
    assert phone_browser.get("/m/join")["Location"] == "/m/"


def test_a_frozen_member_can_come_in_and_sees_that_it_is_frozen(phone_browser: Client) -> None:
    factories.member(status="frozen", card="9012000000000011")
    phone_browser.post("/m/join/code", {"code": ask(phone_browser)})
    page = phone_browser.get("/m/").content.decode()
    assert "This card is frozen" in page
    assert "data-renew" not in page


def test_joining_is_one_event(phone_browser: Client) -> None:
    phone_browser.post("/m/join/code", {"code": ask(phone_browser)})
    assert sorted(Event.objects.values_list("kind", flat=True)) == [
        "consent_changed",
        "joined",
        "member_updated",
        "rules_published",
    ]
