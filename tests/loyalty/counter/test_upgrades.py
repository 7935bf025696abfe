"""A tier for points at the counter: from the scanned member, with a minute to undo it."""

from __future__ import annotations

import re
import uuid

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from loyalty.models import Account, Entry, MemberStats, Tier, TierPurchase
from loyalty.services import rules
from members import store
from members.models import Event, Member
from members.services import member_pin
from tests import factories
from tests.factories import AT
from tests.loyalty.counter.conftest import CARD, Cast

DRAFT = uuid.UUID(int=7)
SALE = f"/counter/sale/{DRAFT}/"
PIN = "482915"


@pytest.fixture
def black(cast: Cast) -> Tier:
    tier = factories.tiers()["黑卡"]
    Tier.objects.filter(pk=tier.pk).update(price_points=1000)
    rules.publish(actor=None, at=AT)
    return tier


def address(tier: Tier) -> str:
    return f"{SALE}upgrade/{tier.pk}/"


def form_of(html: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(key|price)" value="([^"]+)"', html))


def find_member(client: Client) -> str:
    return client.post(SALE, {"entry": CARD, "do": "go"}, follow=True).text


def state() -> list[object]:
    return [
        list(Account.objects.order_by("id").values()),
        list(MemberStats.objects.values()),
        Entry.objects.count(),
        Event.objects.count(),
        list(TierPurchase.objects.values()),
    ]


def test_the_scanned_member_is_upgraded_and_the_sale_goes_on(client: Client, black: Tier) -> None:
    page = find_member(client)
    assert "Upgrade to 黑卡 for 1,000 points" in page
    assert f'href="{address(black)}"' in page
    client.post(SALE, {"entry": "100", "do": "go"})
    before = state()
    page = client.get(address(black)).text
    assert state() == before
    for words in ("−1,000", "280", "May 20, 2027"):
        assert words in page
    assert 'name="pin"' not in page  # worth ¥10 only
    answer = client.post(address(black), form_of(page))
    bought = TierPurchase.objects.get()
    done = f"/counter/upgraded/{bought.pk}/?sale={DRAFT}"
    assert answer["Location"] == done
    result = client.get(done).text
    assert 'data-state="upgraded"' in result
    assert "黑卡 now" in result
    assert 'data-vanish="60"' in result
    assert (bought.shop.code, bought.staff.username) == ("main", "lin")
    page = client.get(SALE).text
    assert "¥100.00" in page  # the amount is still there, at the new tier: no 9折 of Gold
    assert "Upgrade to" not in page


def test_one_tap_undoes_it_within_a_minute(
    client: Client, cast: Cast, black: Tier, at_work: time_machine.Traveller
) -> None:
    find_member(client)
    client.post(address(black), form_of(client.get(address(black)).text))
    done = f"/counter/upgraded/{TierPurchase.objects.get().pk}/?sale={DRAFT}"
    at_work.shift(59)
    page = client.get(done).text
    assert 'data-vanish="1"' in page
    answer = client.post(done, form_of(page), follow=True)
    assert 'data-state="undone"' in answer.text
    assert "1,000" in answer.text
    assert Account.objects.get(member=cast.member, kind="points").balance == 1280
    assert MemberStats.objects.get(member=cast.member).tier == factories.tiers()["金卡"]


def test_a_minute_later_it_stays(
    client: Client, black: Tier, at_work: time_machine.Traveller
) -> None:
    find_member(client)
    client.post(address(black), form_of(client.get(address(black)).text))
    done = f"/counter/upgraded/{TierPurchase.objects.get().pk}/"
    form = form_of(client.get(done).text)
    at_work.shift(61)
    assert "data-vanish" not in client.get(done).text
    before = state()
    answer = client.post(done, form)
    assert (answer.status_code, state()) == (409, before)
    assert 'data-code="undo_too_late"' in answer.text


def test_another_shops_upgrade_is_not_there(client: Client, black: Tier) -> None:
    find_member(client)
    client.post(address(black), form_of(client.get(address(black)).text))
    bought = TierPurchase.objects.get()
    far = factories.staff("gao", shops=(factories.shop("far", "远店"),))
    browser = Client()
    browser.force_login(far, backend="members.backends.StaffBackend")
    before = state()
    done = reverse("counter:upgraded", args=[bought.pk])
    assert browser.get(done).status_code == 404
    assert browser.post(done, {"key": str(uuid.uuid4())}).status_code == 404
    assert state() == before


def dear(black: Tier, cast: Cast) -> None:
    """30,000 points, worth ¥300: more than a number alone may spend."""
    Tier.objects.filter(pk=black.pk).update(price_points=30000)
    factories.give_points(cast.member, 30000)
    rules.publish(actor=None, at=AT)


def test_many_points_ask_for_the_pin(client: Client, cast: Cast, black: Tier) -> None:
    dear(black, cast)
    member_pin.set_pin(member_id=cast.member.pk, pin=PIN, old_pin="", is_proved=True, at=AT)
    find_member(client)
    page = client.get(address(black)).text
    assert 'name="pin"' in page
    before = state()
    answer = client.post(address(black), form_of(page))
    assert (answer.status_code, state()) == (403, before)
    assert 'data-code="confirmation_needed"' in answer.text
    answer = client.post(address(black), form_of(page) | {"pin": "111222"})
    assert answer.status_code == 403
    assert 'data-code="pin_wrong"' in answer.text
    assert not TierPurchase.objects.exists()
    assert client.post(address(black), form_of(page) | {"pin": PIN}).status_code == 302
    assert TierPurchase.objects.get().points == 30000


def test_without_codes_points_stay_where_they_are(
    client: Client, black: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_member(client)
    form = form_of(client.get(address(black)).text)
    monkeypatch.setattr(store, "is_away", lambda: True)
    before = state()
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (503, before)
    assert 'data-code="spending_away"' in answer.text


def test_what_is_refused_changes_nothing(client: Client, cast: Cast, black: Tier) -> None:
    find_member(client)
    form = form_of(client.get(address(black)).text)
    Tier.objects.filter(pk=black.pk).update(price_points=1100)
    rules.publish(actor=None, at=AT)
    before = state()
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (409, before)
    assert 'data-code="tier_price_changed"' in answer.text
    assert form_of(answer.text)["price"] == "1100"
    Member.objects.filter(pk=cast.member.pk).update(status="frozen")
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (400, before)
    assert 'data-code="member_frozen"' in answer.text
    assert client.post(address(black), {"key": form["key"]}).status_code == 400


def test_without_a_member_there_is_nothing_to_upgrade(client: Client, black: Tier) -> None:
    assert client.get(address(black))["Location"] == SALE
    answer = client.post(address(black), {"key": str(uuid.uuid4()), "price": "1000"})
    assert answer.status_code == 400
    assert 'data-code="member_needed"' in answer.text


def test_the_own_card_is_a_colleagues(client: Client, cast: Cast, black: Tier) -> None:
    find_member(client)
    form = form_of(client.get(address(black)).text)
    cast.cashier.member = cast.member
    cast.cashier.save()
    before = state()
    answer = client.post(address(black), form)
    assert (answer.status_code, state()) == (403, before)
    assert 'data-code="own_card"' in answer.text
