"""Large spends on mere identification wait for the member's own yes."""

from __future__ import annotations

import datetime as dt

import pytest

from loyalty.models import Order, SpendConfirmation
from loyalty.services import confirmations
from members.errors import Refusal
from members.models import Event, Member
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


def later(seconds: float) -> dt.datetime:
    return AT + dt.timedelta(seconds=seconds)


def spent(member: Member, fen: int, *, at: dt.datetime = AT, is_valid: bool = True) -> None:
    Order.objects.create(
        shop=factories.shop(),
        member=member,
        at=at,
        local_date=at.date(),
        gross_fen=fen,
        base_fen=fen,
        stored_cover_fen=fen,
        principal_fen=fen,
        basis_fen=fen,
        is_valid=is_valid,
        status="settled" if is_valid else "voided",
    )


def required(member: Member, stored: int, points: int = 0, by: str = "phone") -> bool:
    return confirmations.required(
        member_id=member.pk, stored_fen=stored, points_fen=points, identified_by=by, at=AT
    )


def test_up_to_200_a_sale_is_free_above_it_is_asked() -> None:
    member = factories.member()
    assert not required(member, 0)
    assert not required(member, 20000)
    assert required(member, 20001)
    assert required(member, 15000, 5001)
    assert required(member, 20001, by="card")


def test_the_live_code_is_the_members_own_yes() -> None:
    assert not required(factories.member(), 400000, by="code")


def test_above_500_a_day_is_asked() -> None:
    member = factories.member()
    spent(member, 20000)
    spent(member, 20000)
    assert not required(member, 10000)
    assert required(member, 10001)
    assert not required(member, 0, 0)


def test_yesterday_and_undone_sales_do_not_count() -> None:
    member = factories.member()
    spent(member, 50000, at=AT - dt.timedelta(days=1))
    spent(member, 50000, is_valid=False)
    assert not required(member, 10000)


def ask(member: Member, *, cart: str = "cart-1", at: dt.datetime = AT) -> SpendConfirmation:
    return confirmations.request(
        member_id=member.pk,
        stored_fen=25000,
        points=100,
        points_fen=100,
        cart_hash=cart,
        shop=factories.shop(),
        actor=None,
        at=at,
    )


def state(row: SpendConfirmation, *, at: dt.datetime = AT) -> str:
    return confirmations.check(confirmation_id=row.pk, member_id=row.member_id, at=at)


def decide(row: SpendConfirmation, *, yes: bool = True, at: dt.datetime = AT) -> None:
    act = confirmations.approve if yes else confirmations.refuse
    act(confirmation_id=row.pk, member_id=row.member_id, at=at)


def take(row: SpendConfirmation, *, cart: str = "cart-1", at: dt.datetime = AT) -> None:
    confirmations.take(confirmation_id=row.pk, member_id=row.member_id, cart_hash=cart, at=at)


def test_asked_confirmed_used_once() -> None:
    row = ask(factories.member())
    assert state(row) == "pending"
    decide(row, at=later(20))
    assert state(row) == "approved"
    take(row, at=later(40))
    with pytest.raises(Refusal) as refused:
        take(row, at=later(41))
    assert refused.value.code == "confirmation_needed"
    assert list(Event.objects.values_list("kind", "data")) == [
        ("spend_approved", {"confirmation": row.pk, "stored_fen": 25000, "points": 100})
    ]


def test_refused_is_refused() -> None:
    row = ask(factories.member())
    decide(row, yes=False)
    assert state(row) == "refused"
    with pytest.raises(Refusal):
        take(row)
    with pytest.raises(Refusal) as refused:
        decide(row)
    assert refused.value.code == "confirmation_over"


def test_after_a_minute_it_is_void() -> None:
    row = ask(factories.member())
    assert state(row, at=later(59)) == "pending"
    assert state(row, at=later(60)) == "expired"
    with pytest.raises(Refusal) as refused:
        decide(row, at=later(60))
    assert refused.value.code == "confirmation_over"
    assert not Event.objects.exists()


def test_a_yes_is_for_that_cart_and_not_for_ever() -> None:
    row = ask(factories.member())
    decide(row)
    for wrong in ({"cart": "cart-2"}, {"at": later(300)}):
        with pytest.raises(Refusal):
            take(row, **wrong)
    take(row, at=later(299))


def test_the_same_cart_is_asked_once_another_voids_the_question() -> None:
    member = factories.member()
    first = ask(member)
    assert ask(member, at=later(5)).pk == first.pk
    second = ask(member, cart="cart-2", at=later(6))
    assert state(first, at=later(7)) == "expired"
    waiting = confirmations.pending(member_id=member.pk, at=later(7))
    assert waiting == second


def test_nobody_else_can_say_yes() -> None:
    row = ask(factories.member())
    other = factories.member("+8613900005678", "李明")
    with pytest.raises(Refusal) as refused:
        confirmations.approve(confirmation_id=row.pk, member_id=other.pk, at=AT)
    assert refused.value.code == "confirmation_over"
    with pytest.raises(Refusal) as refused:
        confirmations.check(confirmation_id=row.pk, member_id=other.pk, at=AT)
    assert refused.value.code == "confirmation_unknown"
    assert state(row) == "pending"
