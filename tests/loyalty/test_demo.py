"""The demo shop: deterministic, reconciled, and every order can be worked out again."""

from __future__ import annotations

import datetime as dt
import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F, Sum

from loyalty.demo import fill, shop
from loyalty.models import BirthdayGift, Lot, MemberStats, Order, Product, Refund, Tier, TopUp
from loyalty.selectors import reconciliation, today
from loyalty.services import birthdays, checkout
from loyalty.services.again import settle_again
from loyalty.services.checkout import Cart, CartLine
from members.models import Event, Member, Shop, Staff
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

MEMBERS = 150


@pytest.fixture
def filled() -> int:
    """The shop with fewer members than `make run` gives it; the number of their orders."""
    shop.ensure_demo(passwords={"cashier": factories.PASSWORD}, at=AT)
    made = fill.fill(at=AT, members=MEMBERS)
    fill.hand_back(at=AT)
    return made


def test_it_is_a_chain_with_a_year_behind_it(filled: int) -> None:
    assert (Shop.objects.count(), Product.objects.count(), Tier.objects.count()) == (3, 40, 4)
    assert Member.objects.count() == MEMBERS + len(shop.PEOPLE)
    assert MemberStats.objects.filter(tier__rank__gt=0).count() > MEMBERS // 20
    assert Lot.objects.filter(top_up__isnull=False).count() > MEMBERS // 20
    unproved = Member.objects.filter(phone_proved_at=None)
    assert 0 < unproved.count() < MEMBERS // 5
    assert not TopUp.objects.filter(member__in=unproved).exists()
    assert not TopUp.objects.filter(at__lt=F("member__phone_proved_at")).exists()
    first = Order.objects.order_by("at")[0]
    assert AT - dt.timedelta(days=360) < first.at < AT - dt.timedelta(days=300)
    assert Refund.objects.count() == fill.REFUNDS


def test_a_large_purchase_paid_by_points_is_handed_back_with_a_manager(db: None) -> None:
    factories.policy()
    for name, role in (("cashier", "cashier"), ("manager", "manager")):
        factories.staff(name, Staff.Role(role), name=name)
    member = factories.member(points=2000)
    checkout.settle(
        key=uuid.UUID(int=1),
        cart=Cart((CartLine(amount_fen=21000),), member_id=member.pk, points=2000),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT - dt.timedelta(days=1),
    )
    fill.hand_back(at=AT)
    refund = Refund.objects.get()
    assert (refund.base_fen, refund.other_fen, str(refund.approved_by)) == (21000, 19000, "manager")


def test_every_order_comes_out_the_same_by_its_rules_and_inputs(filled: int) -> None:
    orders = list(Order.objects.select_related("ruleset"))
    outcomes = [settle_again(order) for order in orders]
    assert len(orders) == filled + 2  # of the members one is told about
    assert [one.agrees for one in outcomes if one is not None] == [True] * len(orders)
    said = StringIO()
    call_command("settle_again", stdout=said)
    assert f"{len(orders):,}" in said.getvalue()


def test_a_sale_that_was_tampered_with_is_named(filled: int) -> None:
    order = Order.objects.filter(member__isnull=False).latest("pk")
    Order.objects.filter(pk=order.pk).update(basis_fen=order.basis_fen + 1)
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("settle_again", stdout=said)
    assert ended.value.code == 1
    assert f" {order.pk}" in said.getvalue()
    assert f"{order.basis_fen + 1}" in said.getvalue()


def test_its_ledger_is_clean(filled: int) -> None:
    report = reconciliation.run()
    assert report.totals == {}
    assert report.counted["orders"] == filled + 2
    # The year's birthday gifts are what the nights would have given: tonight finds none of them.
    given = BirthdayGift.objects.count()
    assert given == Event.objects.filter(kind="birthday_gift").count() > 5
    today_s = Member.objects.filter(birth_month=AT.month, birth_day=AT.day, birthday_gifts=None)
    expected = today_s.filter(stats__tier__birthday_pack__isnull=False).count()
    assert birthdays.give_due(at=AT + dt.timedelta(hours=2)).given == expected
    assert BirthdayGift.objects.count() == given + expected
    assert reconciliation.run().totals == {}


def test_the_same_day_gives_the_same_shop(filled: int) -> None:
    sums = Order.objects.aggregate(Sum("gross_fen"), Sum("other_fen"), Sum("points_earned"))
    assert (filled, *sums.values()) == (1403, 10154200, 8479140, 71715)
    guests = Order.objects.filter(member=None, inputs__isnull=False)
    assert guests.count() == 422
    assert Event.objects.filter(kind="settled", member=None).count() == 422


def test_today_begins_with_sales_and_nothing_lies_ahead(filled: int) -> None:
    assert not Order.objects.filter(at__gt=AT).exists()
    day = AT.date()
    figures = today.day_figures(
        shop_ids=list(Shop.objects.values_list("pk", flat=True)), days=[day]
    )[day]
    assert figures.orders > 0
    assert figures.net_fen > 0
