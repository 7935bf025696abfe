"""Taking over the cut of twenty households: exact counts, sums and rows."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.db.models import Count, Sum

from loyalty.models import (
    Account,
    Category,
    Entry,
    Lot,
    MemberStats,
    Order,
    OrderLine,
    PastCampaign,
    PastRedemption,
    PastTarget,
    Product,
    Tender,
)
from members import codes
from members.models import Card, Event, Member, Outbox, Shop, Tag
from tests import factories
from tests.loyalty.imports.folders import AT, CUT, take_over

pytestmark = pytest.mark.django_db

ADDED = {
    "shops": 69,
    "categories": 262,
    "articles": 4345,
    "placeholders": 5,
    "placeholders_named": 0,
    "members": 20,
    "orders": 1049,
    "order_lines": 8931,
    "campaigns": 27,
    "targets": 45,
    "redemptions": 27,
}
TABLES = (
    *(Shop, Member, Card, Tag, Event, Outbox, Account, Lot, Entry, MemberStats, Category, Product),
    *(Order, OrderLine, Tender, PastCampaign, PastTarget, PastRedemption),
)


def state() -> dict[str, tuple[int, str]]:
    """Count and content of every table that an import writes."""
    found = {}
    with connection.cursor() as cursor:
        for model in TABLES:
            table = model._meta.db_table
            cursor.execute(
                f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
            )
            found[table] = cursor.fetchone()
    return found


def test_the_planner_knows_of_what_is_new_before_it_is_counted() -> None:
    """After an import that was taken back, tables have pages but no rows, as far as it knows."""
    take_over(CUT)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::int FROM pg_class"
            " WHERE relname IN ('loyalty_order', 'loyalty_orderline') ORDER BY relname"
        )
        assert cursor.fetchall() == [("loyalty_order", 1049), ("loyalty_orderline", 8931)]


def test_counts_and_sums() -> None:
    summary = take_over(CUT)
    assert summary.added == ADDED
    assert (summary.paid_fen, summary.points) == (3107679, 0)
    assert (summary.found.receipts, summary.found.lines, summary.found.later) == (1049, 8931, 29)
    assert summary.problems.found == []
    sums = Order.objects.aggregate(
        Sum("base_fen"), Sum("gross_fen"), Sum("other_fen"), Sum("basis_fen"), Sum("points_earned")
    )
    assert sums == {
        "base_fen__sum": 3107679,
        "gross_fen__sum": 3107679 + 690260,
        "other_fen__sum": 3107679,
        "basis_fen__sum": 3107679,
        "points_earned__sum": 0,
    }
    lines = OrderLine.objects.aggregate(
        Sum("base_fen"), Sum("list_fen"), Sum("price_off_fen"), Sum("quantity")
    )
    assert lines == {
        "base_fen__sum": 3107679,
        "list_fen__sum": 3797939,
        "price_off_fen__sum": 690260,
        "quantity__sum": 1576749,
    }
    assert Tender.objects.values_list("kind").annotate(Count("id"), Sum("amount_fen")).get() == (
        "unknown",
        1028,
        3107679,
    )
    assert not Entry.objects.exists()
    assert not Lot.objects.exists()
    assert not Outbox.objects.exists()


def test_an_order_is_kept_as_it_was() -> None:
    take_over(CUT)
    order = Order.objects.get(external_no="34749153595")
    assert (order.shop.code, order.channel, order.status) == ("384", "counter", "settled")
    assert order.at == dt.datetime(2017, 8, 7, 23, 27, 57, tzinfo=dt.UTC)
    assert order.local_date == dt.date(2017, 8, 7)
    assert order.is_imported
    assert order.is_valid
    assert order.member is not None
    assert order.member.external_no == "630"
    fuel = order.lines.get(quantity=89638)
    assert (fuel.list_fen, fuel.price_off_fen, fuel.base_fen) == (26345, 1345, 25000)
    assert (fuel.other_fen, fuel.basis_fen, fuel.unit_price_fen) == (25000, 25000, None)
    assert fuel.product is not None
    assert fuel.product.sku == "6534178"
    assert fuel.name == fuel.product.name


def test_dirt_is_kept() -> None:
    take_over(CUT)
    nothing = Order.objects.filter(base_fen=0)
    assert nothing.count() == 21
    assert Order.objects.filter(is_valid=False).count() == 21
    assert not Tender.objects.filter(order__in=nothing).exists()
    assert OrderLine.objects.filter(quantity=0).count() == 82
    paid = OrderLine.objects.filter(quantity=0, base_fen__gt=0).order_by("base_fen")
    assert [(line.order.external_no, line.base_fen) for line in paid] == [
        ("34045418146", 1),
        ("34573678291", 89),
    ]
    # Those of later receipts too, so that these can be rung up.
    placeholders = Product.objects.filter(is_placeholder=True).order_by("sku")
    assert [one.sku for one in placeholders] == [
        *("5977100", "5978648", "5978649", "5978656", "5978659")
    ]
    days = set(Order.objects.values_list("member_id", "local_date"))
    redeemed = PastRedemption.objects.values_list("member_id", "day")
    assert sum(pair not in days for pair in redeemed) == 9


def test_articles_lie_in_categories() -> None:
    take_over(CUT)
    assert Category.objects.filter(parent=None).count() == 20
    fuel = Product.objects.get(sku="6534178")
    assert fuel.category is not None
    assert fuel.category.parent is not None
    assert (fuel.category.name, fuel.category.parent.name) == ("COUPON/MISC ITEMS", "FUEL")
    assert (fuel.brand, fuel.price_fen, fuel.is_active) == ("Private", None, True)
    bare = Product.objects.get(sku="853091")
    assert bare.category is not None
    assert bare.category.parent is None


def test_members_have_card_accounts_figures_and_tags() -> None:
    factories.tiers()
    take_over(CUT)
    member = Member.objects.get(external_no="630")
    assert member.joined_at == dt.datetime(2017, 1, 2, 22, 57, 48, tzinfo=dt.UTC)
    assert (member.joined_channel, member.status, member.phone) == ("import", "active", None)
    card = Card.objects.get(member=member)
    assert codes.is_card_number(card.number)
    assert (card.status, card.form, card.issued_at) == ("active", "ecard", member.joined_at)
    kinds = list(member.accounts.order_by("id").values_list("kind", "balance", "debt"))
    assert kinds == [("points", 0, 0), ("principal", 0, 0), ("bonus", 0, 0)]
    stats = member.stats
    assert stats.tier is not None
    assert (stats.tier.name, stats.tier_since) == ("普通", dt.date(2017, 1, 3))
    assert stats.first_order_at == dt.datetime(2017, 1, 2, 22, 57, 48, tzinfo=dt.UTC)
    assert stats.last_order_at == dt.datetime(2017, 12, 22, 15, 50, 30, tzinfo=dt.UTC)
    assert (stats.orders_count, stats.net_fen, stats.basis_fen) == (89, 374759, 374759)
    fuel = Product.objects.get(sku="6534178").category
    assert fuel is not None
    weeks = [
        *("2017-02-20", "2017-03-27", "2017-04-24", "2017-05-01", "2017-05-29", "2017-06-05"),
        *("2017-08-07", "2017-08-14", "2017-09-04", "2017-09-11", "2017-10-09", "2017-11-20"),
    ]
    assert stats.category_weeks[str(fuel.pk)] == weeks
    assert stats.category_weeks[str(fuel.parent_id)] == weeks
    tags = Member.objects.get(external_no="325").tags.order_by("name")
    assert [tag.name for tag in tags] == ["Age 35-44", "Household 4", "Income 75-99K", "Kids 2"]


def test_who_has_no_receipt_yet_joins_on_the_day_imported_up_to() -> None:
    take_over(CUT, zone="America/New_York")
    member = Member.objects.get(external_no="60")
    assert member.joined_at == dt.datetime(2017, 12, 26, 5, 0, tzinfo=dt.UTC)
    assert member.joined_shop is None
    assert (member.stats.orders_count, member.stats.first_order_at) == (0, None)


def test_one_event_and_no_outbox_row() -> None:
    take_over(CUT)
    event = Event.objects.get(kind="receipts_imported")
    assert (event.at, event.member_id, event.staff_id) == (AT, None, None)
    assert event.data == {
        "before": "2017-12-26",
        "zone": "UTC",
        "paid_fen": 3107679,
        "points": 0,
        "rows_left_out": 0,
        **ADDED,
    }
    # The new categories are part of the rules.
    assert list(Event.objects.exclude(pk=event.pk).values_list("kind", flat=True)) == [
        "rules_published"
    ]


def test_a_repeat_changes_nothing() -> None:
    take_over(CUT, with_points=True)
    before = state()
    summary = take_over(CUT, with_points=True)
    assert not summary.is_new
    assert set(summary.added.values()) == {0}
    assert state() == before


def test_a_later_day_adds_the_rest() -> None:
    take_over(CUT)
    summary = take_over(CUT, before="2018-02-01")
    assert {name: count for name, count in summary.added.items() if count} == {
        "orders": 29,
        "order_lines": 278,
    }
    assert summary.paid_fen == 126755
    stats = Member.objects.get(external_no="60").stats
    assert (stats.orders_count, stats.net_fen) == (2, 9998)
    both = Order.objects.aggregate(Count("id"), Sum("base_fen"))
    assert both == {"id__count": 1078, "base_fen__sum": 3234434}


def test_local_times_mean_what_the_zone_says() -> None:
    take_over(CUT, zone="America/New_York")
    order = Order.objects.get(external_no="34749153595")
    assert order.at == dt.datetime(2017, 8, 8, 3, 27, 57, tzinfo=dt.UTC)
    assert order.local_date == dt.date(2017, 8, 7)


def test_points_when_asked() -> None:
    summary = take_over(CUT, with_points=True)
    assert summary.points == 30593
    assert Order.objects.aggregate(Sum("points_earned")) == {"points_earned__sum": 30593}
    assert OrderLine.objects.aggregate(Sum("points_earned")) == {"points_earned__sum": 30593}
    assert Lot.objects.count() == 1019
    assert Entry.objects.count() == 1019
    assert set(Entry.objects.values_list("side", flat=True)) == {"import"}
    order = Order.objects.get(external_no="34749153595")
    lot = Lot.objects.get(order=order)
    assert (lot.points_issued, lot.points_left) == (order.points_earned, order.points_earned)
    assert lot.issued_at == order.at
    # Twelve months through the same day, in the merchant's zone (8 August in Shanghai).
    assert lot.expires_at == dt.datetime(2018, 8, 8, 16, 0, tzinfo=dt.UTC)
    for account in Account.objects.filter(kind="points"):
        running = 0
        for entry in account.entries.order_by("id"):
            running += entry.delta
            assert entry.balance_after == running
            assert entry.lot is not None
            assert entry.lot.points_left == entry.delta
        assert account.balance == running
    assert not Account.objects.exclude(kind="points").exclude(balance=0).exists()


def test_lines_share_the_points_by_largest_remainder() -> None:
    take_over(CUT, with_points=True)
    order = Order.objects.get(external_no="34576228139")
    assert order.points_earned == 29
    lines = [(line.base_fen, line.points_earned) for line in order.lines.order_by("index")]
    assert lines == [(2000, 19), (100, 1), (100, 1), (399, 4), (99, 1), (298, 3)]


def test_points_repay_a_debt_first() -> None:
    take_over(CUT)
    member = Member.objects.get(external_no="60")
    account = Account.objects.get(member=member, kind="points")
    Entry.objects.create(account=account, side="clawback", delta=-60, balance_after=-60, at=AT)
    Account.objects.filter(pk=account.pk).update(balance=-60, debt=60)
    take_over(CUT, before="2018-02-01", with_points=True)
    account.refresh_from_db()
    assert (account.balance, account.debt) == (38, 0)
    entries = account.entries.order_by("id").values_list(
        "delta", "balance_after", "lot__points_left"
    )
    assert list(entries) == [(-60, -60, None), (49, -11, None), (11, 0, None), (38, 38, 38)]


def test_a_placeholder_gets_its_name_when_the_article_is_known() -> None:
    Product.objects.create(sku="6534178", name="Article 6534178", is_placeholder=True)
    own = Product.objects.create(sku="853091", name="our own name")
    summary = take_over(CUT)
    assert (summary.added["articles"], summary.added["placeholders_named"]) == (4343, 1)
    fuel = Product.objects.get(sku="6534178")
    assert not fuel.is_placeholder
    assert fuel.category is not None
    own.refresh_from_db()
    assert (own.name, own.category) == ("our own name", None)


def test_a_member_who_bears_the_number_is_left_as_they_are() -> None:
    member = factories.member(external_no="630", card="9012000000000009")
    take_over(CUT)
    assert Member.objects.filter(external_no="630").get().name == "王小敏"
    assert Card.objects.get(member=member).number == "9012000000000009"
    assert member.tags.count() == 0
    stats = MemberStats.objects.get(member=member)
    assert (stats.orders_count, stats.net_fen) == (89, 374759)
