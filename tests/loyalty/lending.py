"""The state machine's lent things: lent, brought back, undone; and when each is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from loyalty.models import Loan, QuotaUse
from loyalty.services import loans, redeeming
from members import clock
from tests.loyalty.busy_shop import LENT_DAYS, LENT_QUOTA
from tests.loyalty.history import History

SERVICES = {
    "back": loans.bring_back,
    "not back": loans.undo_return,
    "never lent": loans.undo_lending,
}


@dataclass
class Lent:
    """A loan as it is remembered; ``ended`` is the day on which it came back."""

    member: int
    day: dt.date
    status: str = "open"
    ended: dt.date | None = None

    def may(self, what: str, today: dt.date) -> bool:
        """Undone is only what was done today."""
        if what == "not back":
            return self.status == "returned" and self.ended == today
        return self.status == "open" and (what == "back" or self.day == today)


class Lending(History):
    """Two things a month, each for some days; nothing more while one is overdue."""

    def __init__(self) -> None:
        super().__init__()
        self.lent: dict[int, Lent] = {}

    @rule(number=st.integers(0, 1))
    def lend(self, number: int) -> None:
        member, at = self.world.members[number].pk, self.at
        today = clock.local_date(at)
        mine = [one for one in self.lent.values() if one.member == member]
        used = [one for one in mine if one.status != "cancelled" and one.day.month == today.month]
        late = [
            one
            for one in mine
            if one.status == "open" and one.day + dt.timedelta(days=LENT_DAYS) < today
        ]
        answer = self.send(
            lambda key: redeeming.redeem_special(
                key=key,
                member_id=member,
                benefit_id=self.world.lending.pk,
                shop=self.world.shop,
                actor=None,
                at=at,
                thing="《活着》",
            )
        )
        assert (answer is not None) == (len(used) < LENT_QUOTA and not late)
        if answer:
            self.lent[answer["loan"]] = Lent(member, today)
            self.what_is_out_is_as_remembered()

    @precondition(lambda self: self.lent)
    @rule(nth=st.integers(0, 3), what=st.sampled_from(sorted(SERVICES)))
    def go_on_with_a_loan(self, nth: int, what: str) -> None:
        number = sorted(self.lent)[-1 - nth % len(self.lent)]
        loan, at, today = self.lent[number], self.at, clock.local_date(self.at)
        may = loan.may(what, today)
        answer = self.send(
            lambda key: SERVICES[what](
                key=key,
                loan_id=number,
                member_id=loan.member,
                shop=self.world.shop,
                actor=self.world.cashier,
                at=at,
            )
        )
        assert (answer is not None) == may
        if not may:
            return
        loan.status = {"back": "returned", "not back": "open", "never lent": "cancelled"}[what]
        loan.ended = None if what == "not back" else today
        self.what_is_out_is_as_remembered()

    def teardown(self) -> None:
        try:
            self.what_is_out_is_as_remembered()
        finally:
            super().teardown()

    def what_is_out_is_as_remembered(self) -> None:
        """And each use of the quota belongs to something that was lent."""
        assert dict(Loan.objects.values_list("pk", "status")) == {
            number: loan.status for number, loan in self.lent.items()
        }
        uses = QuotaUse.objects.filter(benefit=self.world.lending)
        kept = Loan.objects.exclude(status="cancelled")
        assert set(uses.values_list("pk", flat=True)) == set(
            kept.values_list("quota_use", flat=True)
        )
