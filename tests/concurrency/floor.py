"""A busy shop floor: what 16 cashiers do at once, written down before it is done."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from loyalty.models import GiftPack, GiftPackCoupon, Order, Refund, Tier, TopUp
from loyalty.services import adjusting, checkout, rules, top_ups, undoing
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Event, Member, Shop, Staff
from tests import factories, invariants
from tests.concurrency.crowd import Answer, Outcome, together
from tests.factories import AT

MEMBERS = 8
READERS = 2
RECENT = 40  # how far back a repeated key, an undone order reaches
# What a cashier may be told here; anything else is a problem.
REFUSALS = frozenset(
    {
        "already_undone",
        "refund_exceeds_paid",
        "points_short",
        "balance_short",
        "balance_limit",
        "busy",
    }
)


@dataclass(frozen=True)
class Request:
    """One intent with its key; sent again it is the same one."""

    key: uuid.UUID
    kind: str
    run: Callable[[], Answer]


@dataclass
class Floor:
    """The shop, and what has been asked and answered so far."""

    shop: Shop
    cashier: Staff
    manager: Staff  # who approves what is large
    members: list[Member]
    round_number: int = 0  # each round has keys of its own
    sent: deque[Request] = field(default_factory=lambda: deque(maxlen=RECENT))
    orders: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    answers: list[tuple[Request, Answer]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    reads: list[int] = field(default_factory=list)

    def cashier_at_work(self, number: int, operations: int) -> Callable[[], None]:
        """One thread's shift: always the same choices for the same number."""
        dice = random.Random(1000 * self.round_number + number)

        def work() -> None:
            for _operation in range(operations):
                self.do(self._next(dice))

        return work

    def do(self, request: Request) -> None:
        self.sent.append(request)
        try:
            answer = request.run()
        except Refusal as refusal:
            self.refused[refusal.code] += 1
            return
        self.answers.append((request, answer))
        if request.kind == "settle":
            self.orders.append(answer["order"])

    def _next(self, dice: random.Random) -> Request:
        """A tenth repeats a key that was sent a moment ago, answered or not."""
        if dice.random() < 0.1 and self.sent:
            return dice.choice(list(self.sent))
        key = uuid.UUID(int=dice.getrandbits(128), version=4)
        kinds, weights = ("settle", "top_up", "refund", "void", "adjust"), (56, 14, 12, 5, 13)
        kind = dice.choices(kinds, weights)[0]
        if kind in ("refund", "void") and not self.orders:
            kind = "settle"
        return Request(key, kind, getattr(self, f"_{kind}")(key, dice))

    def _settle(self, key: uuid.UUID, dice: random.Random) -> Callable[[], Answer]:
        member = dice.choice(self.members).pk if dice.random() < 0.92 else None
        lines = (
            CartLine(quantity=dice.randint(1, 3), unit_price_fen=dice.randint(900, 4200)),
            CartLine(amount_fen=dice.randint(1, 6000)),
        )
        cart = Cart(lines[: dice.randint(1, 2)], member_id=member)
        if member is not None:
            cart = Cart(
                cart.lines,
                member_id=member,
                points=dice.choice((0, 0, 100, 300)),
                use_stored_value=dice.random() < 0.5,
            )
        return lambda: checkout.settle(
            key=key,
            cart=cart,
            expected_hash=None,
            tender="cash",
            shop=self.shop,
            actor=self.cashier,
            at=AT,
        )

    def _top_up(self, key: uuid.UUID, dice: random.Random) -> Callable[[], Answer]:
        member, amount = dice.choice(self.members).pk, dice.randint(1, 30) * 1000
        return lambda: top_ups.top_up(
            key=key,
            member_id=member,
            plan_id=None,
            amount_fen=amount,
            tender="wechat",
            shop=self.shop,
            actor=self.cashier,
            at=AT,
        )

    def _refund(self, key: uuid.UUID, dice: random.Random) -> Callable[[], Answer]:
        order = dice.choice(list(self.orders))
        what: dict[str, Any] = dice.choice(
            (
                {"lines": None, "amount_fen": None},
                {"lines": [(0, 1)], "amount_fen": None},
                {"lines": None, "amount_fen": dice.randint(1, 3000)},
            )
        )
        return lambda: undoing.refund(
            key=key,
            order_id=order,
            reason="back",
            shop=self.shop,
            actor=self.cashier,
            approver=self.manager,
            at=AT,
            **what,
        )

    def _void(self, key: uuid.UUID, dice: random.Random) -> Callable[[], Answer]:
        order = dice.choice(list(self.orders))
        return lambda: undoing.void(
            key=key,
            order_id=order,
            reason="",
            shop=self.shop,
            actor=self.cashier,
            approver=self.manager,
            at=AT,
        )

    def _adjust(self, key: uuid.UUID, dice: random.Random) -> Callable[[], Answer]:
        member = dice.choice(self.members).pk
        kind = dice.choice(("points", "principal", "bonus"))
        delta = dice.choice((-1, 1)) * dice.randint(1, 500)
        return lambda: adjusting.adjust(
            key=key,
            member_id=member,
            kind=kind,
            delta=delta,
            reason="count",
            shop=self.shop,
            actor=self.cashier,
            approver=self.manager,
            at=AT,
        )


def open_floor(round_number: int) -> Floor:
    """A shop with rules that touch every account, and members of its own for this round."""
    factories.policy(rounding="jiao", top_up_max_balance_fen=10**9)
    tiers = factories.tiers()
    cashier = Staff.objects.filter(username="lin").first()
    if cashier is None:
        cashier = factories.cashier()
        factories.manager()
        factories.gold_discount()
        factories.gold_stored_discount()
        pack = GiftPack.objects.create(name="黑卡礼包", points=500, bonus_fen=1000)
        template = factories.coupon_template("升级券", amount_fen=500)
        GiftPackCoupon.objects.create(pack=pack, template=template, count=2)
        Tier.objects.filter(pk=tiers["黑卡"].pk).update(upgrade_pack=pack)
        rules.publish(actor=None, at=AT)
    members = [
        factories.member(
            f"+86138{round_number:02}0000{number:02}",
            tier="金卡",
            points=2000,
            principal_fen=20000,
            bonus_fen=4000,
        )
        for number in range(MEMBERS)
    ]
    manager = Staff.objects.get(username="chen")
    return Floor(factories.shop(), cashier, manager, members, round_number)


def read_beside(floor: Floor, done: threading.Event, outcome: Outcome) -> None:
    """Balances against entries and lots, in one snapshot, again and again while they sell."""
    try:
        while not done.wait(0.3):
            with connection.cursor() as cursor:
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                found = invariants.broken(cursor, invariants.LEDGER)
                cursor.execute("COMMIT")
            outcome.problems += [f"seen beside: {each}" for each in found]
            floor.reads.append(1)
            if found:
                return
    except Exception as error:
        outcome.problems.append(f"a reader was stopped: {error}")
    finally:
        connection.close()


def busy_day(*, threads: int, operations: int, round_number: int = 0) -> tuple[Floor, Outcome]:
    """Threads × operations on one floor with readers beside; everything that went wrong."""
    floor = open_floor(round_number)
    before = _written()
    done, beside = threading.Event(), Outcome()
    readers = [
        threading.Thread(target=read_beside, args=(floor, done, beside)) for _n in range(READERS)
    ]
    for reader in readers:
        reader.start()
    outcome = together([floor.cashier_at_work(n, operations) for n in range(threads)])
    done.set()
    for reader in readers:
        reader.join()
    outcome.problems += beside.problems
    outcome.refused = floor.refused
    outcome.expect("refusals nobody expects", set(floor.refused) - REFUSALS, set())
    _check_answers(floor, outcome, _written() - before)
    with connection.cursor() as cursor:
        outcome.problems += invariants.broken(cursor)
    return floor, outcome


def _written() -> Counter[str]:
    return Counter(
        settle=Order.objects.count(),
        undo=Refund.objects.count(),
        top_up=TopUp.objects.count(),
        adjust=Event.objects.filter(kind="balance_adjusted").count(),
    )


def _check_answers(floor: Floor, outcome: Outcome, written: Counter[str]) -> None:
    """One key, one effect, one answer; and as many rows as there were effects."""
    by_key: dict[uuid.UUID, list[Answer]] = {}
    effects: Counter[str] = Counter()
    for request, answer in floor.answers:
        by_key.setdefault(request.key, []).append(answer)
        if not answer["replayed"]:
            effects["undo" if request.kind in ("refund", "void") else request.kind] += 1
    for key, answers in by_key.items():
        fresh = [answer for answer in answers if not answer["replayed"]]
        outcome.expect(f"effects of key {key}", len(fresh), 1)
        if fresh and any({**answer, "replayed": False} != fresh[0] for answer in answers):
            outcome.problems.append(f"different answers to key {key}")
    outcome.expect("rows written", written, effects)
