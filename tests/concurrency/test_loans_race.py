"""One book at many tills at once: lent as often as there is quota, brought back once."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection

from loyalty.models import Benefit, Loan, QuotaUse
from loyalty.services import loans, rules
from loyalty.services.redeeming import redeem_special
from members.models import Event, Member, Staff
from tests import factories, invariants
from tests.concurrency.crowd import Outcome, is_found_out, together
from tests.conftest import LiveDatabase
from tests.factories import AT

MANY = 16
NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def _rules(live_db: LiveDatabase) -> None:
    factories.policy()
    factories.cashier()
    factories.benefit(
        "借书回家", Benefit.Kind.SPECIAL, text="借书", quota=2, quota_period="month", return_days=14
    )
    rules.publish(actor=None, at=AT)


def new_member() -> Member:
    return factories.member(f"+86139{next(NUMBERS):08}")


def new_key() -> uuid.UUID:
    return uuid.UUID(int=next(NUMBERS))


def lend(member: Member, key: uuid.UUID | None = None) -> dict[str, Any]:
    return redeem_special(
        key=key or new_key(),
        member_id=member.pk,
        benefit_id=Benefit.objects.get().pk,
        shop=factories.shop(),
        actor=None,
        at=AT,
    )


def act(service: Any, member: Member, loan: int, key: uuid.UUID | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = service(
        key=key or new_key(),
        loan_id=loan,
        member_id=member.pk,
        shop=factories.shop(),
        actor=Staff.objects.get(),
        at=AT,
    )
    return answer


def check_rows(outcome: Outcome) -> Outcome:
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return outcome


def sixteen_want_two() -> Outcome:
    member = new_member()
    outcome = together([partial(lend, member)] * MANY)
    outcome.expect("lent", len(outcome.answers), 2)
    outcome.expect("refused", outcome.refused, Counter(quota_used_up=14))
    outcome.expect("out", Loan.objects.filter(member=member).count(), 2)
    return check_rows(outcome)


def sixteen_bring_one_back() -> Outcome:
    member = new_member()
    loan = int(lend(member)["loan"])
    outcome = together([partial(act, loans.bring_back, member, loan)] * MANY)
    outcome.expect("back", len(outcome.answers), 1)
    outcome.expect("refused", outcome.refused, Counter(loan_over=15))
    told = Event.objects.filter(kind="loan_returned", data__loan=loan)
    outcome.expect("told", told.count(), 1)
    return check_rows(outcome)


def eight_undo_what_eight_bring_back() -> Outcome:
    """Whichever comes first holds; only a lending that was undone gives its use back."""
    member = new_member()
    loan = int(lend(member)["loan"])
    works = [
        partial(act, loans.bring_back, member, loan),
        partial(act, loans.undo_lending, member, loan),
    ]
    outcome = together(works * (MANY // 2))
    outcome.expect("done", len(outcome.answers), 1)
    outcome.expect("refused", outcome.refused["loan_over"], MANY - 1)
    row = Loan.objects.get(pk=loan)
    uses = QuotaUse.objects.filter(member=member).count()
    outcome.expect("uses", uses, 0 if row.status == "cancelled" else 1)
    return check_rows(outcome)


SCENARIOS = [sixteen_want_two, sixteen_bring_one_back, eight_undo_what_eight_bring_back]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_holds(scenario: Any) -> None:
    assert scenario().problems == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_locks_it_is_found_out(scenario: Any) -> None:
    assert is_found_out(scenario)


def test_one_key_brings_it_back_once() -> None:
    member = new_member()
    loan, key = int(lend(member)["loan"]), new_key()
    outcome = together([partial(act, loans.bring_back, member, loan, key)] * MANY)
    assert outcome.problems == []
    replays = Counter(answer["replayed"] for answer in outcome.answers)
    assert replays == Counter({True: MANY - 1, False: 1})
