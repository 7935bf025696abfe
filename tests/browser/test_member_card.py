"""The card in a real browser at 390 px: joined, scanned from its picture, followed, read aloud."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from loyalty.card import access
from loyalty.models import CheckIn
from loyalty.services import checkout, confirmations, rules
from loyalty.services.checkout import Cart, CartLine
from members import clock
from members.models import Member
from members.services import live_codes, member_sessions
from tests import factories
from tests.browser.conftest import Watched, expect, noted
from tests.conftest import LiveDatabase

PHONE = {"width": 390, "height": 844}
PAGES = (
    *("", "code", "coupons", "points", "value", "tiers", "check-ins", "orders", "inbox", "me"),
    *("me/profile", "me/consents", "me/freeze", "me/pin", "terms"),
)


@pytest.fixture
def member(live_db: LiveDatabase) -> Member:
    """Gold with 1,280 points, ¥120 and a coupon; today, since the server reads the real clock."""
    factories.shop()
    factories.policy(checkin_points=2)
    factories.gold_discount()
    person = factories.member(
        tier="金卡", card="9012000000000011", points=1280, principal_fen=10000, bonus_fen=2000
    )
    template = factories.coupon_template("满80减20", 2000, 8000)
    now = clock.now()
    factories.coupon(person, template, expires_at=now + member_sessions.LIFE)
    for lot in person.lots.filter(asset="points"):
        lot.expires_at = now + member_sessions.LIFE
        lot.save(update_fields=["expires_at"])
    rules.publish(actor=None, at=now)
    return person


@pytest.fixture
def phone(browser: Browser, site: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, base_url=site)  # type: ignore[arg-type]
    context.add_cookies([{"name": "django_language", "value": "en", "url": site}])
    yield context
    context.close()


def log_in(context: BrowserContext, member: Member) -> None:
    now = clock.now()
    token = member_sessions.token(member=member, proved_at=now, at=now)
    context.add_cookies(
        [{"name": access.COOKIE, "value": token, "domain": "127.0.0.1", "path": access.PATH}]
    )


def scanned(page: Page) -> set[tuple[str, str]]:
    """What a scanner reads off the screen."""
    picture = Image.open(io.BytesIO(page.locator("[data-code]").screenshot()))
    return {(code.format.name, code.text) for code in zxingcpp.read_barcodes(picture)}


def wait_for(page: Page, words: str, *, seconds: float = 5) -> float:
    """Seconds until the page says this; the CSP forbids Playwright's own way of waiting."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if words in page.locator("body").inner_text():
            return time.monotonic() - start
        page.wait_for_timeout(50)
    raise AssertionError(f"{words!r} never came: {page.locator('body').inner_text()}")


def test_from_the_poster_to_a_card_that_a_scanner_reads(
    phone: BrowserContext, live_db: LiveDatabase
) -> None:
    factories.shop()
    factories.tiers()
    page = phone.new_page()
    watched = Watched(page)
    page.goto("/m/join?c=poster")
    page.fill("#phone", "138 0000 1234")
    page.check("input[name=terms]")
    page.get_by_role("button", name="Send me a code").click()
    code = page.locator("[data-demo-text]").inner_text().split("Your code is ")[1][:6]
    page.locator("#code").press_sequentially(code)  # the sixth digit sends it
    page.wait_for_url("**/m/")
    digits = page.locator(".digits").inner_text().replace(" ", "")[-18:]
    found = scanned(page)
    assert {("Code128", digits), ("QRCode", digits)} <= found
    joined = Member.objects.get()
    assert joined.joined_channel == "poster"
    assert live_codes.claim(code=digits, place="1", at=clock.now()) == joined.pk
    assert watched.complaints == []


def test_the_large_code_is_read_too(phone: BrowserContext, member: Member) -> None:
    log_in(phone, member)
    page = phone.new_page()
    page.goto("/m/")
    page.get_by_role("link", name="Show the code large").click()
    digits = page.locator(".digits").inner_text().replace(" ", "")[-18:]
    assert {("Code128", digits), ("QRCode", digits)} <= scanned(page)
    page.go_back()
    assert page.locator(".balances").is_visible()


def test_the_card_follows_a_sale_within_a_second(phone: BrowserContext, member: Member) -> None:
    log_in(phone, member)
    page = phone.new_page()
    watched = Watched(page)
    page.goto("/m/")
    wait_for(page, "¥120.00")
    digits = page.locator(".digits").inner_text().replace(" ", "")[-18:]
    live_codes.claim(code=digits, place="1", at=clock.now())
    expect(page, ".balances", "¥50.00")
    checkout.settle(
        key=uuid.UUID(int=1),
        cart=Cart((CartLine(amount_fen=10000),), member_id=member.pk, use_stored_value=True),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=clock.now(),
    )
    settled = time.time()
    # ¥100 at 90 % less ¥20: ¥70 of the balance.
    assert noted(page) - settled < 1  # second
    assert watched.complaints == []


def test_a_large_spend_comes_to_the_screen_by_itself(phone: BrowserContext, member: Member) -> None:
    log_in(phone, member)
    page = phone.new_page()
    page.goto("/m/")
    row = confirmations.request(
        member_id=member.pk,
        stored_fen=25000,
        points=0,
        points_fen=0,
        cart_hash="h",
        shop=factories.shop(),
        actor=None,
        at=clock.now(),
    )
    wait_for(page, "¥250.00 from your balance")
    page.get_by_role("button", name="Yes, that is me").click()
    wait_for(page, "Confirmed.")
    state = confirmations.check(confirmation_id=row.pk, member_id=member.pk, at=clock.now())
    assert state == "approved"


def test_without_scripts_the_card_still_serves(browser: Browser, site: str, member: Member) -> None:
    context = browser.new_context(viewport=PHONE, base_url=site, java_script_enabled=False)  # type: ignore[arg-type]
    log_in(context, member)
    page = context.new_page()
    page.goto("/m/")
    assert len(scanned(page)) >= 2
    assert "¥120.00" in page.locator(".balances").inner_text()
    page.locator(".streak button").click()
    assert CheckIn.objects.filter(member=member).count() == 1
    page.goto("/m/coupons")
    assert "¥60.00" in page.locator(".coupon").inner_text()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_a_screen_reader_out(
    browser: Browser, site: str, member: Member, scheme: str
) -> None:
    context = browser.new_context(viewport=PHONE, base_url=site, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for path in ("join", *PAGES):
        if path == PAGES[0]:
            log_in(context, member)
        page.goto(f"/m/{path}")
        report = Axe().run(page)
        found |= {
            f"{path} {violation['id']}": [node["html"][:160] for node in violation["nodes"]]
            for violation in report.response["violations"]
            if violation["impact"] in ("serious", "critical", "moderate")
        }
    context.close()
    assert found == {}


def test_big_letters_and_narrow_screens_only_make_it_longer(
    browser: Browser, site: str, member: Member
) -> None:
    """WeChat's letters go up to about twice the size; nothing may leave the screen sideways."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=site)
    log_in(context, member)
    page = context.new_page()
    wide = {}
    for path in PAGES:
        page.goto(f"/m/{path}")
        page.locator("html").evaluate("node => node.style.fontSize = '200%'")
        over = page.locator("html").evaluate("node => node.scrollWidth - node.clientWidth")
        if over:
            wide[path] = over
    context.close()
    assert wide == {}


def test_everything_to_tap_is_large_enough(phone: BrowserContext, member: Member) -> None:
    log_in(phone, member)
    page = phone.new_page()
    small = {}
    for path in PAGES:
        page.goto(f"/m/{path}")
        for target in page.locator("a.button, button, .tabs a, .balances a, .links a").all():
            box = target.bounding_box()
            if box and (box["height"] < 44 or box["width"] < 44):
                small[f"{path} {target.inner_text()}"] = box["height"]
    assert small == {}
