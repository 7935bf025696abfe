"""Sixteen at once buy one tier for one member: one is promoted, one price is paid, once."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from loyalty.models import Account, GiftPack, MemberStats, Order, Tier, TierPurchase
from loyalty.services import checkout, rules, upgrade_undoing, upgrading
from loyalty.services.checkout import Cart, CartLine
from members.models import Member
from tests import factories, invariants
from tests.concurrency.crowd import Answer, Outcome, is_found_out, together
from tests.conftest import LiveDatabase
from tests.factories import AT

MANY = 16
PRICE = 5000
GIFT = 200
KEYS = itertools.count(1)


@pytest.fixture(autouse=True)
def _rules(live_db: LiveDatabase) -> None:
    factories.policy()
    factories.tiers()
    factories.shop()
    pack = GiftPack.objects.create(name="金卡礼", points=GIFT)
    Tier.objects.filter(name="金卡").update(price_points=PRICE, upgrade_pack=pack)
    rules.publish(actor=None, at=AT)


def new_key() -> uuid.UUID:
    return uuid.UUID(int=next(KEYS))


def new_member() -> Member:
    """With enough for three upgrades."""
    return factories.member(f"+86139{next(KEYS):08}", points=3 * PRICE)


def buy(member: Member, tier: Tier, *, key: uuid.UUID | None = None) -> Answer:
    return upgrading.buy_tier(
        key=key or new_key(),
        member_id=member.pk,
        tier_id=tier.pk,
        price_points=PRICE,
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def check(outcome: Outcome, member: Member) -> Outcome:
    points = Account.objects.get(member=member, kind="points").balance
    outcome.expect("points", points, 2 * PRICE + GIFT)
    outcome.expect("bought", TierPurchase.objects.filter(member=member).count(), 1)
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return outcome


def sixteen_intents() -> Outcome:
    """Each with a key of its own: two tills, the member's phone, and thirteen more."""
    member, tier = new_member(), Tier.objects.get(name="金卡")
    outcome = together([lambda: buy(member, tier)] * MANY)
    outcome.expect("upgraded", len(outcome.answers), 1)
    outcome.expect("refused", outcome.refused, Counter(tier_not_above=MANY - 1))
    return check(outcome, member)


def one_intent_sixteen_times() -> Outcome:
    member, tier, key = new_member(), Tier.objects.get(name="金卡"), new_key()
    outcome = together([lambda: buy(member, tier, key=key)] * MANY)
    replays = Counter(answer["replayed"] for answer in outcome.answers)
    outcome.expect("answers", replays, Counter({True: MANY - 1, False: 1}))
    outcome.expect("refused", outcome.refused, Counter())
    return check(outcome, member)


def points_enough_for_one() -> Outcome:
    """Eight tills take the points as money off, eight phones buy the tier: one of them has them."""
    member = factories.member(f"+86139{next(KEYS):08}", points=PRICE)
    tier = Tier.objects.get(name="金卡")

    def sell() -> Answer:
        return checkout.settle(
            key=new_key(),
            cart=Cart((CartLine(amount_fen=PRICE),), member_id=member.pk, points=PRICE),
            expected_hash=None,
            tender="cash",
            shop=factories.shop(),
            actor=None,
            at=AT,
        )

    outcome = together([sell, lambda: buy(member, tier)] * (MANY // 2))
    bought = TierPurchase.objects.filter(member=member).count()
    sold = Order.objects.filter(member=member).count()
    outcome.expect("effects", (len(outcome.answers), bought + sold), (1, 1))
    after = ("tier_not_above" if bought else "points_short", "points_short")
    outcome.expect("refused", set(outcome.refused), set(after))
    points = Account.objects.get(member=member, kind="points").balance
    outcome.expect("points", points, GIFT if bought else 0)
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return outcome


SCENARIOS = [sixteen_intents, one_intent_sixteen_times, points_enough_for_one]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_sixteen_at_once_are_one_upgrade(scenario: Callable[[], Outcome]) -> None:
    assert scenario().problems == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_locks_it_is_found_out(scenario: Callable[[], Outcome]) -> None:
    assert is_found_out(scenario)


def test_it_is_undone_once() -> None:
    member = new_member()
    bought = buy(member, Tier.objects.get(name="金卡"))["purchase"]

    def undo() -> Answer:
        return upgrade_undoing.undo(
            key=new_key(), purchase_id=bought, shop=factories.shop(), actor=None, at=AT
        )

    outcome = together([undo] * MANY)
    outcome.expect("undone", len(outcome.answers), 1)
    outcome.expect("refused", outcome.refused, Counter(already_undone=MANY - 1))
    points = Account.objects.get(member=member, kind="points").balance
    outcome.expect("points", points, 3 * PRICE)
    stats = MemberStats.objects.select_related("tier").get(member=member)
    outcome.expect("tier", stats.tier and stats.tier.name, "普通")
    assert outcome.problems == []
