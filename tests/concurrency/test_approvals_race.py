"""A second person, or two of them at once: what was asked for is done once, or not at all."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection

from loyalty.models import Account, Approval, Order, Refund
from loyalty.services import adjusting, checkout, requests, rules, undoing
from loyalty.services.checkout import Cart, CartLine
from members.models import Event, Member, Staff
from tests import factories, invariants
from tests.concurrency.crowd import Outcome, is_found_out, together
from tests.conftest import LiveDatabase
from tests.factories import AT

NUMBERS = itertools.count(1)
MANY = 8


@pytest.fixture(autouse=True)
def _shop(live_db: LiveDatabase) -> None:
    factories.policy()
    factories.tiers()
    factories.cashier()
    factories.manager()
    factories.owner()
    rules.publish(actor=None, at=AT)


def person(username: str) -> Staff:
    return Staff.objects.get(username=username)


def new_key() -> uuid.UUID:
    return uuid.UUID(int=next(NUMBERS))


def new_member() -> Member:
    return factories.member(f"+86137{next(NUMBERS):08}")


def asked(member: Member) -> int:
    answer = requests.ask_adjustment(
        key=new_key(),
        member_id=member.pk,
        account="points",
        delta=5000,
        reason="旧系统",
        actor=person("chen"),
        at=AT,
    )
    return int(answer["approval"])


def sold() -> int:
    answer = checkout.settle(
        key=new_key(),
        cart=Cart((CartLine(amount_fen=100000),)),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=person("lin"),
        at=AT,
    )
    return int(answer["order"])


def checked(outcome: Outcome) -> Outcome:
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return outcome


def points_of(member: Member) -> int:
    return Account.objects.get(member=member, kind="points").balance


def eight_approve_one() -> Outcome:
    member = new_member()
    approval, owner = asked(member), person("zhou")
    work = partial(requests.approve, approval_id=approval, actor=owner, at=AT)
    outcome = together([work] * MANY)
    outcome.expect("done", len(outcome.answers), 1)
    outcome.expect("refused", outcome.refused, Counter(request_over=MANY - 1))
    outcome.expect("points", points_of(member), 5000)
    told = Event.objects.filter(kind="balance_adjusted", member=member)
    outcome.expect("told", told.count(), 1)
    return checked(outcome)


def four_approve_what_four_withdraw() -> Outcome:
    """Whichever comes first holds."""
    member = new_member()
    approval, owner, chen = asked(member), person("zhou"), person("chen")
    works: list[Any] = [
        partial(requests.approve, approval_id=approval, actor=owner, at=AT),
        partial(requests.withdraw, approval_id=approval, actor=chen, at=AT),
    ]
    outcome = together(works * (MANY // 2))
    outcome.expect("refused", outcome.refused, Counter(request_over=MANY - 1))
    row = Approval.objects.get(pk=approval)
    outcome.expect("points", points_of(member), 5000 if row.status == "approved" else 0)
    return checked(outcome)


def a_refund_beside_its_request() -> Outcome:
    """Given back at the till by a PIN while another manager approves what waits: once."""
    order, lin, chen = sold(), person("lin"), person("chen")
    here: dict[str, Any] = {"order_id": order, "lines": None, "amount_fen": 60000, "reason": "退"}
    here |= {"shop": factories.shop(), "actor": lin, "at": AT}
    approval = requests.ask_undo(key=new_key(), is_void=False, **here)["approval"]
    keys = [new_key() for _ in range(MANY // 2)]
    works: list[Any] = []
    for key in keys:
        works.append(partial(undoing.refund, key=key, approver=chen, **here))
        works.append(partial(requests.approve, approval_id=approval, actor=person("zhou"), at=AT))
    outcome = together(works)
    outcome.expect("done", len(outcome.answers), 1)
    outcome.expect("back", Order.objects.get(pk=order).refunded_base_fen, 60000)
    row = Refund.objects.get(order=order)
    outcome.expect("two", row.approved_by_id in (chen.pk, person("zhou").pk), True)
    outcome.expect("waits", Approval.objects.get(pk=approval).status == "waiting", False)
    return checked(outcome)


def eight_parts_stay_below_the_limit() -> Outcome:
    order, member = sold(), new_member()
    here: dict[str, Any] = {"shop": factories.shop(), "reason": "退", "at": AT}
    lin, chen = person("lin"), person("chen")
    parts = [
        partial(
            undoing.refund,
            key=new_key(),
            order_id=order,
            lines=None,
            amount_fen=9000,
            actor=lin,
            **here,
        )
        for _ in range(MANY)
    ]
    parts += [
        partial(
            adjusting.adjust,
            key=new_key(),
            member_id=member.pk,
            kind="points",
            delta=900,
            actor=chen,
            **here,
        )
        for _ in range(MANY)
    ]
    outcome = together(parts)
    outcome.expect("refused", outcome.refused, Counter(approval_needed=12))
    outcome.expect("back", Order.objects.get(pk=order).refunded_base_fen, 18000)
    outcome.expect("points", points_of(member), 1800)
    return checked(outcome)


SCENARIOS = [
    eight_approve_one,
    four_approve_what_four_withdraw,
    a_refund_beside_its_request,
    eight_parts_stay_below_the_limit,
]


def test_it_holds_and_without_locks_it_is_found_out() -> None:
    assert [problem for scenario in SCENARIOS for problem in scenario().problems] == []
    assert is_found_out(eight_parts_stay_below_the_limit)
