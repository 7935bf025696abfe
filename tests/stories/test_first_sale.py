"""The cashier's first morning: log in, open a card, take money on it, sell, undo, sell, refund.

Over HTTP as a browser without JavaScript does it, CSRF tokens and all; the figures are worked out
by hand in the comments.
"""

from __future__ import annotations

import re
import uuid
from html import unescape
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from loyalty.models import Account, Coupon, GiftPack, GiftPackCoupon, Order, Refund, TopUpPlan
from loyalty.selectors import reconciliation
from loyalty.services import rules
from members.models import Event, Member
from tests import factories, invariants
from tests.factories import AT, PASSWORD

TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)


class Browser:
    """Follows redirects, carries the CSRF token, reads pages as words."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
        self.client.cookies["django_language"] = "en"
        self.page = ""
        self.path = ""

    def open(self, path: str) -> str:
        return self._read(self.client.get(path, follow=True))

    def send(self, path: str, **form: object) -> str:
        token = self.client.cookies["huitou_csrf"].value
        form = {key.replace("__", "-"): value for key, value in form.items()}
        data = {**form, "csrfmiddlewaretoken": token}
        return self._read(self.client.post(path, data, follow=True))

    def _read(self, response: Any) -> str:
        assert response.status_code == 200, response.content.decode()
        self.path = response.request["PATH_INFO"]
        self.page = response.content.decode()
        return " ".join(unescape(TAG.sub(" ", self.page)).split())

    def field(self, name: str) -> str:
        """The value of a field of the page's form."""
        tag = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', self.page)
        value = re.search(r'\bvalue="([^"]*)"', tag[0]) if tag else None
        assert value is not None, f"no field {name} on {self.path}"
        return unescape(value[1])


def held(member: Member) -> dict[str, int]:
    return dict(Account.objects.filter(member=member).values_list("kind", "balance"))


def furnish() -> TopUpPlan:
    """Latte ¥32 and cake ¥36; pay 500, get 100 and a coupon of ¥20 off from ¥80."""
    factories.policy()
    factories.tiers()
    factories.menu()
    factories.cashier()
    pack = GiftPack.objects.create(name="送100", bonus_fen=10000)
    template = factories.coupon_template("满80减20", threshold_fen=8000)
    GiftPackCoupon.objects.create(pack=pack, template=template, count=1)
    plan = TopUpPlan.objects.create(name="充500送100", pay_fen=50000, pack=pack)
    rules.publish(actor=None, at=AT)
    return plan


def ring_up(browser: Browser) -> str:
    """Two lattes and a cake on stored value, up to the amount on the screen."""
    sale = f"/counter/sale/{uuid.uuid4()}/"
    browser.send(sale, entry="13900001111")
    browser.send(sale, entry="2*latte")
    browser.send(sale, entry="cake")
    return browser.send(sale, do="stored:on")


def press_enter(browser: Browser) -> str:
    """Settle what the screen shows."""
    seen = browser.field("hash")
    return browser.send(browser.path, hash=seen, tender="cash", points="0", entry="")


def in_order(words: str, *parts: str) -> bool:
    """Whether the page says all of it, one after the other."""
    return re.search(".*?".join(re.escape(part) for part in parts), words) is not None


@pytest.mark.django_db
def test_the_first_morning() -> None:
    plan = furnish()
    browser = Browser()
    with time_machine.travel(AT, tick=False):
        log_in_and_open_a_card(browser)
        member = Member.objects.get()
        top_up(browser, member, plan)
        sell_and_undo(browser, member)
        sell_again_and_refund_a_latte(browser, member)
    happened = Event.objects.filter(member_id=member.pk).order_by("pk")
    assert list(happened.values_list("kind", flat=True)) == [
        "joined",
        "topped_up",
        "settled",
        "voided",
        "settled",
        "refunded",
    ]
    assert {event.staff.username for event in happened if event.staff} == {"lin"}
    with connection.cursor() as cursor:
        assert invariants.broken(cursor) == []
    assert reconciliation.run().is_clean


def log_in_and_open_a_card(browser: Browser) -> None:
    assert "Log in at the counter" in browser.open("/counter/")
    words = browser.send("/counter/login/", username="lin", password=PASSWORD)
    assert browser.path == "/counter/"
    assert in_order(words, "回头咖啡", "小林", "No member")
    words = browser.send("/counter/join/", phone="139 0000 1111", name="李雷")
    # The sale goes on with the new member, who is not shown in full to whoever looks on.
    assert in_order(words, "The card is open.", "李*", "普通", "139****1111", "Balance ¥0.00")
    assert "李雷" not in words
    assert "13900001111" not in words


def top_up(browser: Browser, member: Member, plan: TopUpPlan) -> None:
    words = browser.open(f"/counter/top-up/?member={member.pk}")
    assert in_order(words, "Plan", "¥500.00 +¥100.00 bonus")
    form = {"member": member.pk, "plan": plan.pk, "amount": "", "tender": "wechat"}
    key = browser.field("key")
    words = browser.send("/counter/top-up/", **form, key=key)
    assert in_order(words, "Topped up", "WeChat Pay", "¥500.00", "+¥100.00", "¥600.00")
    # A second tap on the same form is the same top-up.
    assert browser.send("/counter/top-up/", **form, key=key) == words
    assert held(member) == {"points": 0, "principal": 50000, "bonus": 10000}
    assert Coupon.objects.get().status == "active"


def sell_and_undo(browser: Browser, member: Member) -> None:
    # ¥100 − ¥20 by the coupon = ¥80, drawn 500 : 100 → ¥66.67 + ¥13.33; 66 points on ¥66.67.
    words = ring_up(browser)
    assert in_order(words, "拿铁", "× 2", "¥64.00", "芝士蛋糕", "¥36.00", "Full price", "¥100.00")
    assert in_order(words, "满80减20", "−¥20.00", "principal ¥66.67, bonus ¥13.33", "¥80.00")
    assert in_order(words, "To pay", "¥0.00", "+66 points")
    assert held(member) == {"points": 0, "principal": 50000, "bonus": 10000}  # only a quote
    words = press_enter(browser)
    assert in_order(words, "Settled", "¥80.00", "Undo", "Points now 66", "Balance now ¥520.00")
    assert held(member) == {"points": 66, "principal": 43333, "bonus": 8667}
    assert Coupon.objects.get().status == "used"
    words = browser.send(f"{browser.path}void/", key=browser.field("key"))
    assert in_order(words, "Undone", "¥80.00", "−66", "Points now 0", "Balance now ¥600.00")
    assert held(member) == {"points": 0, "principal": 50000, "bonus": 10000}
    assert Coupon.objects.get().status == "active"


def sell_again_and_refund_a_latte(browser: Browser, member: Member) -> None:
    ring_up(browser)
    words = press_enter(browser)
    assert in_order(words, "Settled", "¥80.00", "Points now 66", "Balance now ¥520.00")
    order = browser.path
    assert [row.status for row in Order.objects.order_by("pk")] == ["voided", "settled"]
    # A latte: ¥32 less its share of the coupon, 20 × 32 ÷ 100 = ¥25.60; of the line's ¥42.67
    # principal half, rounded up, ¥21.34, and ¥4.26 bonus; of its 42 points 21.
    browser.open(f"{order}refund/")
    words = browser.send(f"{order}refund/", quantity__0=1, reason="spilt", key=browser.field("key"))
    assert in_order(words, "¥80.00 of it can go back", "This returns", "¥25.60", "−21")
    assert held(member) == {"points": 66, "principal": 43333, "bonus": 8667}  # only shown
    seen = {"key": browser.field("key"), "seen": browser.field("seen")}
    words = browser.send(f"{order}refund/", quantity__0=1, reason="spilt", **seen)
    assert browser.path == order
    assert in_order(words, "Refunded in part", "¥25.60", "−21", "1 given back", "¥545.60", "spilt")
    assert held(member) == {"points": 45, "principal": 45467, "bonus": 9093}
    refund = Refund.objects.get(is_void=False)
    assert (refund.base_fen, refund.principal_fen, refund.bonus_fen) == (2560, 2134, 426)
