"""The audit trail by a purchase: a guest's too, by its number, its receipt, its amount, its day."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.models import Order
from loyalty.selectors import trail
from loyalty.services import checkout, undoing
from loyalty.services.checkout import Cart, CartLine
from members.models import Event, Shop
from tests.admin.conftest import House, SignedIn
from tests.factories import AT

TRAIL = reverse("admin:members_event_changelist")
DAY = dt.timedelta(days=1)


def sell(shop: Shop, amount_fen: int, *, receipt: str | None = None, at: dt.datetime = AT) -> Order:
    """A guest's purchase."""
    done = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart((CartLine(amount_fen=amount_fen),), external_no=receipt),
        expected_hash=None,
        tender="cash",
        shop=shop,
        actor=None,
        at=at,
    )
    return Order.objects.get(pk=done["order"])


@pytest.fixture
def guest(house: House) -> Order:
    """A guest's ¥38.50 in the main shop, receipt A-17, ¥10 of it given back."""
    order = sell(house.shop, 3850, receipt="A-17")
    undoing.refund(
        key=uuid.uuid4(),
        order_id=order.pk,
        lines=None,
        amount_fen=1000,
        reason="太甜",
        shop=house.shop,
        actor=house.cashier,
        at=AT,
    )
    return order


def found(browser: Client, q: str, **filters: Any) -> list[tuple[str, int]]:
    rows = browser.get(TRAIL, {"q": q, **filters}).context["cl"].result_list
    return [(event.kind, event.data.get("order", 0)) for event in rows]


@pytest.mark.parametrize(
    "words",
    ["#%s", "A-17", "¥38.50", "38.50", "38.5元", "￥38.5", "３８．５０"],
)
def test_a_guests_purchase_is_found(owner: Client, guest: Order, words: str) -> None:
    asked = words % guest.pk if "%s" in words else words
    assert found(owner, asked) == [("refunded", guest.pk), ("settled", guest.pk)]


@pytest.mark.parametrize(
    "words", ["#999999", "#", "#x", "#" + "9" * 30, "A-18", "¥38.51", "¥1e3", "38", "¥", "元", "."]
)
def test_what_is_not_there_is_not_found(owner: Client, guest: Order, words: str) -> None:
    assert found(owner, words) == []


def test_a_members_purchase_is_found_in_the_same_ways(house: House, owner: Client) -> None:
    order = house.order
    both = [("refunded", order.pk), ("settled", order.pk)]
    assert found(owner, f"#{order.pk}") == both
    Order.objects.filter(pk=order.pk).update(external_no="M-3")
    assert found(owner, "M-3") == both
    # ¥100 before discounts in either shop, ¥90 paid.
    assert {number for _kind, number in found(owner, "¥100")} == {order.pk, house.far_order.pk}
    assert order.other_fen == 7000
    assert {number for _kind, number in found(owner, "¥70.00")} == {order.pk}


def test_a_claimed_purchase_keeps_its_first_line(house: House, owner: Client, guest: Order) -> None:
    """Settled as a guest's, later a member's: both parts of its story are told."""
    Order.objects.filter(pk=guest.pk).update(member=house.member)
    Event.objects.create(
        kind="points_claimed",
        at=AT,
        member=house.member,
        data={"order": guest.pk, "points": 28},
    )
    assert [kind for kind, _number in found(owner, f"#{guest.pk}")] == [
        "points_claimed",
        "refunded",
        "settled",
    ]


def test_an_amount_is_looked_for_in_the_days_chosen_or_the_last_month(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    old, late = sell(house.shop, 3850, at=AT - 40 * DAY), sell(house.shop, 3850, at=AT - 30 * DAY)
    assert found(owner, "¥38.50") == [("settled", late.pk)]
    day = (AT - 40 * DAY).date().isoformat()
    assert found(owner, "¥38.50", at_from=day, at_to=day) == [("settled", old.pk)]


def test_a_shop_and_a_day_are_enough(house: House, owner: Client) -> None:
    """The last day counts whole, by the shop's clock."""
    midnight = dt.datetime(2026, 5, 17, 16, tzinfo=dt.UTC)  # 18 May in Shanghai
    before = sell(house.shop, 100, at=midnight - dt.timedelta(seconds=1))
    first = sell(house.shop, 200, at=midnight)
    last = sell(house.shop, 300, at=midnight + DAY - dt.timedelta(seconds=1))
    after = sell(house.shop, 400, at=midnight + DAY)
    sell(house.far_shop, 500, at=midnight)

    def on(day: str, to: str | None = None) -> list[int]:
        filters = {"at_from": day, "at_to": to or day, "shop__id__exact": house.shop.pk}
        return [number for _kind, number in found(owner, "", **filters)]

    assert on("2026-05-18") == [last.pk, first.pk]
    assert on("2026-05-17", "2026-05-18") == [last.pk, first.pk, before.pk]
    assert on("2026-05-19") == [after.pk]
    assert on("nonsense", "9999-12-31") == on("", "")  # no day is named: all of them


def test_each_finds_what_is_in_their_shops(house: House, signed_in: SignedIn, guest: Order) -> None:
    far = sell(house.far_shop, 3850, receipt="B-1")
    manager, stranger = signed_in("manager"), signed_in("far_manager")
    for words in (f"#{guest.pk}", "A-17", "¥38.50"):
        assert {number for _kind, number in found(manager, words)} == {guest.pk}
    for words in (f"#{guest.pk}", "A-17"):
        assert found(stranger, words) == []
    assert found(stranger, "¥38.50") == [("settled", far.pk)]
    assert signed_in("cashier").get(TRAIL, {"q": f"#{guest.pk}"}).status_code == 403


def test_many_found_ask_no_more_than_one(house: House, owner: Client) -> None:
    sell(house.shop, 3850)
    owner.get(TRAIL, {"q": "¥38.50"})
    with CaptureQueriesContext(connection) as one:
        assert len(found(owner, "¥38.50")) == 1
    for _number in range(20):
        sell(house.shop, 3850)
    with CaptureQueriesContext(connection) as many:
        assert len(found(owner, "¥38.50")) == 21
    assert len(many) == len(one) <= 20


def test_a_guests_purchase_is_found_by_its_index(house: House, guest: Order) -> None:
    for _number in range(30):
        sell(house.shop, 100)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as asked:
            ids = trail.events_of(
                f"#{guest.pk}", shop_ids=[], first=None, last=None, today=AT.date()
            )
        assert len(ids) == 2
        guests = next(query["sql"] for query in asked if '"members_event"' in query["sql"])
        cursor.execute(f"EXPLAIN {guests}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "event_guest_order" in plan


@pytest.mark.parametrize(
    ("table", "column"), [("loyalty_entry", "at"), ("loyalty_coupon", "issued_at")]
)
def test_a_day_of_the_other_lists_is_whole_too(
    house: House, owner: Client, table: str, column: str
) -> None:
    lists = reverse(f"admin:{table}_changelist")
    counts = {}
    for day in ("2026-05-19", "2026-05-20", "2026-05-21"):
        page = owner.get(lists, {f"{column}_from": day, f"{column}_to": day})
        counts[day] = len(page.context["cl"].result_list)
    all_rows = len(owner.get(lists).context["cl"].result_list)
    assert counts == {"2026-05-19": 0, "2026-05-20": all_rows, "2026-05-21": 0}
    assert all_rows
