"""A tier for points on the member's own card: what it costs, what changes, a yes."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from loyalty.models import (
    Account,
    Entry,
    GiftPack,
    GiftPackCoupon,
    MemberStats,
    Tier,
    TierPurchase,
)
from loyalty.services import rules
from members.models import Event, Member
from tests import factories
from tests.factories import AT
from tests.loyalty.card.conftest import Cast, logged_in
from tests.loyalty.card.test_home import words

PRICE = 1000


@pytest.fixture
def black(cast: Cast) -> Tier:
    """Black for 1,000 points, with a gift and a benefit of its own."""
    factories.benefit("黑卡 8折", "percent", tier="黑卡", rate_pm=800)
    pack = GiftPack.objects.create(name="黑卡礼", points=50, bonus_fen=1000)
    GiftPackCoupon.objects.create(pack=pack, template=factories.coupon_template("甜点券"), count=2)
    tier = factories.tiers()["黑卡"]
    Tier.objects.filter(pk=tier.pk).update(price_points=PRICE, upgrade_pack=pack)
    rules.publish(actor=None, at=AT)
    return tier


def address(tier: Tier) -> str:
    return f"/m/tiers/{tier.pk}/upgrade"


def form_of(html: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(key|price)" value="([^"]+)"', html))


def state() -> list[object]:
    return [
        list(Account.objects.order_by("id").values()),
        list(MemberStats.objects.values()),
        Entry.objects.count(),
        Event.objects.count(),
        TierPurchase.objects.count(),
    ]


def test_from_the_ladder_to_the_new_tier(client: Client, black: Tier) -> None:
    assert "Upgrade to 黑卡 for 1,000 points" in words(client.get("/m/").text)
    ladder = client.get("/m/tiers").text
    assert "Upgrade for 1,000 points" in words(ladder)
    assert f'href="{address(black)}"' in ladder
    before = state()
    page = client.get(address(black)).text
    assert state() == before  # looking buys nothing
    text = words(page)
    for sentence in (
        "It costs 1,000 points You have 1,280; 280 are left then.",
        "黑卡 8折",
        "No longer then: 金卡 9折、储值再9折",
        "On arrival: 50 points + ¥10.00 bonus + 甜点券 × 2",
        "黑卡 holds at once and is kept through May 20, 2027.",
        "It goes on from there with ¥10,001 of purchases in 365 days; else the card has the tier"
        " that your purchases have earned.",
        "Upgrade for 1,000 points Not now",
    ):
        assert sentence in text
    answer = client.post(address(black), form_of(page), follow=True)
    assert answer.redirect_chain == [("/m/tiers", 302)]
    text = words(answer.text)
    assert "You are 黑卡 now!" in text
    assert "黑卡 my tier" in text
    assert "kept through May 20, 2027" in text
    assert "Upgrade to 黑卡 10:00 −1,000 left 280" in words(client.get("/m/points").text)
    row = TierPurchase.objects.get()
    assert (row.shop, row.staff, row.points) == (None, None, 1000)


def test_a_second_tap_is_the_same_upgrade(client: Client, black: Tier) -> None:
    form = form_of(client.get(address(black)).text)
    client.post(address(black), form)
    after = state()
    assert client.post(address(black), form).status_code == 302
    assert state() == after


def test_too_few_points_are_told_how_many_more(client: Client, cast: Cast, black: Tier) -> None:
    Tier.objects.filter(pk=black.pk).update(price_points=5000)
    rules.publish(actor=None, at=AT)
    ladder = client.get("/m/tiers").text
    assert "or for 5,000 points: 3,720 more" in words(ladder)
    assert address(black) not in ladder
    page = client.get(address(black)).text
    assert "You have 1,280: 3,720 more." in words(page)
    assert "<button" not in page.partition("<main")[2].partition("</main")[0]
    before = state()
    answer = client.post(address(black), form_of(page))
    assert (answer.status_code, state()) == (400, before)
    assert 'data-code="points_short"' in answer.text


def test_a_price_that_changed_is_shown_before_it_is_paid(client: Client, black: Tier) -> None:
    form = form_of(client.get(address(black)).text)
    Tier.objects.filter(pk=black.pk).update(price_points=1100)
    rules.publish(actor=None, at=AT)
    before = state()
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (409, before)
    assert 'data-code="tier_price_changed"' in answer.text
    assert "it is 1,100 points now" in words(answer.text)
    assert form_of(answer.text)["price"] == "1100"
    assert client.post(address(black), form_of(answer.text)).status_code == 302
    assert TierPurchase.objects.get().points == 1100


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price_points": None}, "tier_not_sold"),
        ({"is_active": False}, "tier_not_sold"),
    ],
)
def test_what_is_not_sold_any_more(
    client: Client, black: Tier, change: dict[str, object], code: str
) -> None:
    form = form_of(client.get(address(black)).text)
    Tier.objects.filter(pk=black.pk).update(**change)
    rules.publish(actor=None, at=AT)
    before = state()
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (409, before)
    assert f'data-code="{code}"' in answer.text
    assert client.get(address(black))["Location"] == "/m/tiers"


@pytest.mark.parametrize("form", [{}, {"price": "1000"}, {"key": "x", "price": "1000"}])
def test_a_form_that_is_not_whole_buys_nothing(
    client: Client, black: Tier, form: dict[str, str]
) -> None:
    before = state()
    assert client.post(address(black), form).status_code == 400
    key = "00000000-0000-0000-0000-000000000001"
    for price in ("", "-1", "1e3", "１０００", "9" * 11):
        answer = client.post(address(black), {"key": key, "price": price})
        assert answer.status_code == 400
        assert 'data-code="price_unreadable"' in answer.text
    assert state() == before


def test_a_frozen_card_buys_nothing(client: Client, black: Tier) -> None:
    form = form_of(client.get(address(black)).text)
    Member.objects.update(status="frozen")
    before = state()
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (400, before)
    assert 'data-code="member_frozen"' in answer.text


def test_whoever_asks_buys_for_themselves(client: Client, cast: Cast, black: Tier) -> None:
    other = factories.member("+8613900005678", "李明", points=5000)
    form = form_of(logged_in(other).get(address(black)).text)
    assert logged_in(other).post(address(black), form).status_code == 302
    assert MemberStats.objects.get(member=cast.member).tier != black
    assert MemberStats.objects.get(member=other).tier == black
