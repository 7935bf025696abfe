"""Fills the demo shop with members and their year, and hands a few purchases back."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import connection, transaction
from django.db.models import F

from loyalty.demo import guests, rows
from loyalty.demo.people import people
from loyalty.demo.scene import Article, Ids, Plan, World
from loyalty.demo.year import MemberYear
from loyalty.models import Order, Product, TopUpPlan
from loyalty.services import rules, undoing
from members import clock
from members.models import Event, Shop, Staff
from members.services import events

LARGE_FEN = 20_000  # above it a second person is asked, as the policy has it from the start
REFUNDS, APART = 24, 25  # one of so many, so that no day is all refunds


def world(at: dt.datetime) -> World:
    """What every member's year is worked out by: the rules in force and what is for sale."""
    ruleset = rules.publish(actor=None, at=at)
    book = rules.rulebook(ruleset.pk, ruleset.content_hash)
    cashier = Staff.objects.get(username="cashier")
    shops = list(Shop.objects.order_by("pk").values_list("pk", flat=True))
    articles = [
        Article(pk, name, price_fen or 0, book.ancestors[category] if category else frozenset())
        for pk, name, price_fen, category in Product.objects.order_by("pk").values_list(
            "pk", "name", "price_fen", "category_id"
        )
    ]
    plans = [
        Plan(plan.pk, plan.pay_fen, plan.pack.bonus_fen if plan.pack else 0)
        for plan in TopUpPlan.objects.select_related("pack").filter(tiers=None)
    ]
    return World(
        book=book,
        ruleset_id=ruleset.pk,
        shops=shops,
        cashiers=[cashier.pk] * len(shops),
        articles=articles,
        plans=plans,
        now=at,
    )


def fill(*, at: dt.datetime, members: int) -> int:
    """Make the members, their orders and the guests'; how many orders. All of it or nothing."""
    scene = world(at)
    ids = Ids(
        lot=rows.ids("loyalty_lot"),
        coupon=rows.ids("loyalty_coupon"),
        top_up=rows.ids("loyalty_topup"),
    )
    numbers = rows.take_ids("members_member", members)
    years = []
    for person in people(
        members,
        today=clock.local_date(at),
        shops=len(scene.shops),
        articles=len(scene.articles),
    ):
        year = MemberYear(person, numbers[person.number], scene, ids)
        year.live()
        years.append(year)
    sold = sorted((order for year in years for order in year.orders), key=lambda row: row.at)
    walk_ins = guests.sales(scene, sold)
    with transaction.atomic():
        rows.write(years, walk_ins, ruleset_id=scene.ruleset_id, now=at)
        events.record(kind="demo_filled", at=at, data={"members": members}, outbox=False)
    with transaction.atomic(), connection.cursor() as cursor:
        # Autovacuum may hold a table; it gives way, but on a busy machine not within our patience.
        cursor.execute("SET LOCAL lock_timeout = 0")
        cursor.execute("ANALYZE")
    return len(sold) + len(walk_ins)


def is_filled() -> bool:
    """Whether the members have moved in already."""
    return Event.objects.filter(kind="demo_filled").exists()


def hand_back(*, at: dt.datetime) -> None:
    """A few purchases of the last weeks are refunded, an hour later, as at a counter.

    Each its member's last one, so that no movement of theirs is dated after it; none of today's.
    """
    cashier = Staff.objects.get(username="cashier")
    manager = Staff.objects.get(username="manager")
    last = Order.objects.filter(
        is_valid=True,
        inputs__isnull=False,
        at=F("member__stats__last_order_at"),
        at__lt=clock.start_of_day(clock.local_date(at)),
    ).order_by("-at")
    apart = max(1, min(APART, last.count() // REFUNDS))
    chosen = list(last.select_related("shop")[: REFUNDS * apart : apart])
    # The oldest first, as they would have come: lists show the newest number on top.
    for number, order in enumerate(reversed(chosen)):
        is_large = order.base_fen > LARGE_FEN  # however it was paid
        undoing.refund(
            key=uuid.uuid5(rows.NAMESPACE, f"refund {order.pk}"),
            order_id=order.pk,
            lines=[(0, 1)] if number % 2 else None,
            amount_fen=None,
            reason="口味不合",
            shop=order.shop,
            actor=cashier,
            approver=manager if is_large else None,
            at=order.at + dt.timedelta(hours=1),
        )
