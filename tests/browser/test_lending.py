"""A gift for days running and a book to borrow, in a real browser, read aloud by axe."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Browser, Page

from loyalty.card import access
from loyalty.models import Benefit, GiftPack, GiftPackCoupon, Loan, Order
from loyalty.services import checkins, rule_changes, rules
from members import clock
from members.models import Member
from members.services import member_sessions
from tests import factories
from tests.browser.test_counter import DESKTOP, PHONE, Cashier
from tests.browser.test_every_page_aloud import Reader, opened
from tests.browser.test_live_code import gold, shop  # noqa: F401

DAY = dt.timedelta(days=1)


@pytest.fixture
def borrower(gold: Member) -> Member:  # noqa: F811
    """Gold has checked in yesterday, and an umbrella is overdue."""
    now = clock.now()
    coupon = factories.coupon_template("签到5元券", 500)
    pack = GiftPack.objects.create(name="两天礼")
    GiftPackCoupon.objects.create(pack=pack, template=coupon)
    factories.benefit("借书回家", Benefit.Kind.SPECIAL, text="借书", return_days=14)
    umbrella = factories.benefit("借伞", Benefit.Kind.SPECIAL, text="借伞", return_days=3)
    steps = [(2, pack, True)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=now - 2 * DAY)
    checkins.check_in(member_id=gold.pk, shop=None, actor=None, at=now - DAY)
    today = clock.local_date(now)
    Loan.objects.create(
        member=gold,
        benefit=umbrella,
        shop=factories.shop(),
        thing="蓝色长柄伞",
        lent_at=now - 8 * DAY,
        lent_on=today - 8 * DAY,
        due_on=today - 5 * DAY,
    )
    return gold


def side(page: Page) -> str:
    return " ".join(page.locator("aside.side").inner_text().split())


def said(page: Page, words: str) -> None:
    page.locator(".notice.ok", has_text=words).wait_for(state="attached")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_at_the_till(borrower: Member, site: str, browser: Browser, size: tuple[int, int]) -> None:
    page = opened(browser, site, size)
    cashier, reader = Cashier(page, site), Reader(page)
    cashier.log_in()
    cashier.types("13800001234")
    cashier.types("cake")
    cashier.open_sheet()
    reader.look("something is overdue")
    assert "蓝色长柄伞 借伞 · 回头咖啡 5 days overdue Brought back" in side(page)
    assert "借伞 something is overdue" in side(page)
    # Enter lends the book; the sale on the screen is not settled by it.
    page.fill("[name=thing]", "《活着》")
    page.keyboard.press("Enter")
    page.locator(".notice.ok").wait_for(state="attached")
    assert page.locator(".notice.ok").inner_text().startswith("Lent: 《活着》. Due back ")
    assert (Loan.objects.filter(thing="《活着》").count(), Order.objects.count()) == (1, 0)
    assert page.inner_text(".sum >> nth=0") == "¥32.40"
    reader.look("lent")
    page.locator("button[value^='back:']").first.click()
    said(page, "Brought back: 蓝色长柄伞.")
    reader.look("brought back")
    page.locator("button[value='check-in']").click()
    said(page, "Gift for these days, on the card now: 签到5元券.")
    reader.look("checked in with a gift")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert reader.found == {}


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_on_the_card(borrower: Member, site: str, browser: Browser, size: tuple[int, int]) -> None:
    page = opened(browser, site, size)
    reader, now = Reader(page), clock.now()
    token = member_sessions.token(member=borrower, proved_at=now, at=now)
    page.context.add_cookies(
        [{"name": access.COOKIE, "value": token, "domain": "127.0.0.1", "path": access.PATH}]
    )
    reader.look_at("/m/")
    panel = " ".join(page.locator(".streak").inner_text().split())
    assert panel == "Check-in 1 day running Check in today and it is yours: 签到5元券 Check in"
    assert "蓝色长柄伞 回头咖啡 5 days overdue" in " ".join(
        page.locator("section:has(.loans)").inner_text().split()
    )
    page.locator(".streak button").click()
    page.locator(".notice.ok").wait_for()
    assert "For coming so faithfully: 签到5元券. Enjoy it!" in page.inner_text(".notice.ok")
    reader.look("the gift")
    reader.look_at("/m/check-ins")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert reader.found == {}
