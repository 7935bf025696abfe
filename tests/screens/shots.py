"""`make screenshots`: the pictures of the README, of a shop whose day has just begun.

pytest tests/screens/shots.py
"""

from __future__ import annotations

import datetime as dt
import io
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models import Count
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from loyalty.card import access
from loyalty.demo import fill
from loyalty.demo import shop as demo
from loyalty.models import Account, Benefit, CouponTemplate, MemberStats, Order, Product
from loyalty.services import checkins, rules
from loyalty.services.checkout import Cart, CartLine, settle
from members import clock
from members.models import CardFace, Member, Shop, Staff
from members.services import live_codes, member_sessions
from tests import factories
from tests.browser.test_counter import CARD, Cashier

FOLDER = Path(os.environ.get("SCREENSHOTS", "docs/screenshots"))
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOST = "9012000000000020"  # of a card that was frozen
LANGUAGES = {"zh": "zh-hans", "en": "en"}


@pytest.fixture
def member(live_db: object) -> Member:
    now = clock.now()
    later = now + dt.timedelta(days=30)
    factories.cashier()
    factories.menu()
    factories.product("americano", "美式", 2400)
    factories.policy(checkin_points=2)
    factories.gold_discount()
    factories.gold_stored_discount()
    factories.benefit(
        "借阅新书",
        Benefit.Kind.SPECIAL,
        tier="金卡",
        text="每月两本",
        quota=2,
        quota_period="month",
    )
    CardFace.objects.create(name="回头", brand_colour="#7A4B2A", slogan="每一次消费,都离特权更近")
    person = factories.member(tier="金卡", card=CARD, principal_fen=10000, bonus_fen=2000)
    factories.give_points(person, 1280, expires_at=later)
    for number, (name, off, threshold) in enumerate(
        (("满80减20", 2000, 8000), ("满100减25", 2500, 10000))
    ):
        template = factories.coupon_template(name, off, threshold)
        factories.coupon(person, template, f"8000000000001{number}", expires_at=later)
    factories.member("+8613900005678", "李小龙", card=LOST, status=Member.Status.FROZEN)
    factories.top_up_plans()
    rules.publish(actor=None, at=now)
    shop = factories.shop()
    for days in (2, 1):
        then = now - dt.timedelta(days=days)
        checkins.check_in(member_id=person.pk, shop=shop, actor=None, at=then)
    return person


def _page(
    browser: Browser, site: str, size: dict[str, int], language: str
) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport=size, base_url=site, reduced_motion="reduce")  # type: ignore[arg-type]
    context.add_cookies([{"name": "django_language", "value": LANGUAGES[language], "url": site}])
    return context, context.new_page()


def _keeper(page: Page, language: str) -> Callable[[str], None]:
    FOLDER.mkdir(parents=True, exist_ok=True)

    def keep(name: str) -> None:
        shot = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
        # A page of few colours: a third of the bytes, to the eye the same.
        shot.convert("RGB").quantize(200).save(FOLDER / f"{name}-{language}.png", optimize=True)

    return keep


def _ring_up(cashier: Cashier, member: Member) -> None:
    cashier.types(live_codes.issue(member_id=member.pk, at=clock.now()).digits)
    cashier.types("2*latte")
    cashier.types("cake")


@pytest.mark.parametrize("language", LANGUAGES)
def test_counter(browser: Browser, site: str, member: Member, language: str) -> None:
    context, page = _page(browser, site, DESKTOP, language)
    keep = _keeper(page, language)
    cashier = Cashier(page, site)
    cashier.log_in()
    cashier.types(LOST)
    keep("counter-refused")
    page.goto("/counter/")
    _ring_up(cashier, member)
    page.fill("#points", "500")
    page.focus("#points")
    cashier.enter()
    keep("counter-quote")
    cashier.enter()
    keep("counter-result")
    page.goto("/counter/")
    keep("counter-empty")
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_counter_on_a_phone(browser: Browser, site: str, member: Member, language: str) -> None:
    context, page = _page(browser, site, PHONE, language)
    keep = _keeper(page, language)
    cashier = Cashier(page, site)
    cashier.log_in()
    _ring_up(cashier, member)
    keep("counter-phone")
    cashier.open_sheet()
    page.wait_for_timeout(300)
    keep("counter-phone-sheet")
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_card(browser: Browser, site: str, member: Member, language: str) -> None:
    context, page = _page(browser, site, PHONE, language)
    keep = _keeper(page, language)
    page.goto("/m/join?c=poster")
    keep("join")
    at = clock.now()
    token = member_sessions.token(member=member, proved_at=at, at=at)
    context.add_cookies([{"name": access.COOKIE, "value": token, "url": f"{site}/m/"}])
    for name, path in (("card", ""), ("coupons", "coupons"), ("points", "points")):
        page.goto(f"/m/{path}")
        keep(name)
    context.close()


MOVED_IN = 600  # of the demo shop's 5,000 members: enough for lively pages


@pytest.fixture
def back_office(live_db: object) -> dict[str, str]:
    """The demo chain after a busy morning, and where each picture of the back office is taken."""
    now = clock.now()
    demo.ensure_demo(passwords={"owner": factories.PASSWORD}, at=now - dt.timedelta(hours=3))
    fill.fill(at=now - dt.timedelta(hours=3), members=MOVED_IN)
    fill.hand_back(at=now - dt.timedelta(hours=3))
    _morning(now)
    regular = MemberStats.objects.filter(tier__rank=2).order_by("-orders_count")[0]
    told = Order.objects.filter(member__isnull=False, points_used__gt=0).annotate(
        told=Count("steps")
    )
    coupon = CouponTemplate.objects.get(name="满80减20")
    face = CardFace.objects.get(name="金")
    return {
        "office-home": reverse("admin:index"),
        "office-members": reverse("admin:members_member_changelist"),
        "office-tiers": reverse("admin:loyalty_tier_changelist"),
        "office-face": reverse("admin:members_cardface_change", args=[face.pk]),
        "office-coupon": reverse("admin:loyalty_coupontemplate_change", args=[coupon.pk]),
        "office-member": reverse("admin:members_member_change", args=[regular.member_id]),
        "office-order": reverse(
            "admin:loyalty_order_change", args=[told.order_by("-told", "-pk")[0].pk]
        ),
        "office-ledger": reverse("admin:loyalty_entry_changelist"),
    }


def _morning(now: dt.datetime) -> None:
    """Today's sales in all three shops, some by stored value, some with points."""
    shops, cashier = list(Shop.objects.order_by("pk")), Staff.objects.get(username="cashier")
    regulars = MemberStats.objects.filter(orders_count__gt=5).order_by("-orders_count")[:28]
    articles = list(Product.objects.order_by("pk"))
    points = dict(Account.objects.filter(kind="points").values_list("member", "balance"))
    for number, stats in enumerate(regulars):
        cart = Cart(
            (
                CartLine(product_id=articles[number * 7 % len(articles)].pk, quantity=2),
                CartLine(product_id=articles[(number * 11 + 3) % len(articles)].pk),
            ),
            member_id=stats.member_id,
            points=200 if points[stats.member_id] >= 200 and number % 4 == 0 else 0,
            use_stored_value=number % 3 == 0,
        )
        settle(
            key=uuid.uuid5(uuid.NAMESPACE_OID, str(number)),
            cart=cart,
            expected_hash=None,
            tender=("wechat", "alipay", "cash")[number % 3],
            shop=shops[number % len(shops)],
            actor=cashier,
            at=now - dt.timedelta(minutes=150 - 5 * number),
        )


def test_back_office(browser: Browser, site: str, back_office: dict[str, str]) -> None:
    for language in LANGUAGES:
        for size, mark in ((DESKTOP, ""), (PHONE, "-phone")):
            context, page = _page(browser, site, size, language)
            keep = _keeper(page, language)
            page.goto("/admin/login/")
            page.fill("[name=username]", "owner")
            page.fill("[name=password]", factories.PASSWORD)
            with page.expect_navigation():
                page.click("#login-form button[type=submit]")
            for name, path in back_office.items():
                page.goto(path)
                page.wait_for_load_state("networkidle")
                keep(name + mark)
            context.close()
