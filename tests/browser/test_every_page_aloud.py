"""axe on every page of the counter and of the card, in all their states: nothing serious."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from loyalty.card import access
from loyalty.models import Order, Tier
from loyalty.services import checkout, claiming, confirmations, rules
from loyalty.services.checkout import Cart, CartLine
from members import clock
from members.models import Member
from members.services import member_sessions
from members.services.staff import set_pin
from tests import factories
from tests.browser.test_counter import DESKTOP, PHONE, Cashier
from tests.browser.test_live_code import gold, shop  # noqa: F401

FOUND = ("serious", "critical")


class Reader:
    """Runs axe on what is on the screen and keeps what it says, by the name of the state."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: dict[str, list[str]] = {}

    def look(self, state: str) -> None:
        for one in Axe().run(self.page).response["violations"]:
            if one["impact"] in FOUND:
                nodes = [node["html"][:200] for node in one["nodes"]]
                self.found[f"{state} {one['id']}"] = nodes

    def look_at(self, address: str) -> None:
        self.page.goto(address)
        self.look(address)


def opened(browser: Browser, site: str, size: tuple[int, int]) -> Page:
    """Light on a desktop, dark on a phone: both palettes are read."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="light" if size == DESKTOP else "dark",
        base_url=site,
    )
    context.add_cookies([{"name": "django_language", "value": "en", "url": site}])
    return context.new_page()


def settled(member: Member | None = None) -> Order:
    done = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart((CartLine(amount_fen=4000),), member_id=member.pk if member else None),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=clock.now(),
    )
    return Order.objects.get(pk=done["order"])


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_counter(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
    size: tuple[int, int],
) -> None:
    factories.top_up_plans()
    page = opened(browser, site, size)
    cashier, reader = Cashier(page, site), Reader(page)
    reader.look_at("/counter/login/")
    cashier.log_in()
    reader.look("empty, with tiles")
    for words in ("690000000000000001", "13912345678", "1234", "w"):
        page.goto("/counter/")
        cashier.types(words)
        reader.look(f"entered {words}")
    page.goto("/counter/")
    cashier.types("13800001234")
    cashier.types("2*latte")
    cashier.types("cake")
    cashier.open_sheet()
    reader.look("quote")
    page.fill("#points", "9999999")
    page.focus("#points")
    cashier.enter()
    reader.look("points refused")
    sell_by_confirmation(page, cashier, reader)
    undo_and_refund(page, cashier, reader)
    ask_a_second_person(page, cashier, reader)
    upgrade_for_points(page, cashier, reader)
    for path in ("top-up/", "join/", "shop/", "orders/", "day/"):
        reader.look_at(f"/counter/{path}")
    page.goto("/counter/join/")
    page.fill("#phone", "138 0000 1234")
    page.focus("#phone")
    cashier.enter()
    reader.look("joined already")
    page.goto("/counter/top-up/")
    cashier.types("13800001234")
    reader.look("top-up plans")
    page.keyboard.press("Space")
    cashier.enter()
    reader.look("topped up")
    assert reader.found == {}


def sell_by_confirmation(page: Page, cashier: Cashier, reader: Reader) -> None:
    """A spend so large that it waits for the member."""
    member = Member.objects.get()
    factories.give_value(member, 100000, 0)
    page.goto("/counter/")
    cashier.types("13800001234")
    cashier.types("2*150")
    cashier.open_sheet()
    page.locator("button[value='stored:on']").click()
    page.locator("button[value='stored:off']").wait_for(state="attached")
    page.locator("#entry").focus()
    cashier.enter()
    page.locator("[data-state=pending]").wait_for()
    reader.look("the member is asked")
    page.fill("#pin", "111")
    page.focus("#pin")
    cashier.enter()
    reader.look("a wrong PIN")


def undo_and_refund(page: Page, cashier: Cashier, reader: Reader) -> None:
    page.goto("/counter/")
    cashier.types("cake")
    cashier.enter()
    reader.look("settled")
    number = Order.objects.latest("pk").pk
    for path in ("?papers=1", "refund/", "receipt/"):
        reader.look_at(f"/counter/orders/{number}/{path}")
    page.goto(f"/counter/orders/{number}/refund/")
    page.fill("[name=amount]", "1")
    page.fill("#reason", "spilt")
    cashier.enter()
    reader.look("refund worked out")
    page.locator("button:focus").wait_for()
    cashier.enter()
    reader.look("refunded in part")
    page.goto("/counter/")
    cashier.types("cake")
    cashier.enter()
    cashier.press(".undo")
    reader.look("undone")


def ask_a_second_person(page: Page, cashier: Cashier, reader: Reader) -> None:
    """A refund above the limit: a wrong PIN, then asked for; it waits when the last sales are
    looked at."""
    chen = factories.manager()
    set_pin(staff_id=chen.pk, pin="4071", actor=chen, at=clock.now())
    page.goto("/counter/")
    cashier.types("300")
    cashier.enter()
    page.goto(f"{page.url}refund/")
    page.fill("[name=amount]", "250")
    page.fill("#reason", "spilt")
    cashier.enter()
    page.locator("#pin:focus").wait_for()
    reader.look("a second person is needed")
    cashier.types("4072")
    page.locator("#pin:focus").wait_for()
    reader.look("their PIN is wrong")
    cashier.press("button[value=ask]")
    reader.look("waits for approval")


def upgrade_for_points(page: Page, cashier: Cashier, reader: Reader) -> None:
    """To Black, by a number alone: so dear that it asks for the PIN."""
    member = Member.objects.get()
    factories.give_points(member, 30000, expires_at=clock.now() + dt.timedelta(days=9))
    price_black(30000)
    page.goto("/counter/")
    cashier.types("13800001234")
    cashier.open_sheet()
    page.get_by_role("link", name="Upgrade to 黑卡 for 30,000 points").click()
    page.locator("button.settle").wait_for()
    reader.look("upgrade, with PIN")
    page.locator("button.settle").click()
    page.locator("[data-code=confirmation_needed]").wait_for()
    reader.look("upgrade refused")
    price_black(1000)
    page.goto(page.url)
    page.locator("button.settle:focus").wait_for()
    page.keyboard.press("Enter")
    page.locator("[data-state=upgraded]").wait_for()
    reader.look("upgraded")
    page.locator("[data-vanish] button").click()
    page.locator("[data-state=undone]").wait_for()
    reader.look("upgrade undone")


def price_black(points: int) -> None:
    factories.tiers()
    Tier.objects.filter(name="黑卡").update(price_points=points)
    rules.publish(actor=None, at=clock.now())


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_card_in_its_rarer_states(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
    size: tuple[int, int],
) -> None:
    page = opened(browser, site, size)
    reader = Reader(page)
    reader.look_at("/m/join")
    page.fill("#phone", "139 0000 1234")
    page.get_by_role("button", name="Send me a code").click()
    reader.look("terms not agreed to")
    page.check("input[name=terms]")
    page.get_by_role("button", name="Send me a code").click()
    page.locator("#code").wait_for()
    reader.look("the code is asked for")
    page.locator("#code").press_sequentially("000000")
    page.locator("[role=alert]").wait_for()
    reader.look("a wrong code")

    now = clock.now()
    token = member_sessions.token(member=gold, proved_at=now, at=now)
    page.context.add_cookies(
        [{"name": access.COOKIE, "value": token, "domain": "127.0.0.1", "path": access.PATH}]
    )
    order = settled(gold)
    reader.look_at(f"/m/orders/{order.pk}")
    guest = claiming.token(settled())
    reader.look_at(f"/m/claim/{guest}")
    reader.look_at("/m/claim/nothing")
    asked = confirmations.request(
        member_id=gold.pk,
        stored_fen=25000,
        points=0,
        points_fen=0,
        cart_hash="h",
        shop=factories.shop(),
        actor=None,
        at=clock.now(),
    )
    reader.look_at(f"/m/confirm/{asked.pk}")
    confirmations.refuse(confirmation_id=asked.pk, member_id=gold.pk, at=clock.now())
    factories.give_points(gold, 3000, expires_at=clock.now() + dt.timedelta(days=9))
    price_black(3000)
    reader.look_at("/m/tiers")
    page.get_by_role("link", name="Upgrade for 3,000 points").click()
    page.get_by_role("button", name="Upgrade for 3,000 points").wait_for()
    reader.look("upgrade")
    Member.objects.update(status="frozen")
    page.get_by_role("button", name="Upgrade for 3,000 points").click()
    page.locator("[role=alert]").wait_for()
    reader.look("upgrade refused")
    reader.look_at("/m/")
    assert reader.found == {}
