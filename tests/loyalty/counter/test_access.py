"""Who gets to the counter: login, the choice of the shop, log out, the language."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from members.models import Shop
from tests import factories
from tests.loyalty.counter.conftest import Cast

PAGES = ("/counter/", "/counter/orders/", "/counter/top-up/", "/counter/join/")


@pytest.fixture
def stranger(cast: Cast) -> Client:
    browser = Client()
    browser.cookies["django_language"] = "en"
    return browser


def log_in(browser: Client, **more: str) -> None:
    answer = browser.post(
        "/counter/login/", {"username": "lin", "password": factories.PASSWORD, **more}
    )
    assert answer.status_code == 302


@pytest.mark.parametrize("page", PAGES)
def test_every_page_asks_for_a_login_and_leads_back(stranger: Client, page: str) -> None:
    answer = stranger.get(page)
    assert (answer.status_code, answer["Location"]) == (302, f"/counter/login/?next={page}")


def test_one_shop_is_chosen_by_itself(stranger: Client, cast: Cast) -> None:
    answer = stranger.post(
        "/counter/login/",
        {"username": "lin", "password": factories.PASSWORD, "next": "/counter/orders/"},
    )
    assert answer["Location"] == "/counter/orders/"
    assert cast.shop.name in stranger.get("/counter/").text
    assert stranger.session["shop_id"] == cast.shop.pk


def test_a_wrong_password_is_said_beside_it_and_the_name_stays(stranger: Client) -> None:
    answer = stranger.post("/counter/login/", {"username": "lin", "password": "wrong"})
    assert answer.status_code == 401
    assert 'data-code="login_failed"' in answer.text
    assert 'value="lin"' in answer.text
    assert "wrong" not in answer.text.replace("wrong with", "")


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_the_way_back_stays_on_this_site(stranger: Client, next_page: str) -> None:
    answer = stranger.post(
        "/counter/login/",
        {"username": "lin", "password": factories.PASSWORD, "next": next_page},
    )
    assert answer["Location"] == "/counter/"


def test_somebody_of_two_shops_chooses_one(stranger: Client, cast: Cast) -> None:
    second, foreign = factories.shop("second", "二店"), factories.shop("third", "三店")
    cast.cashier.shops.add(second)
    log_in(stranger)
    assert stranger.get("/counter/")["Location"] == "/counter/shop/"
    page = stranger.get("/counter/shop/").text
    assert second.name in page
    assert foreign.name not in page
    answer = stranger.post("/counter/shop/", {"shop": foreign.pk})
    assert answer.status_code == 403
    assert 'data-code="shop_unknown"' in answer.text
    assert stranger.post("/counter/shop/", {"shop": second.pk})["Location"] == "/counter/"
    assert second.name in stranger.get("/counter/").text


def test_rights_taken_away_count_at_once(client: Client, cast: Cast) -> None:
    assert client.get("/counter/").status_code == 200
    cast.cashier.shops.clear()
    assert client.get("/counter/")["Location"] == "/counter/shop/"
    assert 'data-code="no_shop"' in client.get("/counter/shop/").text


def test_a_closed_shop_is_no_place_to_sell(client: Client, cast: Cast) -> None:
    client.get("/counter/")
    Shop.objects.update(is_active=False)
    assert client.get("/counter/")["Location"] == "/counter/shop/"


def test_an_owner_serves_every_shop(stranger: Client, cast: Cast) -> None:
    factories.owner()
    factories.shop("second", "二店")
    stranger.post("/counter/login/", {"username": "zhou", "password": factories.PASSWORD})
    page = stranger.get("/counter/shop/").text
    assert cast.shop.name in page
    assert "二店" in page


def test_log_out(client: Client) -> None:
    assert client.get("/counter/logout/").status_code == 405
    assert client.post("/counter/logout/")["Location"] == "/counter/login/"
    assert client.get("/counter/")["Location"] == "/counter/login/?next=/counter/"


def test_chinese_unless_switched(stranger: Client) -> None:
    del stranger.cookies["django_language"]
    page = stranger.get("/counter/login/", headers={"accept-language": "en"}).text
    assert '<html lang="zh-Hans">' in page
    stranger.post("/language/setlang/", {"language": "en", "next": "/counter/login/"})
    assert '<html lang="en">' in stranger.get("/counter/login/").text


def test_no_page_asks_for_anything_inline_or_foreign(client: Client) -> None:
    for page in PAGES:
        answer = client.get(page)
        policy = answer["Content-Security-Policy"]
        # The camera's reader is WebAssembly, which is no script of a page's own.
        assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")
        assert "style=" not in answer.text
        assert "onclick" not in answer.text
        assert "https://" not in answer.text
        assert answer["Cache-Control"] == "no-store"


def test_too_many_wrong_passwords(stranger: Client, settings: Settings) -> None:
    settings.AXES_ENABLED = True
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = stranger.post("/counter/login/", {"username": "lin", "password": "wrong"})
    assert answer.status_code == 429
    assert 'data-code="locked_out"' in answer.text
    answer = stranger.post("/counter/login/", {"username": "lin", "password": factories.PASSWORD})
    assert answer.status_code == 429


def test_pages_that_are_not_there_and_forms_that_are_too_old(cast: Cast, client: Client) -> None:
    assert 'data-code="not_found"' in client.get("/counter/orders/999/").text
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/counter/login/", {"username": "lin"})
    assert (answer.status_code, 'data-code="page_too_old"' in answer.text) == (403, True)


def test_a_missing_token_is_answered_in_the_shape_that_was_asked(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.cashier, backend="members.backends.StaffBackend")
    answer = browser.post("/counter/api/quote", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")
    page = browser.post("/counter/join/", {"phone": "13900000000"})
    assert page.status_code == 403
    assert page["Content-Type"].startswith("text/html")
