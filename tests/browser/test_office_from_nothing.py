"""From what `make empty` gives: an owner builds the card, a member joins, a cashier settles."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page

from loyalty.models import Benefit, CouponTemplate, Order, Policy, Tier, TopUpPlan
from members import clock
from members.models import CardFace, Member
from members.services import staff_changes
from tests import factories
from tests.browser.conftest import Watched
from tests.browser.test_counter import Cashier

SLOGAN = "每一次消费,都离特权更近"
PHONE = "13900001111"


@pytest.fixture
def only_an_owner(live_db: object) -> None:
    """An empty house, as `make empty` opens it: one login, and nothing to use it on."""
    staff_changes.first_owner(login="owner", password=factories.PASSWORD, at=clock.now())


class Office:
    """Fills in forms the way a person does, and waits for the page that follows."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site

    def log_in(self, path: str, name: str, password: str) -> None:
        self.page.goto(self.site + path)
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.send("form:has([name=password]) button >> nth=0")

    def open(self, path: str) -> None:
        answer = self.page.goto(f"{self.site}/admin/{path}")
        assert answer is not None
        assert answer.status == 200, path

    def send(self, button: str = "[name=_save]") -> None:
        with self.page.expect_navigation():
            self.page.click(button)
        assert not self.page.locator(".errors").count(), self.page.inner_text("#main")

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.fill(f"[name='{name}']", value)

    def choose(self, **fields: str) -> None:
        for name, label in fields.items():
            self.page.select_option(f"[name='{name}']", label=label)


def build(office: Office) -> None:
    office.open("members/shop/add/")
    office.fill(name="回头咖啡", code="main")
    office.send()
    for name, threshold in (("普通", "0"), ("银卡", "501"), ("金卡", "2001")):
        office.open("loyalty/tier/?new=1")
        office.fill(**{"new-name": name, "new-threshold_fen": threshold})
        office.send("#tiers_form button.is-main")
    for tier, zhe in (("银卡", "9.5"), ("金卡", "9")):
        office.open("loyalty/benefit/add/")
        office.choose(kind="打折")
        office.fill(name=f"{tier}{zhe}折", rate_pm=zhe)
        office.page.check(f"label:has-text('{tier}') input, label:has-text('{tier}')")
        office.send()
    office.open("loyalty/topupplan/add/")
    office.fill(pay_fen="500", bonus="100")
    office.send()
    office.open("loyalty/coupontemplate/")
    office.fill(line="满200减30 7天")
    office.send("form:has(#coupon-line) button")
    office.page.wait_for_selector(".ht-coupon")
    assert "230元付207元,再用满200减30 → 177元" in office.page.inner_text(".ht-aside")
    office.send()
    office.open("loyalty/giftpack/add/")
    office.fill(name="开卡礼")
    office.choose(**{"items-0-template": "满200减30"})
    office.send()
    office.open("members/cardface/add/")
    office.fill(name="经典", slogan=SLOGAN)
    office.send()
    office.open("loyalty/policy/1/change/")
    office.fill(earn_per_yuan_pm="1")
    office.choose(welcome_pack="开卡礼")
    office.send()
    office.open("members/staff/add/")
    office.fill(display_name="小林", username="lin", new_password=factories.PASSWORD)
    office.choose(role="收银员")
    office.page.check("label:has-text('回头咖啡') input, label:has-text('回头咖啡')")
    office.send()


@pytest.mark.long
def test_from_nothing_to_the_first_sale(only_an_owner: None, browser: Browser, site: str) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 900}, locale="zh-CN")
    page = context.new_page()
    watched = Watched(page)
    office = Office(page, site)
    office.log_in("/admin/login/", "owner", factories.PASSWORD)
    assert page.locator(".ht-step").count() == 9
    for link in page.locator(".ht-step a").all():
        place = link.get_attribute("href") or ""
        assert page.request.get(site + place).status == 200, place
    build(office)
    office.open("")
    assert page.locator(".ht-step").count() == 2  # articles and the first card
    # An example still being worked out is dropped when its page is left.
    assert [one for one in watched.complaints if "ERR_ABORTED" not in one] == []
    context.close()

    thresholds = dict(Tier.objects.values_list("name", "threshold_fen"))
    assert thresholds == {"普通": 0, "银卡": 50100, "金卡": 200100}
    rates = {row.tiers.get().name: row.rate_pm for row in Benefit.objects.all()}
    assert rates == {"银卡": 950, "金卡": 900}
    plan = TopUpPlan.objects.get()
    assert plan.pack is not None
    assert (plan.name, plan.pay_fen, plan.pack.bonus_fen) == ("充500送100", 50000, 10000)
    coupon = CouponTemplate.objects.get()
    assert (coupon.threshold_fen, coupon.amount_fen, coupon.valid_days) == (20000, 3000, 7)
    assert CardFace.objects.get().slogan == SLOGAN
    assert Policy.objects.get().earn_per_yuan_pm == 1000

    join(browser, site)
    member = Member.objects.get()
    assert (member.phone, member.joined_channel) == (f"+86{PHONE}", "poster")
    sell(browser, site)
    order = Order.objects.get()
    assert order.member == member
    assert (order.gross_fen, order.other_fen, order.points_earned) == (20000, 17000, 170)
    assert member.coupons.get().status == "used"


def join(browser: Browser, site: str) -> None:
    """On their own phone, from the poster; afterwards the card is in their hand."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, locale="zh-CN", base_url=site
    )
    page = context.new_page()
    page.goto("/m/join?c=poster")
    page.fill("#phone", PHONE)
    page.check("input[name=terms]")
    page.click("button.main")
    text = page.locator("[data-demo-text]").inner_text()
    code = re.search(r"\d{6}", text)
    assert code, text
    page.locator("#code").press_sequentially(code[0])  # the sixth digit sends it
    page.wait_for_url("**/m/")
    assert SLOGAN in page.inner_text("body")
    assert page.locator("[data-code]").is_visible()
    page.goto("/m/coupons")
    assert "满200减30" in page.inner_text("main")
    context.close()


def sell(browser: Browser, site: str) -> None:
    """At the counter: found by phone, ¥200, Enter; the welcome coupon is used by itself."""
    context = browser.new_context(viewport={"width": 1366, "height": 900}, locale="zh-CN")
    page = context.new_page()
    cashier = Cashier(page, site)
    cashier.log_in()
    cashier.types(PHONE)
    cashier.types("200")  # member, amount, Enter: a whole sale
    assert page.get_attribute(".result", "data-state") == "settled"
    assert cashier.sum() == "¥170.00"
    context.close()
