"""What a card may hold at most, however money comes onto it; and by whose hand it may not come."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import translation

from loyalty.models import Account, Entry, TopUp
from loyalty.services import adjusting, rules, top_ups
from members.errors import Refusal
from members.models import Event, Member, Staff
from members.services import members as member_service
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

MOST_FEN = 500_000
UNPROVED_FEN = 100_000


@pytest.fixture
def member() -> Member:
    policy = factories.policy()
    assert policy.top_up_max_balance_fen == MOST_FEN
    rules.publish(actor=None, at=AT)
    return factories.member()


def correct(number: int, member: Member, kind: str, delta: int) -> None:
    adjusting.adjust(
        key=uuid.UUID(int=number),
        member_id=member.pk,
        kind=kind,
        delta=delta,
        reason="找错钱",
        shop=None,
        actor=None,
        at=AT,
    )


def pay_in(member: Member, actor: Staff | None, amount_fen: int = 100, number: int = 9) -> None:
    top_ups.top_up(
        key=uuid.UUID(int=number),
        member_id=member.pk,
        plan_id=None,
        amount_fen=amount_fen,
        tender="cash",
        shop=factories.shop(),
        actor=actor,
        at=AT,
    )


def held(member: Member) -> dict[str, int]:
    return dict(Account.objects.filter(member=member).values_list("kind", "balance"))


@pytest.mark.parametrize("kind", ["principal", "bonus"])
def test_a_correction_fills_the_card_and_no_more(member: Member, kind: str) -> None:
    correct(1, member, "principal", MOST_FEN - 100)
    correct(2, member, kind, 100)
    full, entries = held(member), Entry.objects.count()
    assert full["principal"] + full["bonus"] == MOST_FEN
    for number, more in ((3, "principal"), (4, "bonus")):
        with pytest.raises(Refusal) as refused:
            correct(number, member, more, 1)
        assert (refused.value.code, refused.value.field) == ("balance_limit", "delta")
        assert refused.value.details == {"limit_fen": MOST_FEN, "would_hold_fen": MOST_FEN + 1}
    assert (held(member), Entry.objects.count()) == (full, entries)
    correct(5, member, "points", 1_000_000)
    correct(6, member, kind, -1)
    assert held(member) == {**full, "points": 1_000_000, kind: full[kind] - 1}


@translation.override("en")
def test_until_its_phone_is_proved_a_card_holds_less(member: Member) -> None:
    """By the settings ¥1,000; what it holds already above that stays, and nothing more comes."""
    new, nameless = factories.member("+8613900000001", phone_proved_at=None), factories.member(None)
    for one, words in (
        (new, "Let the member open the card once with the code by SMS: then up to ¥5,000."),
        (nameless, "Let the member open a card on their own phone and merge the two"),
    ):
        pay_in(one, None, UNPROVED_FEN - 100, number=one.pk)
        correct(one.pk + 100, one, "bonus", 100)
        full, entries = held(one), Entry.objects.count()
        with pytest.raises(Refusal) as by_top_up:
            pay_in(one, None, 1)
        with pytest.raises(Refusal) as by_hand:
            correct(8, one, "bonus", 1)
        for error, field in ((by_top_up.value, "amount_fen"), (by_hand.value, "delta")):
            assert (error.code, error.field) == ("balance_limit_unproved", field)
            assert words in str(error)
            assert error.details == {
                "limit_fen": UNPROVED_FEN,
                "would_hold_fen": UNPROVED_FEN + 1,
            }
        assert (held(one), Entry.objects.count()) == (full, entries)
    # Another phone than the card's proves nothing of it; the first time counts.
    for phone, seconds, is_proved in (
        ("+8613900000002", 0, False),
        ("+8613900000001", 1, True),
        ("+8613900000001", 2, True),
    ):
        at = AT + dt.timedelta(seconds=seconds)
        member_service.prove_phone(member_id=new.pk, phone=phone, at=at)
        new.refresh_from_db()
        assert new.phone_proved_at == (AT + dt.timedelta(seconds=1) if is_proved else None)
    assert Event.objects.filter(kind="phone_proved", member=new).count() == 1
    pay_in(new, None, MOST_FEN - UNPROVED_FEN, number=7)
    with pytest.raises(Refusal, match=r"balance_limit\b"):
        pay_in(new, None, 1)
    member_service.change_phone(member_id=new.pk, phone="13900000003", actor=None, at=AT)
    with pytest.raises(Refusal, match="balance_limit_unproved"):
        pay_in(new, None, 1)
    assert held(new)["principal"] + held(new)["bonus"] == MOST_FEN
    # Where no card may hold even that much, there is one limit.
    factories.policy(top_up_max_balance_fen=50_000)
    third = factories.member("+8613900000004", phone_proved_at=None)
    with pytest.raises(Refusal, match=r"balance_limit\b"):
        pay_in(third, None, 50_001)


def test_nobody_pays_into_their_own_card(member: Member) -> None:
    cashier = factories.cashier()
    cashier.member = member
    cashier.save()
    with pytest.raises(Refusal, match="own_card"):
        pay_in(member, cashier)
    assert not TopUp.objects.exists()
    pay_in(member, None)
    assert held(member)["principal"] == 100
