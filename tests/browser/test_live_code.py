"""Two people: the member's phone shows the code, the cashier's camera or gun reads it."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import segno
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route

from loyalty.models import Account, Order
from loyalty.services import rules
from members import clock
from members.models import Member
from members.services import live_codes
from tests import factories
from tests.browser.chromium import find_chromium
from tests.browser.conftest import Watched, expect, noted
from tests.browser.test_counter import DESKTOP, Cashier, open_page

LATER = dt.timedelta(days=30)


@pytest.fixture
def shop(live_db: object) -> None:
    factories.cashier()
    factories.menu()
    factories.policy()
    factories.gold_discount()
    factories.gold_stored_discount()
    rules.publish(actor=None, at=clock.now())


def make_gold(member: Member) -> None:
    """The named preparation: Gold, ¥100 + ¥20, 1,280 points, 满80减20."""
    member.stats.tier = factories.tiers()["金卡"]
    member.stats.save()
    factories.give_value(member, 10000, 2000)
    factories.give_points(member, 1280, expires_at=clock.now() + LATER)
    template = factories.coupon_template("满80减20", 2000, 8000)
    factories.coupon(member, template, expires_at=clock.now() + LATER)
    rules.publish(actor=None, at=clock.now())


def film(text: str, path: Path) -> None:
    """A second of a still QR, as a camera sees it: raw 4:2:0, which Chromium plays in a loop."""
    code = segno.make_qr(text, error="m")
    picture = path.with_suffix(".png")
    code.save(str(picture), scale=10, border=6)
    frame = Image.new("RGB", (640, 480), "white")
    shown = Image.open(picture).convert("RGB")
    frame.paste(shown, ((640 - shown.width) // 2, (480 - shown.height) // 2))
    grey = frame.convert("L").tobytes()
    colourless = bytes([128]) * (320 * 240 * 2)
    with path.open("wb") as out:
        out.write(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n")
        for _frame in range(10):
            out.write(b"FRAME\n" + grey + colourless)


@pytest.fixture
def member_phone(browser: Browser, site: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=site)
    context.add_cookies([{"name": "django_language", "value": "en", "url": site}])
    yield context
    context.close()


def joined(page: Page) -> Member:
    page.goto("/m/join?c=poster")
    page.fill("#phone", "138 0000 1234")
    page.check("input[name=terms]")
    page.get_by_role("button", name="Send me a code").click()
    code = page.locator("[data-demo-text]").inner_text().split("Your code is ")[1][:6]
    page.locator("#code").press_sequentially(code)
    page.wait_for_url("**/m/")
    return Member.objects.get()


def code_on(page: Page) -> str:
    page.reload()
    return page.locator(".digits").inner_text().replace(" ", "")[-18:]


def until(page: Page, words: str, *, seconds: float = 5) -> float:
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if words in page.locator("body").inner_text():
            return time.monotonic() - start
        page.wait_for_timeout(50)
    raise AssertionError(f"{words!r} never came: {page.locator('main').inner_text()}")


def wait(is_so: Callable[[], bool], page: Page, *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        page.wait_for_timeout(20)  # lets what the browser says come in


def pull(page: Page, digits: str) -> None:
    """A scanner gun: digits without a pause, then Enter, wherever the focus is.

    All keys in one go: a gun is faster than a busy test machine can press them one by one.
    """
    page.evaluate(
        """digits => {
          const at = document.activeElement || document.body;
          const press = (code, key) => at.dispatchEvent(
            new KeyboardEvent("keydown", {code, key, bubbles: true, cancelable: true}));
          for (const digit of digits) press(`Digit${digit}`, digit);
          press("Enter", "Enter");
        }""",
        digits,
    )


def shoot(cashier: Cashier, digits: str) -> None:
    """A scan, and the page that follows."""
    cashier.then(lambda: pull(cashier.page, digits))


def test_from_joining_to_a_refund_with_a_camera(
    shop: None, site: str, browser: Browser, member_phone: BrowserContext, tmp_path: Path
) -> None:
    card = member_phone.new_page()
    watched_card = Watched(card)
    member = joined(card)
    make_gold(member)
    movie = tmp_path / "code.y4m"
    film(code_on(card), movie)

    program = find_chromium()
    arguments = [
        *("--no-sandbox", "--disable-dev-shm-usage", "--use-fake-ui-for-media-stream"),
        *("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={movie}"),
    ]
    till = browser.browser_type.launch(executable_path=program, args=arguments)
    with closing(till):
        watched = open_page(till, site, DESKTOP, "en")
        page, cashier = watched.page, Cashier(watched.page, site)
        cashier.log_in()
        page.click("[data-camera] >> nth=0")
        until(page, "by the live code", seconds=15)
        assert "¥120.00" in page.inner_text("main")

        # Number 13, stored value by itself since the code was read and it covers everything.
        cashier.types("2*latte")
        cashier.types("cake")
        page.fill("#points", "500")
        page.focus("#points")
        cashier.enter()
        assert cashier.sum() == "¥0.00"
        expect(page, ".result")
        expect(card, ".balances", "¥61.50")
        cashier.enter()
        assert cashier.sum() == "¥58.50"
        assert noted(card) - noted(page) < 1  # second
        assert page.locator("#camera video").is_visible()  # it stays on
        order = Order.objects.get()
        assert (order.principal_fen, order.bonus_fen, order.points_earned) == (4875, 975, 48)

        expect(page, ".result.warn")
        expect(card, ".balances", "¥120.00")
        cashier.then(lambda: page.keyboard.press("F8"))  # undo
        assert page.get_attribute(".result", "data-state") == "voided"
        assert Account.objects.get(kind="points").balance == 1280
        assert noted(card) - noted(page) < 1

        # Again, with a fresh code by the gun; then one latte comes back.
        shoot(cashier, code_on(card))
        until(page, "by the live code")
        cashier.types("2*latte")
        cashier.types("cake")
        cashier.enter()
        page.locator('.result[data-state="settled"]').wait_for()
        second = Order.objects.exclude(pk=order.pk).get()
        assert (second.other_fen, second.stored_cover_fen) == (0, 7000)
        page.goto(f"{site}/counter/orders/{second.pk}/refund/")
        page.fill("[name=quantity-0]", "1")
        page.fill("#reason", "spilt")
        cashier.enter()
        page.locator("button:focus").wait_for()
        expect(page, ".result.warn")
        expect(card, ".balances", "¥77.16")
        cashier.enter()
        second.refresh_from_db()
        assert (second.status, second.refunded_base_fen) == ("part", 2240)
        assert noted(card) - noted(page) < 1
        assert watched.complaints == []
    assert watched_card.complaints == []


@pytest.fixture
def gold(shop: None) -> Member:
    member = factories.member(tier="普通", card="9012000000000011")
    make_gold(member)
    return member


def test_scan_digits_enter_is_the_whole_sale(gold: Member, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    shoot(cashier, live_codes.issue(member_id=gold.pk, at=clock.now()).digits)
    page.keyboard.type("100", delay=60)
    cashier.enter()  # waits for the quote, then settles
    order = Order.objects.get()
    assert (order.member_id, order.stored_cover_fen, order.other_fen) == (gold.pk, 7000, 0)
    assert page.get_attribute(".result", "data-state") == "settled"
    # The next scan starts the next sale.
    shoot(cashier, live_codes.issue(member_id=gold.pk, at=clock.now()).digits)
    assert "by the live code" in page.inner_text("main")
    assert watched.complaints == []


def test_amount_first_then_the_scan(gold: Member, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    page.keyboard.type("100", delay=60)
    shoot(cashier, live_codes.issue(member_id=gold.pk, at=clock.now()).digits)
    until(page, "by the live code")
    assert page.input_value("#entry") == "100"
    cashier.enter()
    assert Order.objects.get().stored_cover_fen == 7000


def test_a_late_answer_does_not_end_the_wait_for_the_quote(
    gold: Member, site: str, browser: Browser
) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "do=look" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/counter/**", hold)
    page.keyboard.type("100", delay=60)
    wait(lambda: len(held) == 1, page)
    shoot(cashier, live_codes.issue(member_id=gold.pk, at=clock.now()).digits)
    wait(lambda: len(held) == 2, page)
    with page.expect_response(lambda answer: answer.request == held[0].request):
        held[0].continue_()
    with page.expect_navigation():
        page.keyboard.press("Enter")
        page.wait_for_timeout(200)
        assert not Order.objects.exists()  # the quote of 100 is still on its way
        held[1].continue_()
    assert Order.objects.get().stored_cover_fen == 7000
    assert watched.complaints == []


def test_a_gun_that_stammers_and_a_lost_focus(gold: Member, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    page.locator(".brand").focus()
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.method} {one.post_data or ''}"))
    for digits in (live_codes.issue(member_id=gold.pk, at=clock.now()).digits, "6901234567892"):
        shoot(cashier, digits)
        pull(page, digits)  # dropped before anything is sent
        assert len([one for one in sent if f"entry={digits}" in one]) == 1
    assert page.locator("[role=alert][data-code]").count() == 0
    assert "by the live code" in page.inner_text("main")
    assert page.locator(".lines .number").inner_text() == "1"


def test_a_lost_network_loses_nothing(gold: Member, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    cashier.types("cake")
    lost: list[str] = []

    def answer_is_lost(route: object) -> None:
        """The server has it; the answer never arrives."""
        request = route.request  # type: ignore[attr-defined]
        if request.method == "POST" and not lost:
            lost.append(request.post_data)
            route.fetch(max_redirects=0)  # type: ignore[attr-defined]
            route.abort()  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/counter/sale/**", answer_is_lost)
    page.keyboard.press("Enter")
    until(page, "The network is gone. Nothing is lost")
    page.locator(".result").wait_for()
    assert Order.objects.count() == 1
    assert lost
    assert page.locator("#offline").is_hidden()

    # Our own fault, time after time, is no dead end.
    page.route("**/counter/sale/**", lambda route: route.fulfill(status=500, body="broken"))
    cashier.write("cake")
    page.keyboard.press("Enter")
    page.locator("#offline").wait_for()
    for _turn in range(2):
        page.locator("[data-retry]").click()
    until(page, "something is wrong on our side")
    page.locator("#stuck").get_by_role("link", name="Last sales").click()
    page.wait_for_url("**/counter/orders/")
    assert page.evaluate("sessionStorage.getItem('counter-pending')") is None


def test_double_enter_and_two_tabs_are_one_sale(gold: Member, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    cashier.types("cake")
    other = page.context.new_page()
    other.goto(page.url)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.locator(".result").wait_for()
    other.locator("input:focus").wait_for()
    other.keyboard.press("Enter")
    other.locator(".result").wait_for()
    assert Order.objects.count() == 1


def test_keys_switch_benefits_and_escape_clears(gold: Member, site: str, browser: Browser) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    cashier.types("13800001234")
    cashier.types("2*latte")
    cashier.types("cake")
    assert cashier.sum() == "¥70.00"
    cashier.then(lambda: page.keyboard.press("Alt+2"))
    assert cashier.sum() == "¥90.00"
    cashier.then(lambda: page.keyboard.press("Alt+2"))
    assert cashier.sum() == "¥70.00"
    cashier.then(lambda: page.keyboard.press("Alt+s"))
    assert cashier.sum() == "¥0.00"
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    assert page.input_value("#entry") == ""


def test_a_refused_or_absent_camera_says_what_to_do(
    gold: Member, site: str, browser: Browser, tmp_path: Path
) -> None:
    watched = open_page(browser, site, DESKTOP, "en")
    page, cashier = watched.page, Cashier(watched.page, site)
    cashier.log_in()
    page.click("[data-camera] >> nth=0")
    words = page.locator("#camera p:visible")
    words.filter(has_text=re.compile("photo of the code")).wait_for()
    # A photo of the code does as well.
    photo = tmp_path / "code.png"
    digits = live_codes.issue(member_id=gold.pk, at=clock.now()).digits
    segno.make_qr(digits, error="m").save(str(photo), scale=8, border=4)
    page.locator("#camera input[type=file]").set_input_files(photo)
    until(page, "by the live code", seconds=15)
