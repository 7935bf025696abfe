"""Opening a card: everything a member needs, once, however many ask at the same moment."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection

from loyalty.models import Account, Coupon, Entry, GiftPackCoupon, Lot, MemberStats
from loyalty.models import GiftPack as Pack
from loyalty.services import rules
from loyalty.services.joining import join
from members.codes import is_card_number
from members.errors import Refusal
from members.models import Card, Event, Member, Staff
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT, PHONE

# 20 May 2026 in Shanghai, twelve months on, through the whole day.
EXPIRES = dt.datetime(2027, 5, 20, 16, 0, tzinfo=dt.UTC)


def welcome_pack() -> Pack:
    pack = Pack.objects.create(name="新人礼", points=50, bonus_fen=300)
    GiftPackCoupon.objects.create(pack=pack, template=factories.coupon_template("满减"), count=2)
    return pack


@pytest.mark.django_db
def test_a_member_joins() -> None:
    factories.tiers()
    cashier = factories.cashier()
    shop = factories.shop()
    member = join(phone="138 0000 1234", name=" 王小敏 ", shop=shop, actor=cashier, at=AT)
    member.refresh_from_db()
    assert (member.phone, member.phone_tail, member.name, member.pinyin) == (
        PHONE,
        "1234",
        "王小敏",
        "wxm",
    )
    assert (member.status, member.joined_at, member.joined_shop, member.joined_channel) == (
        "active",
        AT,
        shop,
        "counter",
    )
    card = Card.objects.get(member=member)
    assert is_card_number(card.number)
    assert (card.form, card.status, card.issued_at) == ("ecard", "active", AT)
    assert sorted(member.accounts.values_list("kind", "balance", "debt")) == [
        ("bonus", 0, 0),
        ("points", 0, 0),
        ("principal", 0, 0),
    ]
    stats = MemberStats.objects.get(member=member)
    assert stats.tier is not None
    assert (stats.tier.name, stats.tier_since, stats.tier_until) == (
        "普通",
        dt.date(2026, 5, 20),
        None,
    )
    events = Event.objects.filter(member=member)
    assert list(events.values_list("kind", "at", "staff", "shop", "data")) == [
        ("joined", AT, cashier.pk, shop.pk, {"channel": "counter"})
    ]


@pytest.mark.django_db
def test_the_lowest_tier_in_use_counts() -> None:
    tiers = factories.tiers()
    tiers["普通"].is_active = False
    tiers["普通"].save()
    member = join(phone=PHONE, shop=factories.shop(), actor=None, at=AT)
    assert MemberStats.objects.get(member=member).tier == tiers["银卡"]


@pytest.mark.django_db
def test_a_shop_without_tiers() -> None:
    member = join(phone=PHONE, shop=factories.shop(), actor=None, at=AT)
    stats = MemberStats.objects.get(member=member)
    assert (stats.tier, stats.tier_since) == (None, None)


@pytest.mark.django_db
def test_the_welcome_gift() -> None:
    factories.tiers()
    factories.policy(welcome_pack=welcome_pack())
    rules.publish(actor=None, at=AT)
    member = join(phone=PHONE, shop=factories.shop(), actor=None, at=AT)
    balances = dict(member.accounts.values_list("kind", "balance"))
    assert balances == {"points": 50, "bonus": 300, "principal": 0}
    lots = Lot.objects.filter(member=member).order_by("asset")
    assert list(lots.values_list("asset", "points_left", "bonus_left", "expires_at", "source")) == [
        ("points", 50, 0, EXPIRES, "welcome"),
        ("value", 0, 300, None, "welcome"),
    ]
    assert sorted(Entry.objects.values_list("account__kind", "side", "delta", "reason")) == [
        ("bonus", "given", 300, "新人礼"),
        ("points", "given", 50, "新人礼"),
    ]
    coupons = Coupon.objects.filter(member=member)
    assert list(coupons.values_list("source", "uses_left", "status")) == [
        ("welcome", 1, "active"),
        ("welcome", 1, "active"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("by_staff", [True, False])
def test_joining_twice_is_refused(by_staff: bool) -> None:
    factories.tiers()
    actor: Staff | None = factories.cashier() if by_staff else None
    member = join(phone=PHONE, name="王小敏", shop=factories.shop(), actor=actor, at=AT)
    with pytest.raises(Refusal) as caught:
        join(phone="13800001234", name="李四", shop=factories.shop(), actor=actor, at=AT)
    assert (caught.value.code, caught.value.status, caught.value.field) == (
        "already_member",
        409,
        "phone",
    )
    assert caught.value.details == ({"member_id": member.pk} if by_staff else {})
    assert Member.objects.count() == Card.objects.count() == Event.objects.count() - 1 == 1
    assert Account.objects.count() == 3


@pytest.mark.django_db
def test_a_number_of_another_system_is_taken_once() -> None:
    join(phone=None, shop=factories.shop(), actor=None, at=AT, external_no="H-1")
    with pytest.raises(Refusal) as caught:
        join(phone=PHONE, shop=factories.shop(), actor=None, at=AT, external_no="H-1")
    assert caught.value.code == "external_no_taken"
    assert Member.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("phone", "name", "code"),
    [("12345", "", "phone_unreadable"), (PHONE, "王" * 41, "name_unreadable")],
)
def test_what_cannot_be_read_is_refused(phone: str, name: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        join(phone=phone, name=name, shop=None, actor=None, at=AT)
    assert caught.value.code == code
    assert not Member.objects.exists()
    assert not Event.objects.exists()


def test_twenty_at_once_make_one_member(live_db: LiveDatabase) -> None:
    factories.tiers()
    shop = factories.shop()
    cashier = factories.cashier()
    factories.policy(welcome_pack=welcome_pack())
    rules.publish(actor=None, at=AT)
    start = threading.Barrier(20, timeout=30)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            start.wait()
            member = join(phone=PHONE, name="王小敏", shop=shop, actor=cashier, at=AT)
            outcomes.append(f"joined {member.pk}")
        except Refusal as refusal:
            outcomes.append(f"{refusal.code} {refusal.details['member_id']}")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    member = Member.objects.get()
    assert sorted(outcomes) == [f"already_member {member.pk}"] * 19 + [f"joined {member.pk}"]
    assert Card.objects.count() == 1
    assert Account.objects.count() == 3
    assert Event.objects.filter(kind="joined").count() == 1
    assert dict(member.accounts.values_list("kind", "balance")) == {
        "points": 50,
        "bonus": 300,
        "principal": 0,
    }
