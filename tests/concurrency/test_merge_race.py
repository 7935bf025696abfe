"""A member is merged while the tills go on: each sale is there before, or told to scan again."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import close_old_connections, connection
from django.db.models import Sum

from loyalty import locks
from loyalty.models import Account, MemberStats, Order
from loyalty.selectors import reconciliation
from loyalty.services import checkout, merging, rules, undoing, working
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Member, Shop, Staff
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT

TILLS, SALES = 6, 25


def sell(number: int, member_id: int, shop: Shop) -> str | int:
    """A sale of ¥10 paid by stored value; the order, or why it was refused."""
    try:
        answer = checkout.settle(
            key=uuid.UUID(int=number),
            cart=Cart((CartLine(amount_fen=1000),), member_id=member_id, use_stored_value=True),
            expected_hash=None,
            tender="cash",
            shop=shop,
            actor=None,
            at=AT,
        )
    except Refusal as refused:
        return refused.code
    return int(answer["order"])


def give_back(order_id: int, shop: Shop) -> None:
    for _try in range(20):
        try:
            undoing.refund(
                key=uuid.uuid4(),
                order_id=order_id,
                lines=None,
                amount_fen=None,
                reason="x",
                shop=shop,
                actor=None,
                at=AT,
            )
            return
        except Refusal as refused:
            if refused.code != "busy":
                raise


def in_threads(jobs: list[Callable[[], object]]) -> list[object]:
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        try:
            start.wait()
            return job()
        finally:
            connection.close()

    close_old_connections()
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.fixture
def cast(live_db: LiveDatabase) -> tuple[Staff, Shop, Member, Member]:
    factories.policy()
    owner, shop = factories.owner(), factories.shop()
    rules.publish(actor=owner, at=AT)
    kept = factories.member(principal_fen=50000)
    merged = factories.member("+8613900005678", principal_fen=TILLS * SALES * 1000)
    return owner, shop, kept, merged


def merge(owner: Staff, kept: Member, merged: Member) -> object:
    for _try in range(20):
        try:
            return merging.merge(
                key=uuid.UUID(int=10**6),
                kept_id=kept.pk,
                merged_id=merged.pk,
                actor=owner,
                at=AT,
            )
        except Refusal as refused:
            if refused.code != "busy":
                raise
    raise AssertionError("never had")


def test_sales_refunds_and_the_merge_at_once(cast: tuple[Staff, Shop, Member, Member]) -> None:
    owner, shop, kept, merged = cast
    first = [sell(10**7 + number, merged.pk, shop) for number in range(8)]
    some = threading.Event()

    def till(number: int) -> Callable[[], object]:
        def work() -> object:
            found = []
            for turn in range(SALES - 2):
                found.append(sell(1 + number * 100 + turn, merged.pk, shop))
                some.set()
            return found

        return work

    def office() -> object:
        some.wait()
        return merge(owner, kept, merged)

    def refunds() -> object:
        for order in first:
            give_back(int(order), shop)
        return None

    results = in_threads([*(till(number) for number in range(TILLS)), office, refunds])
    sold = [one for found in results[:TILLS] for one in found]  # type: ignore[attr-defined]
    orders = [one for one in sold if isinstance(one, int)]
    refused = {one for one in sold if isinstance(one, str)}
    assert orders
    assert refused == {"member_merged"}
    assert Order.objects.filter(member=kept).count() == len(orders) + len(first)
    assert not Order.objects.filter(member=merged).exists()
    assert MemberStats.objects.get(member=kept).orders_count == len(orders)
    left = Account.objects.filter(kind="principal").aggregate(sum=Sum("balance"))["sum"]
    assert left == 50000 + TILLS * SALES * 1000 - len(orders) * 1000
    assert not Account.objects.filter(member=merged).exclude(balance=0).exists()
    assert reconciliation.run().differences == []


def test_two_merges_of_the_same_two_crosswise(cast: tuple[Staff, Shop, Member, Member]) -> None:
    """Two people in the office, each keeping the other card: one is done, the other told so."""
    owner, _shop, kept, merged = cast

    def one(kept: Member, merged: Member) -> object:
        try:
            return merging.merge(
                key=uuid.uuid4(), kept_id=kept.pk, merged_id=merged.pk, actor=owner, at=AT
            )["kept"]
        except Refusal as refused:
            return refused.code

    found = in_threads([lambda: one(kept, merged), lambda: one(merged, kept)])
    assert sorted(map(str, found))[1:] == ["member_closed"]
    assert Member.objects.filter(status="closed").count() == 1
    assert reconciliation.run().differences == []


def test_without_the_locks_a_sale_falls_in_between(
    cast: tuple[Staff, Shop, Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a sale worked out before the merge and written after it."""
    owner, shop, kept, merged = cast
    monkeypatch.setattr(locks, "FOR_UPDATE", "")
    real = working.work_out
    worked, gone_on = threading.Event(), threading.Event()

    def slow(**more: object) -> object:
        found = real(**more)  # type: ignore[arg-type]
        worked.set()
        gone_on.wait()
        return found

    monkeypatch.setattr(checkout, "work_out", slow)

    def till() -> object:
        try:
            return sell(1, merged.pk, shop)
        except Exception as error:
            return type(error).__name__

    def office() -> object:
        worked.wait()
        try:
            return merge(owner, kept, merged)
        finally:
            gone_on.set()

    outcome = in_threads([till, office])[0]
    # Only a CHECK of the database stops the sale: nobody told the cashier to scan again.
    assert outcome == "IntegrityError"
