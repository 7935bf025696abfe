"""What a card may hold at most, however money comes onto it; and by whose hand it may not come."""

from __future__ import annotations

import uuid

import pytest

from loyalty.models import Account, Entry, TopUp
from loyalty.services import adjusting, rules, top_ups
from members.errors import Refusal
from members.models import Member, Staff
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

MOST_FEN = 500_000


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


def pay_in(member: Member, actor: Staff | None) -> None:
    top_ups.top_up(
        key=uuid.UUID(int=9),
        member_id=member.pk,
        plan_id=None,
        amount_fen=100,
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


def test_nobody_pays_into_their_own_card(member: Member) -> None:
    cashier = factories.cashier()
    cashier.member = member
    cashier.save()
    with pytest.raises(Refusal, match="own_card"):
        pay_in(member, cashier)
    assert not TopUp.objects.exists()
    pay_in(member, None)
    assert held(member)["principal"] == 100
