"""Two memberships become one: nothing is lost, nothing is doubled, and the old card still works."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from loyalty.locks import lock_accounts
from loyalty.models import Account, CheckIn, Entry, Lot, MemberStats, Order, QuotaUse
from loyalty.selectors import inputs, reconciliation
from loyalty.services import checkout, joining, ledger, merging, rules, top_ups, undoing
from loyalty.services.again import settle_again
from loyalty.services.checkout import Cart, CartLine
from members.errors import Refusal
from members.models import Card, Event, FormerPhone, Member, MemberNote, Staff, Tag
from members.selectors import find
from members.services import members as member_service
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
OTHER = "+8613900005678"
CARDS = ("9012000000000011", "9012000000000029")


@pytest.fixture
def owner() -> Staff:
    factories.policy(rounding="none", top_up_max_balance_fen=10**8)
    person = factories.owner()
    factories.gold_discount()
    rules.publish(actor=person, at=AT)
    return person


def merge(owner: Staff, kept: Member, merged: Member, **more: Any) -> dict[str, Any]:
    more.setdefault("key", uuid.uuid4())
    return merging.merge(kept_id=kept.pk, merged_id=merged.pk, actor=owner, at=AT + DAY, **more)


def sell(member: Member, fen: int = 10000, **more: Any) -> int:
    answer = checkout.settle(
        key=uuid.uuid4(),
        cart=Cart((CartLine(amount_fen=fen),), member_id=member.pk, **more),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    return int(answer["order"])


def refund(order_id: int, fen: int | None = None) -> dict[str, Any]:
    return undoing.refund(
        key=uuid.uuid4(),
        order_id=order_id,
        lines=None,
        amount_fen=fen,
        reason="太甜",
        shop=factories.shop(),
        actor=None,
        at=AT + 2 * DAY,
    )


def balances(member: Member) -> dict[str, int]:
    return dict(Account.objects.filter(member=member).values_list("kind", "balance"))


def test_everything_goes_over_and_the_old_card_leads_there(owner: Staff) -> None:
    kept = factories.member(tier="银卡", card=CARDS[0], points=100, external_no="K-1")
    merged = factories.member(
        OTHER, "小敏", tier="金卡", card=CARDS[1], external_no="M-1", region="上海", gender="f"
    )
    factories.give_points(merged, 40, expires_at=AT + 30 * DAY)
    factories.give_value(merged, 30000, 6000)
    template = factories.coupon_template("减20")
    coupon = factories.coupon(merged, template)
    sell(kept, 5000)
    order = sell(merged, 20000)
    tags = [Tag.objects.create(name=name) for name in ("常客", "不加糖")]
    kept.tags.add(tags[0])
    merged.tags.add(*tags)
    MemberNote.objects.create(member=merged, text="喜欢靠窗", staff=owner, at=AT)
    before = {name: balances(kept)[name] + balances(merged)[name] for name in balances(kept)}
    answer = merge(owner, kept, merged)
    kept.refresh_from_db()
    merged.refresh_from_db()
    assert balances(kept) == before
    assert balances(merged) == {"points": 0, "principal": 0, "bonus": 0}
    assert (answer["principal_fen"], answer["bonus_fen"], answer["orders"]) == (30000, 6000, 1)
    assert (merged.status, merged.phone, merged.name, merged.merged_into) == (
        *("closed", None, ""),
        kept,
    )
    for found in (
        find.by_phone(OTHER),
        find.by_card(CARDS[1]),
        find.by_card(CARDS[0]),
        find.by_external_no("M-1"),
        find.by_external_no("K-1"),
        find.by_tail("5678")[0],
        find.search("13900005678")[0],
    ):
        assert found == kept
    assert (kept.region, kept.gender, kept.name) == ("上海", "f", "王小敏")
    assert set(kept.tags.all()) == set(tags)
    assert MemberNote.objects.get().member == kept
    stats = MemberStats.objects.get(member=kept)
    assert (stats.orders_count, stats.net_fen, stats.tier and stats.tier.name) == (
        *(2, 5000 + 18000),
        "金卡",
    )
    coupon.refresh_from_db()
    assert coupon.member == kept
    moved = Order.objects.select_related("ruleset").get(pk=order)
    assert moved.member == kept
    again = settle_again(moved)
    assert again is not None
    assert again.agrees
    standing = inputs.load(member_id=kept.pk, at=AT + DAY)
    assert standing is not None
    assert standing.trailing_basis_fen == stats.basis_fen
    assert {event.kind for event in Event.objects.filter(member=kept, staff=owner)} == {
        *("merged", "tier_changed")
    }
    assert Event.objects.get(kind="merged_away").data == {"into": kept.pk}
    assert reconciliation.run().differences == []


def test_lots_keep_their_dates_their_ratio_and_their_top_up(owner: Staff) -> None:
    kept, merged = factories.member(), factories.member(OTHER)
    plan = factories.top_up_plans()[0]
    rules.publish(actor=owner, at=AT)
    top_ups.top_up(
        key=uuid.uuid4(),
        member_id=merged.pk,
        plan_id=plan.pk,
        amount_fen=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=AT,
    )
    sell(merged, 6000, use_stored_value=True)
    factories.give_points(merged, 7, expires_at=AT + 3 * DAY)
    old = list(Lot.objects.filter(member=merged).order_by("issued_at", "pk"))
    merge(owner, kept, merged)
    new = list(Lot.objects.filter(member=kept).order_by("issued_at", "pk"))
    columns = ["points_left", "principal_left", "bonus_left", "expires_at", "issued_at"]
    columns.append("top_up_id")
    assert [[getattr(lot, name) for name in columns] for lot in new] == [
        [getattr(lot, name) for name in columns] for lot in old
    ]
    assert new[0].principal_left == 45000
    assert {entry.side for entry in Entry.objects.filter(account__member=kept)} == {"merged"}
    assert reconciliation.run().differences == []


@pytest.mark.parametrize("steps", [(None,), (3000, None)])
def test_a_refund_after_the_merge_comes_out_as_without_it(
    owner: Staff, steps: tuple[int | None, ...]
) -> None:
    """A purchase paid by points and stored value, refunded by the merged and by an unmerged."""
    results = []
    for number, is_merged in enumerate((False, True)):
        phones = (f"+861380000{number}001", f"+861390000{number}002")
        person = factories.member(phones[0], tier="金卡", principal_fen=20000, bonus_fen=4000)
        factories.give_points(person, 1000)
        order = sell(person, 10000, points=500, use_stored_value=True, stored_value_fen=3000)
        holder = person
        if is_merged:
            holder = factories.member(phones[1])
            merge(owner, holder, person)
        for fen in steps:
            answer = refund(order, fen)
        stats = MemberStats.objects.get(member=holder)
        results.append((balances(holder), answer["balances"], stats.net_fen, stats.orders_count))
        assert Account.objects.get(member=person, kind="points").debt == 0
        if is_merged:
            assert set(balances(person).values()) == {0}
    assert results[0] == results[1]
    assert reconciliation.run().differences == []


def owe(member: Member, points: int) -> None:
    ledger.post(
        book=lock_accounts([member.pk]),
        moves=[ledger.Move(member.pk, "points", -points, Entry.Side.CLAWBACK)],
        at=AT,
    )


@pytest.mark.parametrize(
    ("kept_has", "kept_owes", "merged_has", "merged_owes", "left"),
    [
        (100, 0, 0, 30, (70, 0)),
        (0, 30, 100, 0, (70, 0)),
        (20, 0, 0, 50, (-30, 30)),
        (0, 10, 25, 20, (-5, 5)),
        (0, 5, 0, 7, (-12, 12)),
    ],
)
def test_debt_goes_over_and_is_paid(
    owner: Staff,
    kept_has: int,
    kept_owes: int,
    merged_has: int,
    merged_owes: int,
    left: tuple[int, int],
) -> None:
    kept, merged = factories.member(points=kept_has), factories.member(OTHER, points=merged_has)
    for member, points in ((kept, kept_owes), (merged, merged_owes)):
        if points:
            owe(member, points)
    merge(owner, kept, merged)
    account = Account.objects.get(member=kept, kind="points")
    assert (account.balance, account.debt) == left
    empty = Account.objects.get(member=merged, kind="points")
    assert (empty.balance, empty.debt) == (0, 0)
    assert reconciliation.run().differences == []


def test_a_chain_of_merges_ends_at_the_last(owner: Staff) -> None:
    first = factories.member("+8613900000001", card=CARDS[0], points=50)
    second, third = factories.member("+8613900000002"), factories.member("+8613900000003")
    order = sell(first, 5000, points=0)
    merge(owner, second, first)
    merge(owner, third, second)
    assert set(Member.objects.filter(merged_into=third)) == {first, second}
    assert find.by_card(CARDS[0]) == find.by_phone("+8613900000001") == third
    refund(order)
    assert balances(third)["points"] == 50
    assert MemberStats.objects.get(member=third).orders_count == 0
    assert reconciliation.run().differences == []


def test_days_and_quotas_that_both_used_count_once(owner: Staff) -> None:
    kept, merged = factories.member(), factories.member(OTHER)
    benefit = factories.benefit("借书", "special", text="每月两本", quota=2, quota_period="month")
    for member, days in ((kept, (0, 1)), (merged, (1, 2))):
        for day in days:
            CheckIn.objects.create(member=member, day=(AT + day * DAY).date(), at=AT)
        MemberStats.objects.filter(member=member).update(checkins_count=2)
        QuotaUse.objects.create(benefit=benefit, member=member, period="2026-05", number=1, at=AT)
    merge(owner, kept, merged)
    assert MemberStats.objects.get(member=kept).checkins_count == 3
    assert QuotaUse.objects.filter(member=kept).count() == 1
    assert reconciliation.run().differences == []


def test_the_old_phone_opens_no_second_card(owner: Staff) -> None:
    kept, merged = factories.member(), factories.member(OTHER)
    third = factories.member("+8613900007777")
    Member.objects.filter(pk=kept.pk).update(phone_proved_at=None)
    merge(owner, kept, merged)
    kept.refresh_from_db()
    assert kept.phone_proved_at is None  # the other one's phone proves nothing of its own
    with pytest.raises(Refusal) as refused:
        joining.join(phone=OTHER, shop=None, actor=owner, at=AT)
    assert (refused.value.code, refused.value.details) == (
        "already_member",
        {"member_id": kept.pk},
    )
    with pytest.raises(Refusal) as refused:
        member_service.change_phone(member_id=third.pk, phone=OTHER, actor=owner, at=AT)
    assert refused.value.code == "phone_taken"
    member_service.change_phone(member_id=kept.pk, phone=OTHER, actor=owner, at=AT)
    assert not FormerPhone.objects.exists()


def test_a_member_without_phone_or_card_takes_those(owner: Staff) -> None:
    kept, merged = factories.member(None, ""), factories.member(OTHER, card=CARDS[0])
    merge(owner, kept, merged)
    kept.refresh_from_db()
    assert (kept.phone, kept.phone_tail, kept.name) == (OTHER, "5678", "王小敏")
    assert kept.phone_proved_at == AT  # with the phone comes that it was proved
    assert Card.objects.get().member == kept
    assert not FormerPhone.objects.exists()


def test_closing_the_kept_one_forgets_the_old_phone(owner: Staff) -> None:
    kept, merged = factories.member(), factories.member(OTHER, card=CARDS[0])
    merge(owner, kept, merged)
    member_service.close(member_id=kept.pk, actor=owner, at=AT)
    assert not FormerPhone.objects.exists()
    with pytest.raises(Refusal) as refused:
        find.by_card(CARDS[0])
    assert refused.value.code == "member_unknown"


def test_who_held_the_old_card_is_told_to_scan_again(owner: Staff) -> None:
    kept, merged = factories.member(), factories.member(OTHER)
    merge(owner, kept, merged)
    with pytest.raises(Refusal) as refused:
        sell(merged)
    assert refused.value.code == "member_merged"


@pytest.mark.parametrize(
    ("role", "status", "code"),
    [
        ("cashier", "active", "not_allowed"),
        ("manager", "frozen", "member_frozen"),
        ("owner", "same", "same_member"),
        ("owner", "closed", "member_closed"),
    ],
)
def test_refused_with_nothing_changed(owner: Staff, role: str, status: str, code: str) -> None:
    person = factories.staff("who", role)
    kept, merged = factories.member(), factories.member(OTHER, points=10)
    if status == "closed":
        Member.objects.filter(pk=merged.pk).update(
            status="closed", phone=None, name="", phone_proved_at=None
        )
    elif status == "same":
        merged = kept
    else:
        Member.objects.filter(pk=merged.pk).update(status=status)
    entries = Entry.objects.count()
    with pytest.raises(Refusal) as refused:
        merge(person, kept, merged)
    assert refused.value.code == code
    assert Entry.objects.count() == entries
    assert not Event.objects.filter(kind="merged").exists()


def test_pressed_twice_it_is_done_once(owner: Staff) -> None:
    kept, merged = factories.member(), factories.member(OTHER, points=10)
    key = uuid.uuid4()
    first, second = (merge(owner, kept, merged, key=key) for _twice in range(2))
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert Event.objects.filter(kind="merged").count() == 1
