"""A cashier's morning in a real browser: desktop and phone, Chinese and English, keyboard first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from loyalty.models import Account, Order, Refund, TopUp
from loyalty.services import rules
from members import clock
from members.codes import check_digit
from members.models import Staff
from members.services.staff import set_pin
from tests import factories
from tests.browser.conftest import Watched

CARD = "901200000000001" + check_digit("901200000000001")
DESKTOP, PHONE = (1366, 900), (390, 844)


@pytest.fixture
def shop(live_db: object) -> None:
    """Number 13 of the settlement's table waits to be rung up."""
    later = clock.now() + dt.timedelta(days=30)
    factories.cashier()
    chen = factories.manager()
    set_pin(staff_id=chen.pk, pin="4071", actor=chen, at=clock.now())
    factories.menu()
    factories.policy()
    factories.gold_discount()
    factories.gold_stored_discount()
    member = factories.member(tier="金卡", card=CARD, principal_fen=10000, bonus_fen=2000)
    factories.give_points(member, 1280, expires_at=later)
    template = factories.coupon_template("满80减20", 2000, 8000)
    factories.coupon(member, template, expires_at=later)
    factories.top_up_plans()
    rules.publish(actor=None, at=clock.now())


class Cashier:
    """Types, and waits for the page that follows."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site

    def then(self, act: Callable[[], None]) -> None:
        with self.page.expect_navigation():
            act()

    def enter(self) -> None:
        self.page.locator(":focus").wait_for()
        self.then(lambda: self.page.keyboard.press("Enter"))

    def write(self, text: str) -> None:
        """Into whatever the page gave the focus: nobody clicks here."""
        self.page.locator("input:focus").wait_for()
        self.page.keyboard.type(text)

    def types(self, text: str) -> None:
        self.write(text)
        self.enter()

    def press(self, selector: str) -> None:
        self.then(lambda: self.page.click(selector))

    def open_sheet(self) -> None:
        """On a phone the member and the benefits lie in a sheet."""
        handle = self.page.locator(".sheet-handle")
        if handle.is_visible():
            handle.click()

    def sum(self) -> str:
        return self.page.inner_text(".sum >> nth=0")

    def log_in(self) -> None:
        self.page.goto(f"{self.site}/counter/")
        self.write("lin")
        self.page.keyboard.press("Tab")
        self.types(factories.PASSWORD)


def open_page(browser: Browser, site: str, size: tuple[int, int], language: str) -> Watched:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light" if size == DESKTOP else "dark",
    )
    context.add_cookies([{"name": "django_language", "value": language, "url": site}])
    return Watched(context.new_page())


@pytest.mark.parametrize(("size", "language"), [(DESKTOP, "zh-hans"), (PHONE, "en")])
def test_a_morning_at_the_counter(
    shop: None, site: str, browser: Browser, size: tuple[int, int], language: str
) -> None:
    watched = open_page(browser, site, size, language)
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()

    # Number 13: find, articles, points, stored value, Enter.
    cashier.types(CARD)
    assert "王*敏" in page.inner_text("main")
    cashier.types("2*latte")
    cashier.types("cake")
    assert cashier.sum() == "¥70.00"
    cashier.open_sheet()
    page.fill("#points", "500")
    page.focus("#points")
    cashier.enter()
    cashier.press("button[value='stored:on']")
    assert cashier.sum() == "¥0.00"
    cashier.enter()
    order = Order.objects.get()
    assert (order.principal_fen, order.bonus_fen, order.points_earned) == (4875, 975, 48)
    assert cashier.sum() == "¥58.50"
    assert page.get_attribute(".result", "data-state") == "settled"

    # Undo: everything is as it was.
    cashier.press(".undo")
    assert page.get_attribute(".result", "data-state") == "voided"
    assert Account.objects.get(kind="points").balance == 1280
    assert Account.objects.get(kind="principal").balance == 10000

    # The next sale starts from the result; one latte of it comes back.
    cashier.types("13800001234")
    cashier.types("2*latte")
    cashier.types("cake")
    cashier.enter()
    assert cashier.sum() == "¥70.00"
    cashier.press("a[href$='refund/']")
    cashier.write("1")
    page.fill("#reason", "洒了")
    cashier.enter()
    assert "¥22.40" in page.inner_text(".preview")
    page.locator("button:focus").wait_for()
    cashier.enter()
    assert page.get_attribute(".result", "data-state") == "part"
    assert Order.objects.get(status="part").refunded_base_fen == 2240

    # A large one needs the manager's PIN, in the same form; a wrong one loses nothing.
    cashier.types("300")
    cashier.enter()
    cashier.press("a[href$='refund/']")
    cashier.write("1")
    page.fill("#reason", "太甜")
    cashier.enter()
    for pin, pages in (("4072", "refund"), ("4071", "orders")):
        page.locator("#pin:focus").wait_for()
        cashier.types(pin)
        assert pages in page.url
    assert Refund.objects.get(base_fen=30000).approved_by == Staff.objects.get(username="chen")

    # Top up by the first plan, keyboard alone.
    page.goto(f"{site}/counter/top-up/")
    cashier.types("13800001234")
    cashier.write(" ")
    cashier.enter()
    assert TopUp.objects.get().paid_fen == 50000
    assert page.get_attribute(".result", "data-state") == "topped_up"

    assert watched.complaints == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0


def test_what_is_refused_stays_in_the_field(shop: None, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    cashier.types("13900009999")
    assert page.input_value("#entry") == "13900009999"
    assert page.get_attribute("[role=alert]", "data-code") == "member_unknown"
    assert page.evaluate("document.activeElement.id") == "entry"
    cashier.press("main a[href*='join']")
    assert page.input_value("#phone") == "13900009999"
    cashier.enter()
    assert "139****9999" in page.inner_text("main")
    assert watched.complaints == []


def test_keys_lead_where_they_say(shop: None, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    for key, path in (("F2", "top-up"), ("F3", "join"), ("F8", "orders")):
        cashier.then(lambda key=key: page.keyboard.press(key))  # type: ignore[misc]
        assert f"/counter/{path}/" in page.url


def test_everything_works_without_javascript(shop: None, site: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    cashier = Cashier(page, site)
    cashier.log_in()
    cashier.types("13800001234")
    cashier.types("100")
    cashier.enter()
    assert Order.objects.get().other_fen == 7000
    cashier.press(".undo")
    assert Order.objects.get().status == "voided"


def test_targets_and_figures_are_large_enough(shop: None, site: str, browser: Browser) -> None:
    """Buttons of at least 56 px, figures of at least 28 px, on the busiest page, on a phone."""
    watched = open_page(browser, site, PHONE, "zh-hans")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    cashier.types(CARD)
    cashier.types("2*latte")
    cashier.types("1234")
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a.button, nav a, .choice, .input')]
            .filter((e) => !e.classList.contains('hidden-words') && e.offsetParent)
            .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => Math.min(box.width, box.height) < 55.5)
            .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""
    )
    assert small == []
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('.figure, .sum')]
            .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert sizes
    assert min(sizes) >= 28
