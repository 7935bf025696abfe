"""The card's fixed cast: a gold member with a card, a coupon, points and a balance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import time_machine
from django.test import Client

from loyalty.card import access
from loyalty.models import Coupon
from loyalty.services import rules
from members.codes import check_digit
from members.models import Member, Shop
from members.services import member_sessions
from tests import factories
from tests.factories import AT
from tests.wechat import impatient, wechat

__all__ = ["impatient", "wechat"]
CARD = "901200000000001" + check_digit("901200000000001")


@dataclasses.dataclass
class Cast:
    shop: Shop
    member: Member
    coupon: Coupon


@pytest.fixture
def at_home(db: None) -> Iterator[time_machine.Traveller]:
    """The clock stands at the factories' fixed time."""
    with time_machine.travel(AT, tick=False) as moved:
        yield moved


@pytest.fixture
def cast(db: None) -> Cast:
    """Gold pays 90 %, by stored value another 90 %; 100 points are ¥1; 满80减20 in the wallet."""
    shop = factories.shop()
    factories.menu()
    factories.policy(checkin_points=2)
    factories.gold_discount()
    factories.gold_stored_discount()
    template = factories.coupon_template("满80减20", 2000, 8000)
    member = factories.member(
        tier="金卡", card=CARD, points=1280, principal_fen=10000, bonus_fen=2000
    )
    coupon = factories.coupon(member, template)
    rules.publish(actor=None, at=AT)
    return Cast(shop, member, coupon)


def browser() -> Client:
    """A phone's browser, in English."""
    client = Client()
    client.cookies["django_language"] = "en"
    return client


def logged_in(member: Member) -> Client:
    """A browser that was logged in long ago: the phone is not freshly proved."""
    client = browser()
    long_ago = AT - member_sessions.FRESH * 2
    client.cookies[access.COOKIE] = member_sessions.token(member=member, proved_at=long_ago, at=AT)
    return client


@pytest.fixture
def client(cast: Cast, at_home: time_machine.Traveller) -> Client:
    return logged_in(cast.member)
