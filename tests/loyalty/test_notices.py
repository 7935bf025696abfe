"""Every use of a card is told in it: once, by the outbox, with what it came to."""

from __future__ import annotations

import uuid

import pytest

from loyalty.services import adjusting, checkout, joining, merging, notices, top_ups, undoing
from loyalty.services.checkout import Cart, CartLine
from members import registry
from members.models import Event, InboxMessage, Member, Outbox
from members.services import outbox
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _inbox_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_consumers", {})
    registry.register_consumer(notices.CONSUMER, notices.KINDS, notices.tell)


def told() -> list[tuple[str, dict[str, object]]]:
    while outbox.drain_batch(at=AT).claimed:
        pass
    assert not Outbox.objects.exists()
    return list(InboxMessage.objects.order_by("id").values_list("kind", "data"))


def sell(member: Member | None, fen: int, number: int = 1, **more: object) -> int:
    answer = checkout.settle(
        key=uuid.UUID(int=number),
        cart=Cart(
            (CartLine(amount_fen=fen),),
            member_id=member.pk if member else None,
            **more,  # type: ignore[arg-type]
        ),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    return int(answer["order"])


def test_the_app_registers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps import apps

    registry._consumers.clear()
    monkeypatch.setattr(registry, "_closing_guards", {})
    monkeypatch.setattr(registry, "_panels", {})
    apps.get_app_config("loyalty").ready()
    assert [one.name for one in registry.consumers_of("settled")] == ["card_inbox"]
    assert [panel.name for panel in registry.panels_of("counter")] == ["loans", "care", "notes"]
    assert [panel.name for panel in registry.panels_of("card")] == ["loans", "care"]
    assert [panel.name for panel in registry.panels_of("member")] == ["approvals", "loans"]
    assert [one.name for one in registry.consumers_of("closed")] == ["loans", "approvals"]
    assert len(registry.closing_guards()) == 2


def test_a_sale_and_its_undoing() -> None:
    member = factories.member(points=500, principal_fen=10000)
    order = sell(member, 5000, points=500, use_stored_value=True)
    undoing.void(
        key=uuid.UUID(int=2),
        order_id=order,
        reason="typed twice",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    assert told() == [
        (
            "settled",
            {
                "order": order,
                "gross_fen": 5000,
                "stored_fen": 4500,
                "points_used": 500,
                "other_fen": 0,
                "points_earned": 45,
                "shop": "回头咖啡",
            },
        ),
        (
            "voided",
            {
                "order": order,
                "stored_fen": 4500,
                "points_returned": 500,
                "other_fen": 0,
                "points_taken": 45,
                "shop": "回头咖啡",
            },
        ),
    ]


def test_a_guests_sale_is_nobodys() -> None:
    factories.shop()
    sell(None, 5000)
    assert told() == []


def test_top_up_correction_and_promotion() -> None:
    factories.tiers()
    member = factories.member()
    top_ups.top_up(
        key=uuid.UUID(int=3),
        member_id=member.pk,
        plan_id=None,
        amount_fen=10000,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    adjusting.adjust(
        key=uuid.UUID(int=4),
        member_id=member.pk,
        kind="points",
        delta=30,
        reason="spilt coffee",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    sell(member, 60000, number=5)
    found = dict(told())
    assert found["topped_up"] == {"paid_fen": 10000, "bonus_fen": 0, "shop": "回头咖啡"}
    assert found["balance_adjusted"] == {
        "account": "points",
        "delta": 30,
        "reason": "spilt coffee",
        "shop": "回头咖啡",
    }
    assert found["tier_changed"] == {
        "tier": "银卡",
        "is_up": True,
        "points": 0,
        "bonus_fen": 0,
        "coupons": 0,
    }


def test_told_once_however_often_it_is_asked() -> None:
    member = factories.member()
    sell(member, 5000)
    event = Event.objects.get(kind="settled")
    for _time in range(2):
        notices.tell(event, AT)
    assert len(told()) == 1


def test_joining_is_not_a_message() -> None:
    factories.shop()
    joining.join(phone="13800001234", shop=None, actor=None, at=AT)
    assert told() == []


def test_what_is_told_late_comes_to_the_card_that_stayed() -> None:
    kept, merged = factories.member(), factories.member("+8613900005678")
    sell(merged, 5000)
    merging.merge(
        key=uuid.UUID(int=2),
        kept_id=kept.pk,
        merged_id=merged.pk,
        actor=factories.owner(),
        at=AT,
    )
    assert [kind for kind, _data in told()] == ["settled"]
    assert InboxMessage.objects.get().member_id == kept.pk
