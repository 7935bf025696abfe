"""What the state machine does to a shop, remembered in plain Python, and what must hold then."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from hypothesis.stateful import RuleBasedStateMachine, invariant

from loyalty.models import Account, Entry, Lot, Order
from loyalty.selectors import reconciliation
from loyalty.services import again, checkout, rules, undoing
from loyalty.services.checkout import Cart, CartLine
from members import clock
from members.errors import Refusal
from tests import invariants
from tests.factories import AT
from tests.loyalty.busy_shop import POINTS_MONTHS, World, fingerprint
from tests.loyalty.purse import Money, Purse

Answer = dict[str, Any]
Send = Callable[[uuid.UUID], Answer]
Chosen = list[tuple[int | None, int]]  # (which article, how many), or (None, an amount in fen)


class History(RuleBasedStateMachine):
    """One history of a shop; ``money`` and ``purses`` remember it in plain Python.

    Lives in a savepoint, which is rolled back at its end.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.at = AT
        self.keys = 0
        self.orders: list[tuple[int, int | None, Answer]] = []  # order, member, answer
        self.log: list[tuple[uuid.UUID, Send, Answer]] = []
        self.money = Money()
        self.purses = {member.pk: Purse() for member in self.world.members}

    def teardown(self) -> None:
        """In the end: nothing to reconcile, and every sale works out the same once more."""
        try:
            assert reconciliation.run().is_clean
            for order in Order.objects.select_related("ruleset"):
                outcome = again.settle_again(order)
                assert outcome is not None
                assert outcome.differences == ()
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    # --- Doing and remembering ---

    def send(self, what: Send) -> Answer | None:
        """Do it with a new key; None when it was refused, and then nothing was changed."""
        self.keys += 1
        key = uuid.UUID(int=self.keys)
        before = fingerprint()
        try:
            answer = what(key)
        except Refusal:
            assert fingerprint() == before
            return None
        assert answer["replayed"] is False
        self.log.append((key, what, answer))
        return answer

    def usable_until(self) -> dt.datetime:
        return clock.end_of_validity(self.at, months=POINTS_MONTHS)

    def member(self, number: int) -> int | None:
        return self.world.members[number].pk if number < len(self.world.members) else None

    def cart(self, number: int, chosen: Chosen, **choices: Any) -> Cart:
        member = self.member(number)
        return Cart(
            tuple(
                CartLine(amount_fen=count)
                if product is None
                else CartLine(product_id=self.world.products[product].pk, quantity=count)
                for product, count in chosen
            ),
            member_id=member,
            **(choices if member is not None else {}),
        )

    def settle(self, cart: Cart, seen: str | None = None) -> Answer | None:
        at = self.at
        answer = self.send(
            lambda key: checkout.settle(
                key=key,
                cart=cart,
                expected_hash=seen,
                tender="cash",
                shop=self.world.shop,
                actor=None,
                at=at,
            )
        )
        if answer is None:
            return None
        order, member = answer["order"], cart.member_id
        self.orders.append((order, member, answer))
        self.money.sale(member, answer["to_pay_fen"], answer["principal_fen"], answer["bonus_fen"])
        if member is not None:
            purse = self.purses[member]
            purse.spend(answer["points_used"], at, order)
            purse.receive(answer["points_earned"], self.usable_until(), ("order", order))
            if answer["promoted"]:
                self.money.gift(member, answer["promoted"]["bonus_fen"])
                purse.receive(answer["promoted"]["points"], self.usable_until(), ("gift", order))
        return answer

    def undo(self, number: int, what: Callable[[uuid.UUID, int], Answer]) -> Answer | None:
        order, member, sold = self.orders[-1 - number % len(self.orders)]
        answer = self.send(lambda key: what(key, order))
        if answer is None:
            return None
        paid = [-answer[part] for part in ("other_fen", "principal_fen", "bonus_fen")]
        self.money.sale(member, *paid)
        if member is not None:
            purse, sheet = self.purses[member], rules.policy()
            forgive, grace = sheet.clawback == "forgive", sheet.points_grace_days
            until = clock.start_of_day(clock.local_date(self.at) + dt.timedelta(days=grace + 1))
            purse.give_back(order, answer["points_returned"], self.at, until if grace else None)
            taken = answer["points_clawed_back"]
            purse.claw_back(("order", order), taken, self.at, forgive=forgive)
            if sold["promoted"] and answer["status"] in ("refunded", "voided"):
                given = sold["promoted"]["points"]
                purse.claw_back(("gift", order), given, self.at, forgive=forgive)
                for delta in Entry.objects.filter(
                    refund=answer["refund"], side="clawback", account__kind="bonus"
                ).values_list("delta", flat=True):
                    self.money.gift(member, delta)
        return answer

    def refund(
        self, number: int, pairs: list[tuple[int, int]] | None, amount: int | None
    ) -> Answer | None:
        at = self.at
        return self.undo(
            number,
            lambda key, order: undoing.refund(
                key=key,
                order_id=order,
                lines=pairs,
                amount_fen=amount,
                reason="",
                shop=self.world.shop,
                actor=None,
                at=at,
            ),
        )

    # --- What holds after every step ---

    def check_all(self) -> None:
        for check in (
            self.rows_agree,
            self.money_in_is_money_sold_and_held,
            self.stored_value_is_as_remembered,
            self.points_are_as_remembered,
            self.cash_is_in_the_books,
        ):
            check()

    @invariant()
    def rows_agree(self) -> None:
        """Every invariant of ``tests.invariants``, each by its name."""
        with connection.cursor() as cursor:
            assert invariants.broken(cursor) == []

    @invariant()
    def money_in_is_money_sold_and_held(self) -> None:
        assert self.money.cash + self.money.given == self.money.sold + self.money.held

    @invariant()
    def stored_value_is_as_remembered(self) -> None:
        for member in self.world.members:
            held = dict(member.accounts.values_list("kind", "balance"))
            assert held["principal"] == self.money.principal[member.pk]
            assert held["bonus"] == self.money.bonus[member.pk]

    @invariant()
    def points_are_as_remembered(self) -> None:
        for member_id, purse in self.purses.items():
            account = Account.objects.get(member_id=member_id, kind="points")
            assert (account.balance, account.debt) == (purse.balance, purse.debt)
            left = Lot.objects.filter(member_id=member_id, asset="points", points_left__gt=0)
            assert sorted(left.values_list("expires_at", "points_left")) == sorted(
                (parcel.expires, parcel.left) for parcel in purse.parcels if parcel.left
            )

    @invariant()
    def cash_is_in_the_books(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT COALESCE(sum(amount_fen), 0) FROM loyalty_tender"
                " WHERE kind <> 'stored') + (SELECT COALESCE(sum(paid_fen), 0) FROM loyalty_topup)"
                " - (SELECT COALESCE(sum(other_fen), 0) FROM loyalty_refund)"
            )
            assert cursor.fetchone()[0] == self.money.cash
