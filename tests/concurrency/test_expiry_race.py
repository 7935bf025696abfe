"""In the second in which points expire: issued = used + expired + left, whoever comes first."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.db.models import Sum

from loyalty import locks
from loyalty.models import Entry, Lot
from loyalty.selectors import reconciliation
from loyalty.services import checkout, expiry
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Member, Shop
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT

SECOND = dt.timedelta(seconds=1)
EXPIRES = AT + dt.timedelta(days=1)


def spend(number: int, member: Member, shop: Shop, *, at: dt.datetime) -> bool:
    """A sale of ¥1 paid with 100 points; False when there are not enough any more."""
    try:
        checkout.settle(
            key=uuid.UUID(int=number),
            cart=Cart((CartLine(amount_fen=100),), member_id=member.pk, points=100),
            expected_hash=None,
            tender="cash",
            shop=shop,
            actor=None,
            at=at,
        )
    except Refusal as refused:
        if refused.code != "points_short":
            raise
        return False
    return True


def in_threads(jobs: list[Callable[[], object]], *, threads: int) -> list[object]:
    """Run the jobs, all threads starting at the same moment."""
    start = threading.Barrier(threads)

    def run(share: list[Callable[[], object]]) -> list[object]:
        try:
            start.wait()
            return [job() for job in share]
        finally:
            connection.close()

    close_old_connections()
    with ThreadPoolExecutor(threads) as pool:
        shares = pool.map(run, [jobs[number::threads] for number in range(threads)])
        return [result for share in shares for result in share]


def test_200_sales_and_expiries_in_the_second_of_expiry(live_db: LiveDatabase) -> None:
    factories.policy(earn_per_yuan_pm=0)
    shop = factories.shop()
    people = [factories.member(f"+861380000{number:04}") for number in range(4)]
    for person in people:
        # 30 lots that expire within the second, one after the other, and one that does not.
        for number in range(30):
            factories.give_points(person, 110, expires_at=EXPIRES + number * SECOND / 30)
        factories.give_points(person, 70)
    jobs: list[Callable[[], object]] = []
    for number in range(200):
        at = EXPIRES + number * SECOND / 200
        if number % 5:
            jobs.append(partial(spend, number + 1, people[number % 4], shop, at=at))
        else:
            jobs.append(partial(expiry.expire_points, at=at))
    results = in_threads(jobs, threads=40)
    sold = sum(result is True for result in results)
    total = Lot.objects.aggregate(issued=Sum("points_issued"), left=Sum("points_left"))
    sides = {
        side: -(Entry.objects.filter(side=side).aggregate(sum=Sum("delta"))["sum"] or 0)
        for side in ("redeemed", "expired")
    }
    assert total["issued"] == 4 * (30 * 110 + 70) == 13480
    assert sides["redeemed"] == sold * 100
    assert total["issued"] == sides["redeemed"] + sides["expired"] + total["left"]
    assert reconciliation.run().differences == []
    # Whoever is left with expired points loses them in the next night, once.
    expiry.expire_points(at=EXPIRES + SECOND)
    assert Lot.objects.aggregate(left=Sum("points_left"))["left"] <= 4 * 70
    assert reconciliation.run().differences == []


def expire_while_a_sale_is_open(live_db: LiveDatabase) -> tuple[object, dict[str, int]]:
    """A sale has taken 100 of 110 points and not committed yet when the night comes."""
    factories.policy(earn_per_yuan_pm=0)
    shop, member = factories.shop(), factories.member()
    factories.give_points(member, 110, expires_at=EXPIRES)
    outcome: list[object] = []

    def night() -> None:
        try:
            outcome.append(expiry.expire_points(at=EXPIRES))
        except IntegrityError as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=night)
    with transaction.atomic():
        assert spend(1, member, shop, at=EXPIRES - SECOND)
        thread.start()
        live_db.until_somebody_waits()
    thread.join()
    entries = Entry.objects.filter(delta__lt=0)
    return outcome[0], {entry.side: entry.delta for entry in entries}


def test_the_night_waits_for_an_open_sale_and_takes_the_rest(live_db: LiveDatabase) -> None:
    outcome, moved = expire_while_a_sale_is_open(live_db)
    assert outcome == expiry.Expired(members=1, lots=1, points=10)
    assert moved == {"redeemed": -100, "expired": -10}
    assert reconciliation.run().is_clean


def test_without_the_lock_it_takes_what_is_spent_already(
    live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: only the last line of defence, a CHECK of the database, then stops it."""
    monkeypatch.setattr(locks, "FOR_UPDATE", "")
    outcome, moved = expire_while_a_sale_is_open(live_db)
    assert isinstance(outcome, IntegrityError)
    assert "violates check constraint" in str(outcome)
    assert moved == {"redeemed": -100}
