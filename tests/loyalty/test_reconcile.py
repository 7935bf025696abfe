"""The reconciliation: no alarm over a lively clean shop, each kind of damage named exactly."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import translation

from loyalty.models import Benefit, Coupon, Entry, Lot, Order, QuotaUse, Tier
from loyalty.selectors import reconciliation
from loyalty.services import (
    adjusting,
    birthdays,
    checkins,
    coupons,
    expiry,
    nightly_tiers,
    redeeming,
    rules,
    sealing,
    top_ups,
    upgrade_undoing,
    upgrading,
)
from loyalty.services.checkout import Cart, CartLine
from loyalty.services.joining import join
from loyalty.services.working import rules_of
from members import clock
from members.models import Member, Shop
from tests import factories
from tests.factories import AT
from tests.loyalty.test_undoing import key, refund, settle, void

pytestmark = pytest.mark.django_db


class Edge(TypedDict):
    """What every service is told by the edge."""

    shop: Shop
    actor: None
    at: dt.datetime


@dataclass(frozen=True)
class World:
    """The cast of a day in which everything happened that changes a balance or a figure."""

    buyer: Member
    other: Member
    order: int  # two lines, coupon, points and stored value, one unit refunded


def _rules() -> None:
    factories.policy(checkin_points=5)
    factories.tiers()
    factories.gold_discount()
    pack = factories.GiftPack.objects.create(name="升级礼", points=88, bonus_fen=500)
    Tier.objects.filter(name="银卡").update(upgrade_pack=pack)
    Tier.objects.filter(name="黑卡").update(birthday_pack=pack)
    Tier.objects.filter(name="黑卡").update(price_points=50)
    factories.coupon_template("满80减20", 2000, 8000)
    factories.coupon_template("洗车", 0, kind="pass", uses=5)
    Benefit.objects.create(
        name="新书", kind="special", text="每月两本", quota=2, quota_period="month"
    )
    factories.top_up_plans()
    rules.publish(actor=None, at=AT)


def _coupon(member: Member, name: str) -> int:
    _id, book = rules_of(None, AT)
    template = next(row for row in book.template_rows.values() if row["name"] == name)
    return coupons.issue(
        member_id=member.pk, template=template, count=1, source="test", order_id=None, at=AT
    )[0]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Sales of all kinds, refunds, a void, top-ups, adjustments, gifts, passes, quotas, expiry."""
    _rules()
    shop = factories.shop()
    edge: Edge = {"shop": shop, "actor": None, "at": AT}
    buyer = join(phone="+8613800000001", name="王小敏", **edge)
    other = join(phone="+8613800000002", name="李雷", **edge)
    plan = factories.TopUpPlan.objects.get(pay_fen=50000)
    top_ups.top_up(
        key=key(1), member_id=buyer.pk, plan_id=plan.pk, amount_fen=None, tender="cash", **edge
    )
    adjusting.adjust(
        key=key(2), member_id=buyer.pk, kind="points", delta=600, reason="开业", **edge
    )
    adjusting.adjust(key=key(3), member_id=buyer.pk, kind="bonus", delta=-100, reason="错", **edge)
    _coupon(buyer, "满80减20")
    order = settle(
        4,
        Cart(
            (CartLine(quantity=2, unit_price_fen=6000), CartLine(amount_fen=3600)),
            member_id=buyer.pk,
            points=500,
            use_stored_value=True,
        ),
    )
    refund(5, order, lines=[(0, 1)])
    void(6, settle(7, Cart((CartLine(amount_fen=60000),), member_id=buyer.pk)))  # up, with a gift
    promoting = settle(8, Cart((CartLine(amount_fen=60000),), member_id=other.pk))
    refund(9, settle(10, Cart((CartLine(amount_fen=9999),), member_id=other.pk)), amount_fen=3333)
    settle(11, Cart((CartLine(amount_fen=700),), member_id=other.pk, points=700))
    refund(13, promoting)  # the points are spent: a debt
    settle(12, Cart((CartLine(amount_fen=1990),)))  # a guest
    books = Benefit.objects.get(name="新书")
    for number in range(2):
        redeeming.redeem_pass(
            key=key(20 + number), member_id=other.pk, coupon_id=_coupon(other, "洗车"), **edge
        )
        redeeming.redeem_special(
            key=key(30 + number), member_id=other.pk, benefit_id=books.pk, **edge
        )
    for days in range(3):
        checkins.check_in(
            member_id=other.pk, shop=shop, actor=None, at=AT + dt.timedelta(days=days)
        )
    _upgrade(buyer, shop)
    _birthday(buyer)
    _imported(shop, other)
    short = factories.give_points(buyer, 30, expires_at=AT + dt.timedelta(days=1))
    assert expiry.expire_points(at=AT + dt.timedelta(days=2)).lots == 1
    assert Lot.objects.get(pk=short.pk).points_left == 0
    nightly_tiers.move_tiers(at=AT + dt.timedelta(days=2))
    last_id = Entry.objects.latest("pk").pk
    monkeypatch.setattr(sealing, "RUN", last_id // 3 + 1)
    assert sealing.seal(through=last_id, at=AT) == 3
    return World(buyer, other, order)


def _upgrade(member: Member, shop: Shop) -> None:
    """To Black for points: bought, undone, and bought again."""
    black = Tier.objects.get(name="黑卡")
    for number in (40, 41):
        at = AT + dt.timedelta(days=number)
        bought = upgrading.buy_tier(
            key=key(number),
            member_id=member.pk,
            tier_id=black.pk,
            price_points=50,
            shop=shop,
            actor=None,
            at=at,
        )
        if number == 40:
            upgrade_undoing.undo(
                key=key(42), purchase_id=bought["purchase"], shop=shop, actor=None, at=at
            )


def _birthday(member: Member) -> None:
    """On a day after the upgrade to Black."""
    at = AT + dt.timedelta(days=50)
    day = clock.local_date(at)
    Member.objects.filter(pk=member.pk).update(birth_month=day.month, birth_day=day.day)
    assert birthdays.give_due(at=at).given == 1


def _imported(shop: Shop, member: Member) -> None:
    """A receipt of another system, before all of ours, and one of nothing."""
    at = AT - dt.timedelta(days=30)
    for number, fen in (("r1", 700), ("r2", 0)):
        order = Order.objects.create(
            external_no=number,
            shop=shop,
            member=member,
            at=at,
            local_date=at.date(),
            is_imported=True,
            is_valid=fen > 0,
            gross_fen=fen + 50,
            base_fen=fen,
            other_fen=fen,
            basis_fen=fen,
        )
        order.lines.create(
            index=0,
            quantity=1,
            list_fen=fen + 50,
            price_off_fen=50,
            base_fen=fen,
            other_fen=fen,
            basis_fen=fen,
        )
        if fen:
            order.tenders.create(kind="unknown", amount_fen=fen)
    sql(
        f"UPDATE loyalty_memberstats SET orders_count = orders_count + 1, net_fen = net_fen + 700,"
        f" basis_fen = basis_fen + 700, first_order_at = '{at.isoformat()}'"
        f" WHERE member_id = {member.pk}"
    )


def sql(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.fixture
def unguarded() -> Iterator[None]:
    """Triggers off, as for whoever has the database's own password."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # what is deferred would fire later, over the damage
    sql("SET LOCAL session_replication_role = replica")
    yield
    sql("SET LOCAL session_replication_role = origin")


def test_a_lively_clean_shop_gives_no_alarm(world: World) -> None:
    report = reconciliation.run()
    assert report.differences == []
    assert report.is_clean
    assert report.counted["members"] == 2
    assert report.counted["orders"] == Order.objects.count() == 10
    assert QuotaUse.objects.count() == 2
    assert Coupon.objects.filter(uses_left=4).count() == 2


# Damage, and the checks that must name it, and no other. What is stored three times (a balance,
# its entries, its lots) is named by each comparison it breaks.
DAMAGE = {
    "a balance raised": (
        "UPDATE loyalty_account SET balance = balance + 1 WHERE id = (SELECT max(id)"
        " FROM loyalty_account WHERE kind = 'points')",
        {"account_balance", "points_lots"},
    ),
    "money made": (
        "UPDATE loyalty_account SET balance = balance + 100 WHERE kind = 'principal'"
        " AND balance > 0",
        {"account_balance", "value_lots"},
    ),
    "a debt forgotten": (
        "UPDATE loyalty_account SET debt = 0, balance = balance + debt WHERE debt > 0",
        {"account_balance", "account_debt"},
    ),
    "a lot refilled": (
        "UPDATE loyalty_lot SET points_left = points_left + 1 WHERE id = (SELECT min(id)"
        " FROM loyalty_lot WHERE points_left < points_issued AND points_left > 0)",
        {"lot_rest", "points_lots"},
    ),
    "a lot's opening changed": (
        "UPDATE loyalty_lot SET bonus_issued = bonus_issued + 1 WHERE id = (SELECT min(id)"
        " FROM loyalty_lot WHERE bonus_left > 0)",
        {"lot_issued"},
    ),
    "an entry changed": (
        "UPDATE loyalty_entry SET delta = delta - 1 WHERE id = (SELECT max(id) FROM loyalty_entry"
        " WHERE side = 'adjustment' AND delta < 0)",
        {"ledger_seals", "account_balance", "running_balance", "lot_rest"},
    ),
    "an entry deleted": (
        "DELETE FROM loyalty_entry WHERE id = (SELECT max(id) FROM loyalty_entry"
        " WHERE side = 'expired')",
        {"ledger_seals", "account_balance", "lot_rest"},
    ),
    "a balance noted wrongly": (
        "UPDATE loyalty_entry SET balance_after = balance_after + 1 WHERE id = (SELECT min(id)"
        " FROM loyalty_entry)",
        {"ledger_seals", "running_balance"},
    ),
    "a lot handed to another member": (
        "UPDATE loyalty_lot SET member_id = (SELECT max(id) FROM members_member)"
        " WHERE id = (SELECT min(id) FROM loyalty_lot WHERE points_left = 0 AND asset = 'points'"
        " AND member_id = (SELECT min(id) FROM members_member))",
        {"entry_owner"},
    ),
    "a top-up changed": (
        "UPDATE loyalty_topup SET paid_fen = paid_fen + 1",
        {"top_up_entries"},
    ),
    "an order's line lost": (
        "DELETE FROM loyalty_orderline WHERE id = (SELECT max(id) FROM loyalty_orderline"
        " WHERE base_fen > 0)",
        {"order_lines"},
    ),
    "a sale's share moved": (
        "UPDATE loyalty_orderline SET points_earned = points_earned + 1 WHERE id = (SELECT min(id)"
        " FROM loyalty_orderline)",
        {"order_lines"},
    ),
    "a tender changed": (
        "UPDATE loyalty_tender SET amount_fen = amount_fen - 1 WHERE id = (SELECT min(id)"
        " FROM loyalty_tender)",
        {"order_tenders"},
    ),
    "points earned that were never given": (
        "UPDATE loyalty_order SET points_earned = points_earned + 10 WHERE id = {order};"
        " UPDATE loyalty_orderline SET points_earned = points_earned + 10 WHERE index = 0"
        " AND order_id = {order}",
        {"order_entries"},
    ),
    "a refund forgotten by its order": (
        "UPDATE loyalty_order SET refunded_base_fen = 0 WHERE id = {order}",
        {"order_refunds"},
    ),
    "an order open again": (
        "UPDATE loyalty_order SET status = 'settled' WHERE id = {order}",
        {"order_status"},
    ),
    "an undone order valid again": (
        "UPDATE loyalty_order SET status = 'settled', is_valid = true WHERE status = 'voided'",
        {"order_status", "member_stats"},
    ),
    "a refund's line lost": (
        "DELETE FROM loyalty_refundline WHERE refund_id = (SELECT id FROM loyalty_refund"
        " WHERE order_id = {order})",
        {"refund_lines"},
    ),
    "a refund's points changed": (
        "UPDATE loyalty_refund SET points_returned = points_returned - 1 WHERE order_id = {order};"
        " UPDATE loyalty_refundline SET points_returned = points_returned - 1 WHERE refund_id ="
        " (SELECT id FROM loyalty_refund WHERE order_id = {order})",
        {"refund_entries"},
    ),
    "more units back than sold": (
        "UPDATE loyalty_refundline SET quantity = 3 WHERE refund_id = (SELECT id"
        " FROM loyalty_refund WHERE order_id = {order})",
        {"refund_above_line"},
    ),
    "a member's figures changed": (
        "UPDATE loyalty_memberstats SET net_fen = net_fen + 1 WHERE member_id = {buyer}",
        {"member_stats"},
    ),
    "a check-in lost": (
        "DELETE FROM loyalty_checkin WHERE id = (SELECT max(id) FROM loyalty_checkin)",
        {"member_stats"},
    ),
    "a member's account lost": (
        "DELETE FROM loyalty_account WHERE member_id = {other} AND kind = 'principal'",
        {"member_incomplete"},
    ),
    "a member's figures lost": (
        "DELETE FROM loyalty_memberstats WHERE member_id = {buyer}",
        {"member_incomplete"},
    ),
    "a used coupon usable again": (
        "UPDATE loyalty_coupon SET status = 'active', uses_left = 1 WHERE status = 'used'",
        {"coupon_uses"},
    ),
    "a coupon handed to another member": (
        "UPDATE loyalty_coupon SET member_id = {buyer} WHERE id = (SELECT min(id)"
        " FROM loyalty_coupon WHERE member_id = {other})",
        {"coupon_owner"},
    ),
    "a coupon out of nowhere": (
        "INSERT INTO loyalty_coupon (code, template_id, member_id, status, uses_left, issued_at,"
        " valid_from, expires_at, source) SELECT '89999999999999', template_id, member_id,"
        " 'active', 5, issued_at, valid_from, expires_at, source FROM loyalty_coupon"
        " WHERE uses_left = 4 LIMIT 1",
        {"coupon_stock"},
    ),
    "an upgrade's price changed": (
        "UPDATE loyalty_tierpurchase SET points = points + 1 WHERE undone_at IS NULL",
        {"tier_purchases"},
    ),
    "an upgrade undone without its points": (
        "UPDATE loyalty_tierpurchase SET undone_at = at WHERE undone_at IS NULL",
        {"tier_purchases"},
    ),
    "an upgrade lost": (
        "DELETE FROM loyalty_tierpurchase WHERE undone_at IS NULL",
        {"tier_purchases"},
    ),
    "a birthday gift forgotten": (
        "DELETE FROM loyalty_birthdaygift",
        {"birthday_gifts"},
    ),
    "a quota overdrawn": (
        "INSERT INTO loyalty_quotause (benefit_id, member_id, period, number, at)"
        " SELECT benefit_id, member_id, period, 3, at FROM loyalty_quotause LIMIT 1",
        {"quota_limit"},
    ),
    "a sealed day changed": (
        "UPDATE loyalty_entry SET at = at - interval '1 day' WHERE id = (SELECT min(id)"
        " FROM loyalty_entry)",
        {"ledger_seals"},
    ),
    "a sealed reason changed": (
        "UPDATE loyalty_entry SET reason = '错' WHERE id = (SELECT max(id) FROM loyalty_entry"
        " WHERE reason = '开业')",
        {"ledger_seals"},
    ),
    "a seal lost": (
        "DELETE FROM loyalty_ledgerseal WHERE id = (SELECT min(id) FROM loyalty_ledgerseal)",
        {"ledger_seals"},
    ),
    "a seal made anew": (
        "UPDATE loyalty_ledgerseal SET chain = content WHERE id = (SELECT max(id)"
        " FROM loyalty_ledgerseal)",
        {"ledger_seals"},
    ),
    "a key without its answer": (
        "UPDATE loyalty_clientkey SET response = NULL WHERE kind = 'void'",
        {"key_unanswered"},
    ),
}


def test_each_kind_of_damage_is_named_exactly(world: World, unguarded: None) -> None:
    found = {}
    for damage, (statement, _names) in DAMAGE.items():
        with transaction.atomic():
            ids = {"order": world.order, "buyer": world.buyer.pk, "other": world.other.pk}
            assert sql(statement.format(**ids)) == 1, damage
            found[damage] = set(reconciliation.run().totals)
            transaction.set_rollback(True)
    assert found == {damage: names for damage, (_statement, names) in DAMAGE.items()}
    assert reconciliation.run().is_clean


def test_each_check_is_tried() -> None:
    tried = set().union(*(names for _statement, names in DAMAGE.values()))
    # What these two compare is also held by CHECK constraints, which no role can pass by.
    assert {check.name for check in reconciliation.CHECKS} - tried == {
        "order_parts",
        "refund_above_order",
    }


def test_what_the_constraints_hold_is_looked_at_too(world: World, unguarded: None) -> None:
    sql("ALTER TABLE loyalty_order DROP CONSTRAINT order_parts_add_up")
    sql("ALTER TABLE loyalty_order DROP CONSTRAINT order_refund_within_paid")
    assert sql(f"UPDATE loyalty_order SET base_fen = 1 WHERE id = {world.order}") == 1
    totals = reconciliation.run().totals
    assert (totals["order_parts"], totals["refund_above_order"]) == (1, 1)


def report_of(**options: int) -> tuple[str, int]:
    out = io.StringIO()
    with translation.override("en"):
        try:
            call_command("reconcile", stdout=out, **options)
        except SystemExit as ended:
            return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_the_command_says_clean(world: World) -> None:
    text, status = report_of()
    assert status == 0
    assert text.startswith(f"clean: {len(reconciliation.CHECKS)} checks, 2 members, 6 accounts, ")


def test_the_command_names_member_and_numbers(world: World, unguarded: None) -> None:
    account = factories.Account.objects.get(member=world.buyer, kind="principal")
    before = account.balance
    sql(f"UPDATE loyalty_account SET balance = balance + 100 WHERE id = {account.pk}")
    sql("UPDATE loyalty_memberstats SET orders_count = 70, checkins_count = 71")
    text, status = report_of(limit=3)
    assert status == 1
    lines = text.splitlines()
    assert lines[0].startswith("account_balance: 1  ")
    assert lines[1] == (
        f"  member {world.buyer.pk}, account {account.pk}, balance: {before + 100}, not {before}"
    )
    assert lines[4].startswith("member_stats: 4  ")
    assert lines[8] == "  … and 1 more"
    assert lines[9].startswith(
        f"6 differences in 3 of {len(reconciliation.CHECKS)} checks (2 members, "
    )
