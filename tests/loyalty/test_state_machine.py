"""Whatever happens in whatever order, what must hold holds after every step.

The real services on the real database, driven by hypothesis: sales, top-ups, passes, special
benefits, loans, refunds, voids, nights, corrections, check-ins with their gifts for days running,
repeats of a key, changed rules. Checked
after each step: every invariant of ``tests.invariants`` on the rows, and the same history in
plain Python (``tests.loyalty.history``). Each example is a savepoint that is rolled back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
    run_state_machine_as_test,
)

from loyalty.models import (
    Benefit,
    Coupon,
    Policy,
)
from loyalty.services import (
    adjusting,
    checkins,
    checkout,
    coupons,
    expiry,
    nightly_tiers,
    redeeming,
    rules,
    top_ups,
    undoing,
)
from loyalty.services.checkout import Cart, CartLine
from members import clock
from members.errors import Refusal
from tests.loyalty.busy_shop import (
    CHECK_IN_POINTS,
    STREAK_DAYS,
    STREAK_POINTS,
    fingerprint,
    open_shop,
    standing,
)
from tests.loyalty.history import Chosen
from tests.loyalty.lending import Lending

ALL = -1  # of the points held
GRACE_DAYS = 3
EXAMPLES, STEPS = 27, 30


lines = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.none(), st.one_of(st.integers(1, 20), st.integers(900, 20000))),
    ),
    min_size=1,
    max_size=3,
)
who = st.integers(0, 2)  # two members and a guest
whose = st.integers(0, 1)
pick = st.integers(0, 7)  # of the newest


class Shopping(Lending):
    """Everything that happens in a shop, with what a client may do wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.days_checked_in: dict[int, list[dt.date]] = {}

    # --- What happens in a shop ---

    @rule(
        number=who,
        chosen=lines,
        points=st.sampled_from((0, 100, 250, ALL)),
        stored=st.booleans(),
        coupon=st.one_of(st.none(), pick),
    )
    def buy(
        self,
        number: int,
        chosen: Chosen,
        points: int,
        stored: bool,
        coupon: int | None,
    ) -> None:
        """What was quoted is what is settled, to the fen; what cannot be quoted is refused."""
        asked = None if coupon is None else self.coupon_of(number, coupon)
        if points == ALL:
            points = self.purses[self.member(number) or 0].spendable(self.at) if number < 2 else 0
        choices = {"points": points, "use_stored_value": stored, "coupons": asked}
        cart = self.cart(number, chosen, **choices)
        try:
            quote = checkout.quote(cart=cart, shop=self.world.shop, at=self.at)
        except Refusal:
            assert self.settle(cart) is None
            return
        answer = self.settle(cart, quote.hash)
        assert answer is not None
        result = quote.settlement
        assert answer["to_pay_fen"] == result.other_fen
        assert answer["points_used"] == result.points_used
        assert answer["points_earned"] == result.points_earned
        assert answer["coupons"] == [use.coupon_id for use in result.coupon_uses]

    @rule(number=whose, chosen=lines)
    def pay_with_all_there_is(self, number: int, chosen: Chosen) -> None:
        self.buy(number, chosen, points=ALL, stored=True, coupon=None)

    def coupon_of(self, number: int, nth: int) -> tuple[int, ...] | None:
        held = Coupon.objects.filter(member=self.member(number)).order_by("pk")
        ids = list(held.values_list("pk", flat=True))
        return (ids[nth % len(ids)],) if ids else None

    @rule(number=whose, plan=st.booleans(), fen=st.integers(-1, 20000))
    def top_up(self, number: int, plan: bool, fen: int) -> None:
        member, at = self.world.members[number].pk, self.at
        answer = self.send(
            lambda key: top_ups.top_up(
                key=key,
                member_id=member,
                plan_id=self.world.plan.pk if plan else None,
                amount_fen=None if plan else fen,
                tender="alipay",
                shop=self.world.shop,
                actor=None,
                at=at,
            )
        )
        if answer:
            self.money.top_up(member, answer["paid_fen"], answer["bonus_fen"])
            self.purses[member].receive(answer["points"], self.usable_until())

    @precondition(lambda self: self.orders)
    @rule(number=pick, pairs=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=2))
    def refund_lines(self, number: int, pairs: list[tuple[int, int]]) -> None:
        self.refund(number, pairs, None)

    @precondition(lambda self: self.orders)
    @rule(number=pick, fen=st.integers(0, 5000))
    def refund_amount(self, number: int, fen: int) -> None:
        self.refund(number, None, fen)

    @precondition(lambda self: self.orders)
    @rule(number=pick)
    def refund_rest(self, number: int) -> None:
        self.refund(number, None, None)

    @precondition(lambda self: self.orders)
    @rule(number=pick)
    def void(self, number: int) -> None:
        at = self.at
        self.undo(
            number,
            lambda key, order: undoing.void(
                key=key, order_id=order, reason="", shop=self.world.shop, actor=None, at=at
            ),
        )

    @rule(number=whose)
    def redeem_special(self, number: int) -> None:
        member, at = self.world.members[number].pk, self.at
        self.send(
            lambda key: redeeming.redeem_special(
                key=key,
                member_id=member,
                benefit_id=self.world.special.pk,
                shop=self.world.shop,
                actor=None,
                at=at,
            )
        )

    @rule(number=whose, nth=pick)
    def redeem_pass(self, number: int, nth: int) -> None:
        """A pass used alone is an order of nothing; other coupons are refused."""
        asked = self.coupon_of(number, nth)
        if asked:
            answer = self.settle(Cart((), member_id=self.member(number), coupons=asked))
            assert answer is None or answer["to_pay_fen"] == 0

    @rule(number=whose, nth=st.integers(0, 3))
    def give_coupon(self, number: int, nth: int) -> None:
        template = self.world.templates[nth]
        _id, book = rules.publish(actor=None, at=self.at), rules.snapshot()
        row = next(each for each in book["templates"] if each["id"] == template.pk)
        coupons.issue(
            member_id=self.world.members[number].pk,
            template=row,
            count=1,
            source="test",
            order_id=None,
            at=self.at,
        )

    @rule(
        number=whose,
        kind=st.sampled_from(("points", "principal", "bonus", "nothing")),
        delta=st.integers(-3000, 3000),
    )
    def adjust(self, number: int, kind: str, delta: int) -> None:
        member, at = self.world.members[number].pk, self.at
        answer = self.send(
            lambda key: adjusting.adjust(
                key=key,
                member_id=member,
                kind=kind,
                delta=delta,
                reason="counted",
                shop=None,
                actor=None,
                at=at,
            )
        )
        if answer and kind != "points":
            self.money.adjust(member, kind, delta)
        elif answer and delta > 0:
            self.purses[member].receive(delta, self.usable_until())
        elif answer:
            self.purses[member].spend(-delta, at)

    @rule(number=whose)
    def take_all_points(self, number: int) -> None:
        """Spent elsewhere: what is undone from now on leaves a debt, or is forgiven."""
        points = self.purses[self.world.members[number].pk].spendable(self.at)
        self.adjust(number, "points", -points)

    @rule(number=whose)
    def check_in(self, number: int) -> None:
        member, before = self.world.members[number].pk, fingerprint()
        today, days = clock.local_date(self.at), self.days_checked_in.setdefault(member, [])
        try:
            answer = checkins.check_in(
                member_id=member, shop=self.world.shop, actor=None, at=self.at
            )
        except Refusal:
            assert days[-1] == today
            assert fingerprint() == before
            return
        days.append(today)
        running = next(
            count
            for count in range(1, len(days) + 2)
            if today - dt.timedelta(days=count) not in days
        )
        assert answer["streak"] == running
        self.purses[member].receive(CHECK_IN_POINTS, self.usable_until())
        if running % STREAK_DAYS == 0:
            self.purses[member].receive(STREAK_POINTS, self.usable_until())

    @rule(minutes=st.sampled_from((1, 90, 1441)))
    def later(self, minutes: int) -> None:
        """Time goes on; a night without its run is made up for later."""
        self.at += dt.timedelta(minutes=minutes)

    @rule(days=st.sampled_from((1, 9, 20, 45)))
    def night(self, days: int) -> None:
        """The nightly jobs, and a second time, which finds nothing."""
        self.at += dt.timedelta(days=days)
        expected = sum(purse.expire(self.at) for purse in self.purses.values())
        assert expiry.expire_points(at=self.at).points == expected
        coupons.expire(at=self.at)
        nightly_tiers.move_tiers(at=self.at)
        before = fingerprint()
        assert expiry.expire_points(at=self.at).points == 0
        assert coupons.expire(at=self.at) == 0
        assert nightly_tiers.move_tiers(at=self.at).down == 0
        assert fingerprint() == before

    # --- What a client may do wrong ---

    @precondition(lambda self: self.log)
    @rule(number=pick)
    def repeat(self, number: int) -> None:
        """The same key again, however much later: the first answer, and nothing new."""
        key, what, answer = self.log[-1 - number % len(self.log)]
        before = fingerprint()
        assert what(key) == {**answer, "replayed": True}
        assert fingerprint() == before

    @precondition(lambda self: self.log)
    @rule(number=pick)
    def reuse_a_key(self, number: int) -> None:
        key, _what, _answer = self.log[-1 - number % len(self.log)]
        before = fingerprint()
        with pytest.raises(Refusal) as refused:
            checkout.settle(
                key=key,
                cart=Cart((CartLine(amount_fen=999_999),)),
                expected_hash=None,
                tender="card",
                shop=self.world.shop,
                actor=None,
                at=self.at,
            )
        assert (refused.value.code, refused.value.status) == ("key_reused", 422)
        assert fingerprint() == before

    @rule(number=whose, chosen=lines, rate_pm=st.sampled_from((700, 800, 900)), mild=st.booleans())
    def change_the_rules_meanwhile(
        self, number: int, chosen: Chosen, rate_pm: int, mild: bool
    ) -> None:
        """A quote that no longer holds is not settled; one that still holds is."""
        cart = self.cart(number, chosen, use_stored_value=True)
        seen = checkout.quote(cart=cart, shop=self.world.shop, at=self.at)
        Benefit.objects.filter(name="金卡 9折").update(rate_pm=rate_pm)
        Policy.objects.update(
            clawback="forgive" if mild else "debt",
            rounding="yuan" if mild else "jiao",
            points_grace_days=GRACE_DAYS if mild else 0,
        )
        rules.publish(actor=None, at=self.at)
        now = checkout.quote(cart=cart, shop=self.world.shop, at=self.at)
        answer = self.settle(cart, seen.hash)
        assert (answer is None) == (on_the_screen(seen) != on_the_screen(now))

    @rule(
        number=who,
        chosen=lines,
        parts=st.lists(st.integers(1, 4000), max_size=2),
        points=st.sampled_from((0, 100)),
    )
    def buy_and_undo(self, number: int, chosen: Chosen, parts: list[int], points: int) -> None:
        """Undone in whatever parts with nothing in between: as if it never was."""
        member = self.member(number)
        if member is not None and self.purses[member].debt:
            return  # what it earns repays debt, and the claw-back may then find other parcels
        before = standing(member)
        if self.settle(self.cart(number, chosen, points=points, use_stored_value=True)) is None:
            return
        for fen in parts:
            self.refund(0, None, fen)
        self.refund(0, None, None)
        assert standing(member) == before


def on_the_screen(quote: checkout.Worked) -> tuple[object, ...]:
    """What a cashier agrees to: to pay, coupons, points, stored value."""
    result = quote.settlement
    uses = tuple(sorted((use.coupon_id, use.saved_fen) for use in result.coupon_uses))
    return result.other_fen, uses, result.points_used, result.principal_fen, result.bonus_fen


@pytest.fixture
def shop(db: None) -> None:
    Shopping.world = open_shop()


@pytest.mark.long
def test_what_must_hold_holds_after_every_step(shop: None) -> None:
    run_state_machine_as_test(
        Shopping,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )


# --- Histories too rare to be left to chance ------------------------------------------------------

LATTES: Chosen = [(0, 2)]
DEAR: Chosen = [(None, 15000)]
Step = Callable[[Shopping], object]


def buy(chosen: Chosen = DEAR, *, points: int = 0) -> Step:
    return lambda now: now.buy(0, chosen, points=points, stored=False, coupon=None)


def mild(now: Shopping) -> None:
    """Points short at a refund are forgiven, and expired ones come back for some days."""
    now.change_the_rules_meanwhile(0, LATTES, rate_pm=900, mild=True)


def lend(now: Shopping) -> None:
    now.lend(0)


def of_loan(what: str, nth: int = 0) -> Step:
    return lambda now: now.go_on_with_a_loan(nth, what)


def next_day(now: Shopping) -> None:
    now.later(1441)


def check_in(now: Shopping) -> None:
    now.check_in(0)


HISTORIES: dict[str, tuple[list[Step], int, int]] = {
    "spent, then undone: a debt, which the next points repay": (
        [
            buy(),
            lambda now: now.take_all_points(0),
            lambda now: now.refund_rest(0),
            buy(LATTES),
        ],
        -360,  # 740 earned, 80 given; 460 on the ¥46.00 afterwards
        360,
    ),
    "spent, then undone, and forgiven": (
        [mild, buy(), lambda now: now.take_all_points(0), lambda now: now.refund_rest(0)],
        0,
        0,
    ),
    "spent, then undone: taken from what expires soonest": (
        [
            buy(),
            lambda now: now.take_all_points(0),
            lambda now: now.night(1),
            buy(LATTES),
            lambda now: now.night(1),
            buy(LATTES),
            lambda now: now.refund_rest(2),
        ],
        20,  # 820 taken from 360 and 480
        0,
    ),
    "expired, then undone: what expired counts as taken": (
        [buy(), lambda now: now.night(45), lambda now: now.refund_rest(0)],
        0,
        0,
    ),
    "half spent, the rest expired, then undone: only the half is owed": (
        [
            buy(),
            lambda now: now.adjust(0, "points", -300),
            lambda now: now.night(45),
            lambda now: now.refund_rest(0),
        ],
        -300,
        300,
    ),
    "undone in parts around the expiry": (
        [
            buy(),
            lambda now: now.refund_amount(0, 5000),
            lambda now: now.night(45),
            lambda now: now.refund_amount(0, 5000),
            lambda now: now.refund_rest(0),
        ],
        0,
        0,
    ),
    "used points come back: what was drawn last comes back first": (
        [
            buy(),
            lambda now: now.night(1),
            buy(),
            buy(points=ALL),
            lambda now: now.refund_amount(0, 7000),
        ],
        1790,  # 1280 earned + 80 given + 1027 back of 2200 - 597 taken
        0,
    ),
    "used points come back to a parcel that is gone: they expire again": (
        [
            buy(),
            buy(points=ALL),
            lambda now: now.night(45),
            lambda now: now.refund_rest(0),
        ],
        0,
        0,
    ),
    "used points come back to a parcel that is gone: days of grace": (
        [
            mild,
            buy(),
            buy(points=ALL),
            lambda now: now.night(45),
            lambda now: now.refund_rest(0),
        ],
        1000,
        0,
    ),
    "past its day but not yet swept: neither spent nor given back": (
        [
            buy(),
            buy(points=ALL),
            *[lambda now: now.later(1441)] * 40,
            buy(LATTES, points=ALL),
            lambda now: now.refund_rest(1),
            lambda now: now.night(1),
            lambda now: now.refund_rest(1),
        ],
        540,  # earned and given with the last sale
        0,
    ),
    "lent until the quota ends, undone, overdue, brought back on another day": (
        [
            *[lend] * 3,  # the third is refused
            *map(of_loan, ("never lent", "never lent")),  # one of them only once
            lend,
            *map(of_loan, ("back", "not back", "not back", "back", "not back")),
            lambda now: now.night(9),
            lend,  # nothing while something is overdue
            *map(of_loan, ("never lent", "not back", "back")),
            of_loan("back", 2),
            lend,  # the month's two are used
            lambda now: now.night(9),
            lend,
            of_loan("back"),
            next_day,
            of_loan("not back"),
            lend,
        ],
        0,
        0,
    ),
    "checked in days running, a day missed, and again": (
        [
            *[check_in, next_day] * 4,  # a gift on the second and on the fourth
            next_day,
            check_in,
            check_in,
            next_day,
            check_in,
        ],
        6 * CHECK_IN_POINTS + 3 * STREAK_POINTS,
        0,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_rare_histories(shop: None, name: str) -> None:
    steps, balance, debt = HISTORIES[name]
    now = Shopping()
    try:
        for step in steps:
            step(now)
            now.check_all()
        purse = now.purses[now.world.members[0].pk]
        assert (purse.balance, purse.debt) == (balance, debt)
    finally:
        now.teardown()
