"""Valkey is stopped in the middle of a morning, and comes back: a real one, of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from config.embedded import ValkeyServer
from config.embedded.valkey import NOT_DURABLE
from loyalty.card import access
from loyalty.models import Account, Order
from members import clock
from members.models import Member
from members.services import live_codes, member_sessions
from tests.browser.conftest import serving
from tests.browser.test_counter import DESKTOP, Cashier, open_page
from tests.browser.test_live_code import gold, shoot, shop, until  # noqa: F401
from tests.conftest import LiveDatabase


@pytest.fixture
def valkey(tmp_path: Path, settings: Any) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey", settings=NOT_DURABLE)
    server.start()
    settings.REDIS_URL = server.url()  # for the codes that the test itself issues
    yield server
    server.stop()


@pytest.fixture
def site(live_db: LiveDatabase, valkey: ValkeyServer) -> Iterator[str]:
    with serving({**live_db.env, "REDIS_URL": valkey.url()}) as address:
        yield address


def code_for(member: Member) -> str:
    return live_codes.issue(member_id=member.pk, at=clock.now()).digits


def test_the_counter_stays_open_and_spends_nothing(
    gold: Member,  # noqa: F811
    site: str,
    valkey: ValkeyServer,
    browser: Browser,
) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    cashier.types("cake")
    code = code_for(gold)
    assert page.locator("[data-away]").count() == 0

    valkey.stop()
    # The sale on the screen is still there, and so is the login.
    page.reload()
    page.locator("[data-away]").wait_for()
    assert page.locator(".lines .number").inner_text() == "1"
    assert "stored value and points cannot be spent" in page.inner_text("[data-away]")

    # A live code says what to do; the phone finds the member.
    shoot(cashier, code)
    assert page.get_attribute("[role=alert][data-code]", "data-code") == "codes_away"
    assert "Find the member by phone" in page.inner_text("[role=alert][data-code]")
    page.fill("#entry", "13800001234")
    cashier.enter()
    assert "王*敏" in page.inner_text("aside")

    # Points and stored value are not spent on a number alone, however small the amount.
    cashier.press("button[value='stored:on']")
    assert page.get_attribute("[role=alert][data-code]", "data-code") == "spending_away"
    page.fill("#points", "100")
    page.focus("#points")
    cashier.enter()
    assert page.get_attribute("[role=alert][data-code]", "data-code") == "spending_away"
    assert api_settle(page.context, site, gold) == (503, "spending_away")
    assert not Order.objects.exists()

    # Any other tender settles, and the sale earns.
    page.goto(page.url)
    cashier.enter()
    assert page.get_attribute(".result", "data-state") == "settled"
    order = Order.objects.get()
    assert (order.member_id, order.other_fen, order.points_earned) == (gold.pk, 3240, 32)
    assert Account.objects.get(kind="principal").balance == 10000

    # A colleague logs in meanwhile, and chooses nothing twice.
    other = open_page(browser, site, DESKTOP, "en")
    colleague = Cashier(other.page, site)
    colleague.log_in()
    colleague.types("2*latte")
    assert colleague.sum() == "¥64.00"

    valkey.start()
    # Both go on where they were, and codes are read again.
    assert colleague.sum() == "¥64.00"
    shoot(colleague, code_for(gold))
    until(other.page, "by the live code")
    assert other.page.locator("[data-away]").count() == 0
    page.goto(f"{site}/counter/")
    shoot(cashier, code_for(gold))
    until(page, "by the live code")
    page.keyboard.type("10", delay=60)
    cashier.enter()
    assert page.get_attribute(".result", "data-state") == "settled"
    assert Order.objects.latest("pk").stored_cover_fen == 900
    assert watched.complaints == other.complaints == []


def api_settle(context: BrowserContext, site: str, member: Member) -> tuple[int, str]:
    """What a program of the counter is told when it spends the member's stored value."""
    token = next(one["value"] for one in context.cookies() if one["name"] == "huitou_csrf")
    answer = context.request.post(
        f"{site}/counter/api/settle",
        headers={"X-CSRFToken": token, "Referer": f"{site}/counter/"},
        data={
            "member": {"phone": "13800001234"},
            "lines": [{"amount_fen": 100}],
            "use_stored_value": True,
            "key": "00000000-0000-0000-0000-000000000001",
            "hash": None,
            "tender": "cash",
        },
    )
    return answer.status, answer.json()["error"]["code"]


def test_the_card_gives_its_number_until_codes_are_back(
    gold: Member,  # noqa: F811
    site: str,
    valkey: ValkeyServer,
    browser: Browser,
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=site)
    now = clock.now()
    token = member_sessions.token(member=gold, proved_at=now, at=now)
    context.add_cookies(
        [
            {"name": access.COOKIE, "value": token, "domain": "127.0.0.1", "path": access.PATH},
            {"name": "django_language", "value": "en", "url": site},
        ]
    )
    page = context.new_page()
    valkey.stop()
    for path in ("/m/", "/m/code"):
        page.goto(path)
        assert "The code is not available right now" in page.inner_text("main")
        assert "9012 0000 0000 0011" in page.inner_text("[data-code]")
    page.goto("/m/")
    assert "¥120.00" in page.inner_text(".balances")
    for path in ("coupons", "points", "value", "me"):
        answer = page.goto(f"/m/{path}")
        assert answer is not None
        assert answer.status == 200

    page.goto("/m/")
    valkey.start()
    page.locator("[data-code] .qr").wait_for(timeout=15000)  # by itself
    digits = page.locator(".digits").inner_text().replace(" ", "")[-18:]
    assert live_codes.claim(code=digits, place="1", at=clock.now()) == gold.pk
    context.close()
