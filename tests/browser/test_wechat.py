"""WeChat's browser at 390 px: once by phone, from then on the card opens by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from members.models import Identity, Member
from tests import factories
from tests.browser.conftest import Watched, serving
from tests.browser.test_member_card import PHONE
from tests.conftest import LiveDatabase
from tests.wechat import INSIDE, MINI, OFFICIAL, WEB_LOGIN, FakeWechat, running

LARGE = 44  # px, of everything to tap


@pytest.fixture
def fake() -> Iterator[FakeWechat]:
    with running() as one:
        yield one


@pytest.fixture
def house(live_db: LiveDatabase, fake: FakeWechat) -> Iterator[str]:
    """The address of a shop whose account and mini-program are set up."""
    factories.shop()
    factories.tiers()
    factories.policy()
    env = {
        "WECHAT_APPID": OFFICIAL.app_id,
        "WECHAT_SECRET": OFFICIAL.secret,
        "WECHAT_MINI_APPID": MINI.app_id,
        "WECHAT_MINI_SECRET": MINI.secret,
        "WECHAT_API_URL": fake.address,
        "WECHAT_OPEN_URL": fake.address,
    }
    with serving({**live_db.env, **env}) as address:
        yield address


def wechat_browser(browser: Browser, house: str) -> BrowserContext:
    context = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        device_scale_factor=2,
        base_url=house,
        user_agent=INSIDE,
    )
    context.add_cookies([{"name": "django_language", "value": "en", "url": house}])
    return context


def at(page: Page) -> str:
    """A browser keeps the mark that WeChat wants behind its address."""
    parts = urlsplit(page.url)
    return f"{parts.path}?{parts.query}".rstrip("?")


def faults(page: Page) -> list[str]:
    """What keeps a screen reader or a thumb out."""
    found = [
        f"{violation['id']} {node['html'][:120]}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
        if violation["impact"] in ("serious", "critical", "moderate")
    ]
    for target in page.locator("a.button, button, .tabs a, .links a").all():
        box = target.bounding_box()
        if box and box["height"] < LARGE:
            found.append(f"{target.inner_text()} {box['height']}")
    wide = page.locator("html").evaluate("node => node.scrollWidth - node.clientWidth")
    return [*found, f"{wide} px too wide"] if wide else found


def test_joined_once_the_card_opens_by_itself(
    browser: Browser, house: str, fake: FakeWechat
) -> None:
    context = wechat_browser(browser, house)
    page = context.new_page()
    watched = Watched(page)
    page.goto("/m/join?c=menu")
    assert at(page) == "/m/join?next=%2Fm%2F&c=menu&wechat=no"
    assert page.get_by_text("We remember this WeChat account").is_visible()
    assert faults(page) == []
    page.fill("#phone", "138 0000 1234")
    page.check("input[name=terms]")
    page.get_by_role("button", name="Send me a code").click()
    code = page.locator("[data-demo-text]").inner_text().split("Your code is ")[1][:6]
    page.locator("#code").press_sequentially(code)
    page.wait_for_url(re.compile(r"/m/(#\w+)?$"))
    assert Identity.objects.get().member == Member.objects.get()

    page.goto("/m/me")
    assert faults(page) == []
    page.get_by_role("link", name="WeChat opens this card").click()
    assert page.get_by_text("phone last confirmed on").is_visible()
    assert faults(page) == []
    context.close()

    again = wechat_browser(browser, house)
    later = again.new_page()
    later.goto("/m/coupons")
    assert at(later) == "/m/coupons"
    later.goto("/m/me")
    later.get_by_role("button", name="Log out", exact=True).click()
    later.wait_for_url("**/m/join")  # and stays there
    assert faults(later) == []
    later.get_by_role("link", name="Open my card with WeChat").click()
    later.wait_for_load_state()
    assert at(later) == "/m/"
    assert later.locator("[data-code]").is_visible()
    again.close()
    assert fake.asked.count(WEB_LOGIN) == 3
    assert watched.complaints == []
