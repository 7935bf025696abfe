"""A special benefit that lends: out until a day, brought back, undone, written off."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from loyalty.models import Benefit, ClientKey, Loan, QuotaUse
from loyalty.selectors import reconciliation
from loyalty.services import loans, merging, rules
from loyalty.services.redeeming import redeem_special
from members import clock
from members.errors import Refusal
from members.models import Event, InboxMessage, Member, Shop, Staff
from members.services import members as member_service
from members.services import outbox
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


class Shelf:
    """A shop that lends books, two a month and for fourteen days, and one member."""

    def __init__(self, **columns: Any) -> None:
        factories.policy()
        self.shop = factories.shop()
        self.cashier = factories.cashier()
        plain: dict[str, Any] = {
            "text": "借书",
            "quota": 2,
            "quota_period": "month",
            "return_days": 14,
        }
        self.benefit = factories.benefit("借书回家", Benefit.Kind.SPECIAL, **(plain | columns))
        self.member = factories.member()
        rules.publish(actor=None, at=AT)

    def lend(self, thing: str = "《活着》", *, at: dt.datetime = AT, **more: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "key": uuid.uuid4(),
            "member_id": self.member.pk,
            "benefit_id": self.benefit.pk,
            "shop": self.shop,
            "actor": self.cashier,
        }
        return redeem_special(**(plain | more), thing=thing, at=at)

    def act(
        self, service: Callable[..., dict[str, Any]], loan: int, at: dt.datetime, **more: Any
    ) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "key": uuid.uuid4(),
            "member_id": self.member.pk,
            "shop": self.shop,
            "actor": self.cashier,
        }
        return service(**(plain | more), loan_id=loan, at=at)

    def back(self, loan: int, at: dt.datetime = AT + DAY, **more: Any) -> dict[str, Any]:
        return self.act(loans.bring_back, loan, at, **more)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def everything() -> tuple[Any, ...]:
    """What must not move when something is refused."""
    tables = (Loan, QuotaUse, Event, ClientKey)
    return tuple(list(table.objects.order_by("pk").values()) for table in tables)


def refused(code: str, act: Callable[[], object]) -> Refusal:
    """The refusal, its words in English; nothing was changed."""
    before = everything()
    with pytest.raises(Refusal) as caught, translation.override("en"):
        act()
    assert (caught.value.code, everything()) == (code, before)
    return caught.value


def words(refusal: Refusal) -> str:
    with translation.override("en"):
        return str(refusal.message)


def told() -> list[tuple[str, dict[str, Any]]]:
    rows = Event.objects.exclude(kind="rules_published").order_by("pk")
    return list(rows.values_list("kind", "data"))


def test_a_book_goes_out(shelf: Shelf) -> None:
    answer = shelf.lend("  《活着》  余华 ")
    loan = Loan.objects.get()
    assert answer == {
        "benefit": shelf.benefit.pk,
        "name": "借书回家",
        "left": 1,
        "at": AT.isoformat(),
        "loan": loan.pk,
        "due": "2026-06-03",
        "replayed": False,
    }
    assert (loan.member, loan.benefit, loan.shop, loan.staff) == (
        shelf.member,
        shelf.benefit,
        shelf.shop,
        shelf.cashier,
    )
    assert (loan.thing, loan.lent_at, loan.lent_on, loan.due_on, loan.status) == (
        "《活着》 余华",
        AT,
        dt.date(2026, 5, 20),
        dt.date(2026, 6, 3),
        "open",
    )
    assert loan.quota_use == QuotaUse.objects.get()
    facts = {"benefit": shelf.benefit.pk, "name": "借书回家", "loan": loan.pk, "due": "2026-06-03"}
    assert told() == [("benefit_redeemed", facts)]


@pytest.mark.parametrize(
    ("lent", "days", "due"),
    [
        # The shop's own day: 16:00 UTC is midnight in Shanghai.
        (dt.datetime(2026, 5, 20, 15, 59, tzinfo=dt.UTC), 1, dt.date(2026, 5, 21)),
        (dt.datetime(2026, 5, 20, 16, 0, tzinfo=dt.UTC), 1, dt.date(2026, 5, 22)),
        (dt.datetime(2028, 2, 15, 2, 0, tzinfo=dt.UTC), 14, dt.date(2028, 2, 29)),
        (dt.datetime(2026, 12, 20, 2, 0, tzinfo=dt.UTC), 365, dt.date(2027, 12, 20)),
    ],
)
def test_the_last_day(lent: dt.datetime, days: int, due: dt.date) -> None:
    shelf = Shelf(return_days=days)
    assert shelf.lend(at=lent)["due"] == due.isoformat()


def test_what_is_given_for_good_is_no_loan(shelf: Shelf) -> None:
    Benefit.objects.update(return_days=None)
    rules.publish(actor=None, at=AT)
    answer = shelf.lend("《活着》")
    assert (answer["loan"], answer["due"], answer["left"]) == (None, None, 1)
    assert not Loan.objects.exists()


def test_the_same_key_lends_once(shelf: Shelf) -> None:
    key = uuid.uuid4()
    first = shelf.lend(key=key)
    assert shelf.lend(key=key) == {**first, "replayed": True}
    assert Loan.objects.count() == QuotaUse.objects.count() == 1
    refused("key_reused", lambda: shelf.lend("《三体》", key=key))


@pytest.mark.parametrize("thing", ["书" * 61, "book\x00", "a\x07b"])
def test_words_nobody_can_read_are_refused(shelf: Shelf, thing: str) -> None:
    refused("thing_unreadable", lambda: shelf.lend(thing))


@pytest.mark.parametrize(
    ("days", "late"), [(0, 0), (13, 0), (14, 0), (15, 1), (19, 5)], ids=lambda n: str(n)
)
def test_it_comes_back_in_time_or_late(shelf: Shelf, days: int, late: int) -> None:
    loan = shelf.lend()["loan"]
    park = factories.shop("park", "公园店")
    at = AT + days * DAY
    answer = shelf.back(loan, at, shop=park)
    facts = {
        "loan": loan,
        "benefit": shelf.benefit.pk,
        "name": "借书回家",
        "days_late": late,
    }
    assert answer == {**facts, "thing": "《活着》", "replayed": False}
    row = Loan.objects.get()
    assert (row.status, row.ended_at, row.ended_shop, row.ended_by) == (
        "returned",
        at,
        park,
        shelf.cashier,
    )
    assert told()[1:] == [("loan_returned", facts)]
    # Its use stays used: two a month are two, however soon they come back.
    assert QuotaUse.objects.count() == 1


def test_back_twice_is_back_once(shelf: Shelf) -> None:
    loan, key = shelf.lend()["loan"], uuid.uuid4()
    first = shelf.back(loan, key=key)
    assert shelf.back(loan, key=key) == {**first, "replayed": True}
    refused("loan_over", lambda: shelf.back(loan))


def test_somebody_elses_is_as_good_as_none(shelf: Shelf) -> None:
    loan = shelf.lend()["loan"]
    other = factories.member("+8613900005678", "李明")
    for service in (loans.bring_back, loans.undo_return, loans.undo_lending):
        refused("loan_unknown", partial(shelf.act, service, loan, AT, member_id=other.pk))
        refused("loan_unknown", partial(shelf.act, service, loan + 1, AT))


class TestOverdue:
    """While one is overdue no further one is lent; unless the benefit says otherwise."""

    late = AT + 15 * DAY

    def test_the_next_one_waits(self, shelf: Shelf) -> None:
        loan = shelf.lend()["loan"]
        shelf.lend("《三体》", at=AT + 14 * DAY)  # its last day is not over yet
        Loan.objects.exclude(pk=loan).delete()
        refusal = refused("loan_overdue", lambda: shelf.lend("《三体》", at=self.late))
        assert words(refusal) == (
            "“《活着》” was due back on 2026-06-03. Take it back first, then lend the next one."
        )
        assert refusal.details == {"loan": loan, "due_on": "2026-06-03"}
        shelf.back(loan, self.late)
        assert shelf.lend("《三体》", at=self.late)["due"] == "2026-06-18"

    def test_a_benefit_may_not_mind(self) -> None:
        shelf = Shelf(stops_when_overdue=False)
        shelf.lend()
        assert shelf.lend("《三体》", at=self.late)["left"] == 1

    def test_another_benefit_does_not_mind(self, shelf: Shelf) -> None:
        umbrella = factories.benefit("借伞", Benefit.Kind.SPECIAL, text="借伞", return_days=3)
        rules.publish(actor=None, at=AT)
        shelf.lend()
        assert shelf.lend("伞", at=self.late, benefit_id=umbrella.pk)["due"] == "2026-06-07"

    def test_another_member_does_not_wait(self, shelf: Shelf) -> None:
        other = factories.member("+8613900005678", "李明")
        shelf.lend()
        assert shelf.lend("《三体》", at=self.late, member_id=other.pk)["left"] == 1


class TestUndoing:
    def test_not_lent_after_all_gives_its_use_back(self, shelf: Shelf) -> None:
        first, second = shelf.lend()["loan"], shelf.lend("《三体》")["loan"]
        refused("quota_used_up", lambda: shelf.lend("《围城》"))
        answer = shelf.act(loans.undo_lending, first, AT + dt.timedelta(hours=1))
        assert (answer["loan"], answer["thing"]) == (first, "《活着》")
        row = Loan.objects.get(pk=first)
        assert (row.status, row.quota_use, row.ended_by) == ("cancelled", None, shelf.cashier)
        assert told()[-1][0] == "loan_undone"
        assert shelf.lend("《围城》")["left"] == 0
        numbers = QuotaUse.objects.order_by("number").values_list("number", flat=True)
        assert list(numbers) == [1, 2]
        assert Loan.objects.get(pk=second).status == "open"
        refused("loan_over", lambda: shelf.act(loans.undo_lending, first, AT))

    def test_not_back_after_all(self, shelf: Shelf) -> None:
        loan = shelf.lend()["loan"]
        refused("loan_not_back", lambda: shelf.act(loans.undo_return, loan, AT))
        shelf.back(loan, AT + 2 * DAY)
        answer = shelf.act(loans.undo_return, loan, AT + 2 * DAY + dt.timedelta(hours=1))
        assert answer["thing"] == "《活着》"
        row = Loan.objects.get()
        assert (row.status, row.ended_at, row.ended_shop, row.ended_by, row.due_on) == (
            *("open", None, None, None),
            dt.date(2026, 6, 3),
        )
        assert [kind for kind, _data in told()] == [
            "benefit_redeemed",
            "loan_returned",
            "loan_reopened",
        ]

    @pytest.mark.parametrize("act", [loans.undo_lending, loans.undo_return])
    def test_only_today_and_here(self, shelf: Shelf, act: Callable[..., dict[str, Any]]) -> None:
        loan = shelf.lend()["loan"]
        if act is loans.undo_return:
            shelf.back(loan, AT)
        park = factories.shop("park", "公园店")
        tomorrow = clock.start_of_day(clock.local_date(AT) + DAY)
        refused("undo_too_late", lambda: shelf.act(act, loan, tomorrow))
        refused("undo_too_late", lambda: shelf.act(act, loan, AT, shop=park))
        assert shelf.act(act, loan, tomorrow - dt.timedelta(microseconds=1))["loan"] == loan


class TestWritingOff:
    @pytest.fixture
    def manager(self, shelf: Shelf) -> Staff:
        return factories.manager()

    def off(self, shelf: Shelf, loan: int, actor: Staff, reason: str = "遗失") -> dict[str, Any]:
        return loans.write_off(
            loan_id=loan, member_id=shelf.member.pk, reason=reason, actor=actor, at=AT + DAY
        )

    def test_it_is_waited_for_no_longer(self, shelf: Shelf, manager: Staff) -> None:
        loan = shelf.lend()["loan"]
        answer = self.off(shelf, loan, manager)
        assert (answer["reason"], answer["thing"]) == ("遗失", "《活着》")
        row = Loan.objects.get()
        assert (row.status, row.ended_shop, row.ended_by) == ("written_off", None, manager)
        assert told()[-1][0] == "loan_written_off"
        refused("loan_over", lambda: self.off(shelf, loan, manager))
        refused("loan_not_back", lambda: shelf.act(loans.undo_return, loan, AT + DAY))

    def test_with_a_reason_and_by_a_manager(self, shelf: Shelf, manager: Staff) -> None:
        loan = shelf.lend()["loan"]
        refused("reason_missing", lambda: self.off(shelf, loan, manager, "  "))
        refused("not_allowed", lambda: self.off(shelf, loan, shelf.cashier))


def test_a_frozen_card_borrows_nothing_but_brings_back(shelf: Shelf) -> None:
    loan = shelf.lend()["loan"]
    Member.objects.update(status="frozen")
    refused("member_frozen", lambda: shelf.lend("《三体》"))
    assert shelf.back(loan)["days_late"] == 0


def test_a_membership_ends_when_nothing_is_out(shelf: Shelf) -> None:
    loan = shelf.lend()["loan"]
    shelf.lend("《三体》")
    owner = factories.owner()

    def close() -> object:
        return member_service.close(member_id=shelf.member.pk, actor=owner, at=AT + DAY)

    refusal = refused("things_out", close)
    assert words(refusal).startswith("2 things are still out.")
    assert refusal.details == {"count": 2}
    shelf.back(loan)
    assert words(refused("things_out", close)).startswith("1 thing is still out.")
    shelf.back(Loan.objects.get(status="open").pk)
    close()
    # What somebody typed about whoever left is wiped; that something was lent stays.
    outbox.drain_batch(at=AT + DAY)
    assert list(Loan.objects.values_list("thing", "status")) == [("", "returned")] * 2
    assert ClientKey.objects.count() == 4
    assert "《" not in str(list(ClientKey.objects.values_list("response", flat=True)))


def test_what_was_kept_with_a_key_before_loses_the_words(shelf: Shelf) -> None:
    key = uuid.uuid4()
    first = shelf.back(shelf.lend()["loan"], key=key)
    ClientKey.objects.filter(pk=key).update(
        response={name: value for name, value in first.items() if name != "replayed"}
    )
    with connection.cursor() as cursor:
        cursor.execute(import_module("loyalty.migrations.0021_no_words_with_a_key").WITHOUT_WORDS)
    assert "《" not in str(ClientKey.objects.get(pk=key).response)
    assert shelf.back(first["loan"], key=key) == {**first, "replayed": True}


def test_what_is_out_comes_along_when_two_cards_are_merged(shelf: Shelf) -> None:
    other = factories.member("+8613900005678", "小敏")
    mine, theirs = shelf.lend()["loan"], shelf.lend("《三体》", member_id=other.pk)["loan"]
    owner = factories.owner()
    answer = merging.merge(
        key=uuid.uuid4(),
        kept_id=shelf.member.pk,
        merged_id=other.pk,
        actor=owner,
        at=AT + 20 * DAY,
    )
    assert answer["loans"] == 1
    assert set(shelf.member.loans.values_list("pk", flat=True)) == {mine, theirs}
    refused("loan_overdue", lambda: shelf.lend("《围城》", at=AT + 20 * DAY))
    assert [shelf.back(loan, AT + 20 * DAY)["days_late"] for loan in (mine, theirs)] == [6, 6]
    assert reconciliation.run().totals == {}


def test_the_member_is_told_until_when(shelf: Shelf) -> None:
    shelf.lend()
    outbox.drain_batch(at=AT)
    message = InboxMessage.objects.get()
    assert (message.kind, message.data) == (
        "benefit_redeemed",
        {"name": "借书回家", "due": "2026-06-03", "shop": "回头咖啡"},
    )


def test_each_shops_things(shelf: Shelf) -> None:
    assert isinstance(shelf.shop, Shop)
    park = factories.shop("park", "公园店")
    shelf.lend()
    shelf.lend("《三体》", shop=park)
    lent = Loan.objects.order_by("pk").values_list("shop__code", "thing")
    assert list(lent) == [("main", "《活着》"), ("park", "《三体》")]
