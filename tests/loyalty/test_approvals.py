"""Two people for what is large: where one may act alone, who may be the second, what waits."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any

import pytest
from django.core.cache import cache

from loyalty.models import Account, Approval, Order, Refund
from loyalty.services import adjusting, approvals, checkout, merging, requests, undoing
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Event, Member, Shop, Staff
from members.services import members, outbox
from members.services import staff as staff_service
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

LATER = AT + dt.timedelta(minutes=5)


@dataclasses.dataclass
class Cast:
    shop: Shop
    far: Shop
    people: dict[str, Staff | None]
    member: Member

    def person(self, name: str) -> Any:
        return self.people[name]


@pytest.fixture
def cast(db: None) -> Cast:
    """Corrections of ¥200 or 2,000 points and refunds of ¥200 alone, as a new shop has them."""
    shop, far = factories.shop(), factories.shop("far", "远店")
    factories.policy()
    return Cast(
        shop,
        far,
        {
            "nobody": None,
            "cashier": factories.cashier(),
            "other": factories.staff("mei", name="小梅"),
            "manager": factories.manager(),
            "second": factories.staff("he", Staff.Role.MANAGER, name="何店长"),
            "far": factories.staff("gao", Staff.Role.MANAGER, shops=(far,), name="高店长"),
            "owner": factories.owner(),
        },
        factories.member(principal_fen=100000),
    )


def sell(cast: Cast, amount_fen: int, *, by: str = "cashier") -> int:
    answer = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart((CartLine(amount_fen=amount_fen),), member_id=cast.member.pk),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=cast.person(by),
        at=AT,
    )
    return int(answer["order"])


def refund(cast: Cast, order: int, fen: int | None, by: str, second: str = "nobody") -> str:
    return done(
        undoing.refund,
        order_id=order,
        lines=None,
        amount_fen=fen,
        reason="太甜",
        shop=cast.shop,
        actor=cast.person(by),
        approver=cast.person(second),
        at=LATER,
    )


def adjust(cast: Cast, kind: str, delta: int, by: str, second: str = "nobody", **more: Any) -> str:
    return done(
        adjusting.adjust,
        member_id=cast.member.pk,
        kind=kind,
        delta=delta,
        reason="补登",
        shop=None,
        actor=cast.person(by),
        approver=cast.person(second),
        **{"at": LATER, **more},
    )


def done(service: Any, **what: Any) -> str:
    """What it was refused with, having changed nothing; "" where it was done."""
    before = facts()
    try:
        service(key=uuid.uuid4(), **what)
    except Refusal as refusal:
        assert facts() == before
        return refusal.code
    return ""


def facts() -> list[Any]:
    balances = Account.objects.order_by("pk").values_list("balance", flat=True)
    asked = Approval.objects.order_by("pk").values_list("status", flat=True)
    return [list(balances), Refund.objects.count(), Event.objects.count(), list(asked)]


NEEDED, SELF, NOT = "approval_needed", "approver_self", "approver_not_allowed"


@pytest.mark.parametrize(
    ("fen", "by", "second", "code"),
    [
        (20000, "cashier", "nobody", ""),
        (20001, "cashier", "nobody", NEEDED),
        (20001, "cashier", "manager", ""),
        (20001, "cashier", "owner", ""),
        (20001, "cashier", "other", NOT),
        (20001, "cashier", "cashier", SELF),
        (20001, "cashier", "far", NOT),
        (20001, "manager", "nobody", NEEDED),
        (20001, "manager", "manager", SELF),
        (20001, "manager", "second", ""),
        (50000, "owner", "nobody", ""),
        (50000, "nobody", "nobody", ""),
    ],
)
def test_who_gives_back_how_much(cast: Cast, fen: int, by: str, second: str, code: str) -> None:
    assert refund(cast, sell(cast, 50000), fen, by, second) == code
    if not code:
        row, told = Refund.objects.get(), Event.objects.get(kind="refunded")
        wanted = cast.person(second)
        assert (row.staff, row.approved_by) == (cast.person(by), wanted)
        assert told.data.get("approver") == (wanted.pk if wanted else None)


@pytest.mark.parametrize(
    ("kind", "delta", "by", "second", "code"),
    [
        ("points", 2000, "manager", "nobody", ""),
        ("points", 2001, "manager", "nobody", NEEDED),
        ("points", -2001, "manager", "nobody", NEEDED),
        ("principal", 20000, "manager", "nobody", ""),
        ("bonus", 20001, "manager", "nobody", NEEDED),
        ("principal", -20001, "manager", "nobody", NEEDED),
        ("principal", -20001, "manager", "cashier", NOT),
        ("principal", -20001, "manager", "second", ""),
        ("principal", -20001, "manager", "owner", ""),
        ("principal", -90000, "owner", "nobody", ""),
    ],
)
def test_who_corrects_how_much(
    cast: Cast, kind: str, delta: int, by: str, second: str, code: str
) -> None:
    assert adjust(cast, kind, delta, by, second) == code
    if not code:
        told, wanted = Event.objects.get(kind="balance_adjusted"), cast.person(second)
        assert told.data.get("approver") == (wanted.pk if wanted else None)


def test_an_empty_limit_asks_nobody(cast: Cast) -> None:
    factories.policy(adjust_limit_fen=None, adjust_limit_points=None, refund_limit_fen=None)
    assert refund(cast, sell(cast, 50000), None, "cashier") == ""
    assert adjust(cast, "points", 9_000_000, "manager") == ""
    assert adjust(cast, "principal", -90000, "manager") == ""


def test_nobody_approves_what_goes_onto_their_own_card(cast: Cast) -> None:
    order, second = sell(cast, 50000), cast.person("second")
    second.member = cast.member
    assert adjust(cast, "points", 2001, "manager", "second") == "approver_own_card"
    assert refund(cast, order, None, "cashier", "second") == "approver_own_card"
    # And alone they do nothing to it themselves, however little it is.
    assert adjust(cast, "points", 1, "second") == NEEDED
    assert refund(cast, order, 1, "second") == NEEDED
    assert adjust(cast, "points", 1, "second", "manager") == ""
    assert refund(cast, order, 1, "second", "manager") == ""


def test_parts_of_one_purchase_count_together(cast: Cast) -> None:
    order = sell(cast, 100000)
    assert refund(cast, order, 15000, "cashier") == ""
    assert refund(cast, order, 5001, "other") == NEEDED
    # What two people did is no part of what one does alone; nor is the owner's.
    assert refund(cast, order, 30000, "cashier", "manager") == ""
    assert refund(cast, order, 30000, "owner") == ""
    assert refund(cast, order, 5000, "other") == ""
    assert refund(cast, order, 1, "cashier") == NEEDED


def test_corrections_of_one_member_in_one_day_count_together(cast: Cast) -> None:
    assert adjust(cast, "principal", 15000, "manager") == ""
    assert adjust(cast, "bonus", 5001, "manager") == NEEDED
    # A slip put right by its opposite, and somebody else's, do not count; the next day is new.
    assert adjust(cast, "principal", -15000, "manager") == ""
    assert adjust(cast, "principal", 30000, "manager", "second") == ""
    assert adjust(cast, "bonus", 5000, "second") == ""
    assert adjust(cast, "bonus", 5001, "manager") == NEEDED
    assert adjust(cast, "bonus", 5001, "manager", at=AT + dt.timedelta(days=1)) == ""


@pytest.mark.parametrize(
    ("by", "after_s", "code"),
    [("cashier", 60, ""), ("cashier", 61, NEEDED), ("other", 1, NEEDED), ("owner", 90, "")],
)
def test_ones_own_sale_is_undone_alone_for_a_minute(
    cast: Cast, by: str, after_s: int, code: str
) -> None:
    order = sell(cast, 50000)
    what = {"order_id": order, "reason": "", "shop": cast.shop, "actor": cast.person(by)}
    assert done(undoing.void, at=AT + dt.timedelta(seconds=after_s), **what) == code


def ask(cast: Cast, delta: int = 5000, *, key: int = 1, by: str = "manager") -> int:
    answer = requests.ask_adjustment(
        key=uuid.UUID(int=key),
        member_id=cast.member.pk,
        account="points",
        delta=delta,
        reason="旧系统",
        actor=cast.person(by),
        at=LATER,
    )
    return int(answer["approval"])


def ask_refund(cast: Cast, order: int, fen: int | None = None, **more: Any) -> int:
    what = {"is_void": False, "lines": None, "amount_fen": fen, "actor": cast.person("cashier")}
    what |= {"reason": "太甜", "shop": cast.shop, "at": LATER, "key": uuid.UUID(int=2), **more}
    return int(requests.ask_undo(order_id=order, **what)["approval"])


def balance(cast: Cast, kind: str = "points") -> int:
    return Account.objects.get(member=cast.member, kind=kind).balance


def decide(cast: Cast, what: str, approval: int, by: str, **more: Any) -> str:
    before = facts()
    try:
        getattr(requests, what)(approval_id=approval, actor=cast.person(by), at=LATER, **more)
    except Refusal as refusal:
        assert facts() == before
        return refusal.code
    return ""


def test_a_correction_waits_and_is_done_when_approved(cast: Cast) -> None:
    approval = ask(cast)
    assert ask(cast) == approval  # pressed twice
    assert balance(cast) == 0
    assert decide(cast, "approve", approval, "cashier") == "not_allowed"
    assert decide(cast, "approve", approval, "manager") == SELF
    assert decide(cast, "withdraw", approval, "second") == "request_unknown"
    assert decide(cast, "decline", approval, "second", reason=" ") == "reason_missing"
    assert decide(cast, "approve", 0, "second") == "request_unknown"
    with pytest.raises(Refusal, match="already_asked"):
        ask(cast, key=9)
    with pytest.raises(Refusal, match="approval_not_needed"):
        ask(cast, 2000, key=8)
    assert decide(cast, "approve", approval, "second") == ""
    assert balance(cast) == 5000
    told = Event.objects.get(kind="balance_adjusted")
    assert (told.staff, told.data["approver"]) == (
        cast.person("manager"),
        cast.person("second").pk,
    )
    for what, by, more in (
        ("approve", "owner", {}),
        ("decline", "owner", {"reason": "不对"}),
        ("withdraw", "manager", {}),
    ):
        assert decide(cast, what, approval, by, **more) == "request_over"
    row = Approval.objects.get()
    assert (row.status, row.decided_by, row.decided_at) == (
        "approved",
        cast.person("second"),
        LATER,
    )


def test_what_is_refused_at_that_moment_goes_on_waiting(cast: Cast) -> None:
    factories.give_points(cast.member, 6000)
    approval = ask(cast, -5000)
    adjust(cast, "points", -2000, "second")
    assert decide(cast, "approve", approval, "owner") == "balance_short"
    assert Approval.objects.get().status == "waiting"
    factories.give_points(cast.member, 2000)
    assert decide(cast, "approve", approval, "owner") == ""
    assert balance(cast) == 1000


def test_a_correction_of_a_closed_card_waits_for_nobody(cast: Cast) -> None:
    ask(cast)
    adjust(cast, "principal", -100000, "owner")
    members.close(member_id=cast.member.pk, actor=cast.person("owner"), at=LATER)
    outbox.drain_batch(at=LATER)
    row = Approval.objects.get()
    assert (row.status, row.decided_by, row.decided_at) == ("withdrawn", None, LATER)


def test_whoever_asked_and_may_no_more_is_not_followed(cast: Cast) -> None:
    approval = ask(cast)
    Staff.objects.filter(username="chen").update(role=Staff.Role.CASHIER)
    assert decide(cast, "approve", approval, "owner") == "asker_not_allowed"
    assert decide(cast, "decline", approval, "owner", reason="已调岗") == ""
    told = Event.objects.get(kind="approval_declined")
    assert (told.staff, told.data["reason"]) == (cast.person("owner"), "已调岗")


@pytest.mark.parametrize(("fen", "returned"), [(30000, 30000), (None, 50000)])
def test_a_refund_waits_and_is_done_when_approved(
    cast: Cast, fen: int | None, returned: int
) -> None:
    order = sell(cast, 50000)
    approval = ask_refund(cast, order, fen)
    assert Approval.objects.get().amount == returned
    with pytest.raises(Refusal, match="already_asked"):
        ask_refund(cast, order, 40000, key=uuid.UUID(int=3))
    assert decide(cast, "approve", approval, "far") == NOT
    assert decide(cast, "approve", approval, "manager") == ""
    row = Refund.objects.get()
    assert (row.base_fen, row.staff, row.approved_by) == (
        returned,
        cast.person("cashier"),
        cast.person("manager"),
    )
    assert row.reason == "太甜"


def test_a_refund_by_lines_waits_too(cast: Cast) -> None:
    lines = (CartLine(quantity=3, unit_price_fen=15000), CartLine(amount_fen=100))
    answer = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart(lines),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=cast.person("cashier"),
        at=AT,
    )
    approval = ask_refund(cast, answer["order"], lines=[(0, 2)])
    assert decide(cast, "approve", approval, "manager") == ""
    assert [(x.quantity, x.base_fen) for x in Refund.objects.get().lines.all()] == [(2, 30000)]


def test_a_request_ends_when_its_purchase_is_given_back_otherwise(cast: Cast) -> None:
    order = sell(cast, 50000)
    approval = ask_refund(cast, order, 30000)
    assert refund(cast, order, 30000, "cashier", "manager") == ""
    assert Approval.objects.get().status == "withdrawn"
    assert decide(cast, "approve", approval, "manager") == "request_over"
    assert Order.objects.get().refunded_base_fen == 30000


def test_an_undo_that_waits_too_long_is_refused_and_stays(cast: Cast) -> None:
    approval = ask_refund(cast, sell(cast, 50000), is_void=True)
    late = {"approval_id": approval, "actor": cast.person("manager")}
    with pytest.raises(Refusal, match="void_too_late"):
        requests.approve(**late, at=AT + dt.timedelta(days=1))
    assert Approval.objects.get().status == "waiting"
    assert decide(cast, "withdraw", approval, "cashier") == ""


@pytest.mark.parametrize(
    ("who", "pin", "code"),
    [
        ("manager", "4071", ""),
        ("manager", "4072", "pin_wrong"),
        ("cashier", "4071", "approver_unknown"),  # one's own
        ("other", "4071", "approver_unknown"),  # a cashier
        ("second", "4071", "approver_unknown"),  # has none
        ("far", "4071", "approver_unknown"),  # of another shop
        ("owner", "4071", ""),
    ],
)
def test_a_pin_proves_who_may_approve(cast: Cast, who: str, pin: str, code: str) -> None:
    cache.clear()
    for name in ("cashier", "other", "manager", "far", "owner"):
        person = cast.person(name)
        staff_service.set_pin(staff_id=person.pk, pin="4071", actor=person, at=AT)
    here = {"actor": cast.person("cashier"), "shop": cast.shop}
    wanted = cast.person(who).pk
    if not code:
        assert approvals.by_pin(staff_id=wanted, pin=pin, **here).pk == wanted
        return
    # Five wrong ones in a row, then the right one is locked out, too; a stranger's always is.
    for _try in range(5):
        with pytest.raises(Refusal, match=code):
            approvals.by_pin(staff_id=wanted, pin=pin, **here)
    with pytest.raises(Refusal, match="pin_locked" if code == "pin_wrong" else code):
        approvals.by_pin(staff_id=wanted, pin="4071", **here)


def test_requests_come_along_when_cards_are_merged(cast: Cast) -> None:
    kept = factories.member("+8613900005678", "李明")
    ask(cast)
    twin, cast.member = cast.member, kept
    approval = ask(cast, key=5)
    cast.member = twin
    merging.merge(
        key=uuid.UUID(int=7),
        kept_id=kept.pk,
        merged_id=cast.member.pk,
        actor=cast.person("owner"),
        at=LATER,
    )
    # The same of both cards is asked once.
    states = Approval.objects.filter(member=kept).order_by("pk").values_list("status", flat=True)
    assert list(states) == ["withdrawn", "waiting"]
    assert decide(cast, "approve", approval, "second") == ""
    assert Account.objects.get(member=kept, kind="points").balance == 5000
