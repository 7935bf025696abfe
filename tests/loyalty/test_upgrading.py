"""A tier for points: the price, the place above, the gift; what is refused changes nothing."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.card import bills
from loyalty.models import (
    Account,
    ClientKey,
    Coupon,
    Entry,
    GiftPack,
    GiftPackCoupon,
    MemberStats,
    RuleSet,
    Tier,
    TierPurchase,
)
from loyalty.selectors import reconciliation
from loyalty.services import (
    checkout,
    confirmations,
    nightly_tiers,
    redeeming,
    rules,
    upgrade_undoing,
    upgrading,
)
from loyalty.services.checkout import Cart, CartLine
from loyalty.services.spending import Identity
from loyalty.settlement.rulebook import RuleBook
from members.errors import Refusal
from members.models import Event, Member
from members.services import outbox
from tests import factories, invariants
from tests.factories import AT

pytestmark = pytest.mark.django_db

SECOND = dt.timedelta(seconds=1)
TODAY = dt.date(2026, 5, 20)


@pytest.fixture
def gold() -> Tier:
    """Gold for 5,000 points, with 200 points, ¥10 and a coupon on arrival; Black for 20,000."""
    factories.policy(progress="lifetime")
    tiers = factories.tiers()
    pack = GiftPack.objects.create(name="金卡礼", points=200, bonus_fen=1000)
    GiftPackCoupon.objects.create(pack=pack, template=factories.coupon_template("升级券", 500))
    Tier.objects.filter(name="金卡").update(price_points=5000, upgrade_pack=pack, grace_days=30)
    Tier.objects.filter(name="黑卡").update(price_points=20000)
    rules.publish(actor=None, at=AT)
    return Tier.objects.get(pk=tiers["金卡"].pk)


def buy(member: Member, tier: Tier, price: int = 5000, **more: Any) -> dict[str, Any]:
    at_the_till = {"shop": factories.shop(), "actor": None, "at": AT} | more
    return upgrading.buy_tier(
        key=at_the_till.pop("key", None) or uuid.uuid4(),
        member_id=member.pk,
        tier_id=tier.pk,
        price_points=price,
        **at_the_till,
    )


def state(member: Member) -> dict[str, Any]:
    """Everything an upgrade may change."""
    return {
        "stats": MemberStats.objects.filter(member=member).values().get(),
        "accounts": list(Account.objects.filter(member=member).order_by("id").values()),
        "lots": list(member.lots.order_by("id").values()),
        "entries": Entry.objects.filter(account__member=member).count(),
        "coupons": list(Coupon.objects.order_by("id").values()),
        "bought": list(TierPurchase.objects.values()),
        "events": Event.objects.filter(member=member).count(),
        "keys": ClientKey.objects.count(),
    }


def broken() -> list[str]:
    with connection.cursor() as cursor:
        return invariants.broken(cursor)


def tier_of(member: Member) -> tuple[str, dt.date | None, dt.date | None]:
    stats = MemberStats.objects.select_related("tier").get(member=member)
    assert stats.tier is not None
    return stats.tier.name, stats.tier_since, stats.tier_until


def test_points_become_a_tier(gold: Tier) -> None:
    member = factories.member()
    soon = factories.give_points(member, 1200, expires_at=AT + dt.timedelta(days=10))
    later = factories.give_points(member, 4000)
    cashier = factories.cashier()
    answer = buy(member, gold, actor=cashier)
    bought = TierPurchase.objects.get()
    [coupon] = Coupon.objects.all()
    assert {name: answer[name] for name in answer if name != "at"} == {
        "purchase": bought.pk,
        "tier": gold.pk,
        "name": "金卡",
        "points": 5000,
        "until": "2027-05-20",
        "gift": {"points": 200, "bonus_fen": 1000, "coupons": [coupon.pk]},
        "points_left": 400,
        "replayed": False,
    }
    assert tier_of(member) == ("金卡", TODAY, dt.date(2027, 5, 20))
    moves = Entry.objects.filter(side="upgrade").order_by("id")
    assert list(moves.values_list("lot", "delta", "reason")) == [
        (soon.pk, -1200, "金卡"),
        (later.pk, -3800, "金卡"),
    ]
    assert (bought.points, bought.points_fen, bought.drawn) == (
        5000,
        5000,
        [[soon.pk, 1200], [later.pk, 3800]],
    )
    assert (bought.shop, bought.staff, bought.at) == (factories.shop(), cashier, AT)
    kinds = Event.objects.filter(member=member).order_by("id").values_list("kind", "shop", "staff")
    assert list(kinds) == [
        ("tier_bought", factories.shop().pk, cashier.pk),
        ("tier_changed", None, cashier.pk),
    ]
    assert broken() == []
    assert not reconciliation.run().totals


def test_the_bill_says_where_they_went(gold: Tier) -> None:
    member = factories.member(points=5000)
    buy(member, gold, actor=factories.cashier(), at=AT + SECOND)
    rows = bills.points_rows(member.pk, before=None, limit=10)
    assert [(row.title, row.delta, row.after, row.shop, row.by) for row in rows] == [
        ("升级礼", 200, 200, "回头咖啡", "小林"),
        ("升级为金卡", -5000, 0, "回头咖啡", "小林"),
        ("人工调整", 5000, 5000, "", ""),
    ]
    while outbox.drain_batch(at=AT + 2 * SECOND).claimed:
        pass
    told = {row.kind: row.data for row in member.inbox.all()}
    assert told == {
        "tier_bought": {"tier": "金卡", "points": 5000, "shop": "回头咖啡"},
        "tier_changed": {
            "tier": "金卡",
            "is_up": True,
            "points": 200,
            "bonus_fen": 1000,
            "coupons": 1,
        },
    }


def test_the_same_key_is_the_same_upgrade(gold: Tier) -> None:
    member, key = factories.member(points=12000), uuid.UUID(int=1)
    first = buy(member, gold, key=key)
    again = buy(member, gold, key=key)
    assert again == {**first, "replayed": True}
    assert TierPurchase.objects.count() == 1
    with pytest.raises(Refusal) as refused:
        buy(member, gold, 4000, key=key)
    assert (refused.value.code, refused.value.status) == ("key_reused", 422)


REFUSED: list[tuple[str, int, dict[str, Any], dict[str, Any]]] = [
    ("points_short", 400, {"points": 4999}, {}),
    ("tier_price_changed", 409, {"points": 9000}, {"price": 4000}),
    ("tier_not_sold", 409, {"points": 9000}, {"tier": "银卡"}),
    ("tier_not_above", 409, {"points": 9000, "tier": "金卡"}, {}),
    ("tier_not_above", 409, {"points": 9000, "tier": "黑卡"}, {}),
    ("member_frozen", 400, {"points": 9000, "status": "frozen"}, {}),
    ("member_unknown", 404, {"points": 9000, "status": "closed", "phone": None, "name": ""}, {}),
]


@pytest.mark.parametrize(("code", "status", "who", "asked"), REFUSED)
def test_refused_and_nothing_changed(
    gold: Tier, code: str, status: int, who: dict[str, Any], asked: dict[str, Any]
) -> None:
    member = factories.member(**who)
    before = state(member)
    tier = factories.tiers()[asked.get("tier", "金卡")]
    with pytest.raises(Refusal) as refused:
        buy(member, tier, asked.get("price", 5000))
    assert (refused.value.code, refused.value.status) == (code, status)
    assert state(member) == before


def test_what_is_short_and_what_changed_is_said(gold: Tier) -> None:
    member = factories.member(points=1200)
    with pytest.raises(Refusal) as refused:
        buy(member, gold)
    assert refused.value.details == {"held": 1200, "missing": 3800}
    Tier.objects.filter(pk=gold.pk).update(price_points=1000)
    rules.publish(actor=None, at=AT)
    with pytest.raises(Refusal) as refused:
        buy(member, gold)
    assert refused.value.details == {"price_points": 1000}
    assert buy(member, gold, 1000)["points_left"] == 400


def test_a_tier_out_of_use_is_not_sold_and_still_counts_as_held(gold: Tier) -> None:
    on_black = factories.member(points=9000, tier="黑卡")
    member = factories.member("+8613900000001", points=9000)
    Tier.objects.filter(name="黑卡").update(is_active=False, price_points=6000)
    rules.publish(actor=None, at=AT)
    with pytest.raises(Refusal) as refused:
        buy(member, Tier.objects.get(name="黑卡"), 6000)
    assert refused.value.code == "tier_not_sold"
    with pytest.raises(Refusal) as refused:
        buy(on_black, gold)
    assert refused.value.code == "tier_not_above"


def test_expired_points_and_points_owed_do_not_pay(gold: Tier) -> None:
    member = factories.member(points=4000)
    factories.give_points(member, 3000, expires_at=AT)
    with pytest.raises(Refusal) as refused:
        buy(member, gold)
    assert refused.value.details == {"held": 4000, "missing": 1000}
    owing = factories.member("+8613900000001", points=5500)
    Entry.objects.create(
        account=owing.accounts.get(kind="points"),
        side="clawback",
        delta=-600,
        balance_after=4900,
        at=AT,
    )
    owing.accounts.filter(kind="points").update(balance=4900, debt=600)
    with pytest.raises(Refusal) as refused:
        buy(owing, gold)
    assert refused.value.details == {"held": 4900, "missing": 100}


def test_who_has_no_tier_can_buy_one(gold: Tier) -> None:
    member = factories.member(points=5000, tier=None)
    assert buy(member, gold)["points_left"] == 200
    assert tier_of(member)[0] == "金卡"


def test_a_snapshot_of_before_names_no_price(gold: Tier) -> None:
    content = RuleSet.objects.latest("pk").snapshot
    for row in content["tiers"]:
        del row["price_points"]
    assert [tier.price_points for tier in RuleBook(content).tiers] == [None] * 4


# --- Kept and lost as any other tier --------------------------------------------------------------


def test_it_is_kept_its_months_then_its_grace_then_it_goes_to_what_was_earned(gold: Tier) -> None:
    member = factories.member(points=5000)
    MemberStats.objects.filter(member=member).update(basis_fen=60000)
    buy(member, gold)
    noon = dt.timedelta(hours=4)
    for day, name in (
        (dt.date(2027, 5, 20), "金卡"),
        (dt.date(2027, 6, 19), "金卡"),
        (dt.date(2027, 6, 20), "银卡"),
    ):
        nightly_tiers.move_tiers(at=dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) + noon)
        assert tier_of(member)[0] == name


def test_enough_spend_keeps_it_for_another_while(gold: Tier) -> None:
    member = factories.member(points=5000)
    MemberStats.objects.filter(member=member).update(basis_fen=200100)
    buy(member, gold)
    nightly_tiers.move_tiers(at=dt.datetime(2027, 7, 1, 4, tzinfo=dt.UTC))
    assert tier_of(member) == ("金卡", TODAY, dt.date(2028, 5, 20))


def test_the_next_purchase_is_at_the_new_tier(gold: Tier) -> None:
    factories.gold_discount()
    rules.publish(actor=None, at=AT)
    member = factories.member(points=5000)
    buy(member, gold)
    cart = Cart((CartLine(amount_fen=10000),), member_id=member.pk)
    quote = checkout.quote(cart=cart, shop=factories.shop(), at=AT)
    assert quote.settlement.other_fen == 8500  # and the coupon of the gift


# --- Whose card it is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "identity", "code"),
    [
        (20000, Identity(by="search"), None),  # ¥200: not above the limit
        (20100, Identity(by="search"), "confirmation_needed"),
        (20100, Identity(by="code"), None),
        (20100, Identity(by="search", is_pin_proved=True), None),
        (20100, None, None),  # on their own card
        (100, Identity(by="search", is_code_away=True), "spending_away"),
    ],
)
def test_many_points_need_the_member(
    gold: Tier, price: int, identity: Identity | None, code: str | None
) -> None:
    Tier.objects.filter(pk=gold.pk).update(price_points=price)
    Tier.objects.filter(name="黑卡").update(price_points=None)
    rules.publish(actor=None, at=AT)
    member = factories.member(points=30000)
    before = state(member)
    if code is None:
        assert buy(member, gold, price, identity=identity)["points"] == price
        return
    with pytest.raises(Refusal) as refused:
        buy(member, gold, price, identity=identity)
    assert refused.value.code == code
    assert state(member) == before


def test_an_upgrade_counts_towards_the_day(gold: Tier) -> None:
    member = factories.member(points=50000)
    buy(member, gold)
    assert confirmations.spent_today_fen(member_id=member.pk, at=AT) == 5000
    tomorrow = AT + dt.timedelta(days=1)
    assert confirmations.spent_today_fen(member_id=member.pk, at=tomorrow) == 0
    TierPurchase.objects.update(undone_at=AT)
    assert confirmations.spent_today_fen(member_id=member.pk, at=AT) == 0


def test_nobody_upgrades_their_own_card(gold: Tier) -> None:
    member, cashier = factories.member(points=5000), factories.cashier()
    cashier.member = member
    cashier.save()
    before = state(member)
    with pytest.raises(Refusal) as refused:
        buy(member, gold, actor=cashier)
    assert (refused.value.code, refused.value.status) == ("own_card", 403)
    assert state(member) == before


# --- Undone at once -------------------------------------------------------------------------------


def undo(answer: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"shop": factories.shop(), "actor": None, "at": AT + 60 * SECOND} | more
    return upgrade_undoing.undo(key=uuid.uuid4(), purchase_id=answer["purchase"], **asked)


def test_undone_within_a_minute_it_is_as_before(gold: Tier) -> None:
    member = factories.member(points=1200)
    factories.give_points(member, 4000, expires_at=AT + dt.timedelta(days=9))
    before = state(member)
    answer = buy(member, gold)
    done = undo(answer, actor=factories.cashier())
    assert (done["points"], done["points_left"]) == (5000, 5200)
    after = state(member)
    for name in ("stats", "accounts"):
        assert after[name] == before[name]
    kept = [lot for lot in after["lots"] if lot["points_left"] or lot["bonus_left"]]
    assert kept == before["lots"]
    assert [coupon["status"] for coupon in after["coupons"]] == ["withdrawn"]
    assert TierPurchase.objects.get().undone_at == AT + 60 * SECOND
    titles = [row.title for row in bills.points_rows(member.pk, before=None, limit=3)]
    assert titles == ["收回", "撤销升级为金卡", "撤销升级为金卡"]
    assert list(Event.objects.order_by("-id").values_list("kind", flat=True)[:2]) == [
        "tier_changed",
        "tier_purchase_undone",
    ]
    assert broken() == []
    assert not reconciliation.run().totals


def test_a_debt_that_the_gift_repaid_is_owed_again(gold: Tier) -> None:
    member = factories.member(points=5300)
    Entry.objects.create(
        account=member.accounts.get(kind="points"),
        side="clawback",
        delta=-300,
        balance_after=5000,
        at=AT,
    )
    member.accounts.filter(kind="points").update(balance=5000, debt=300)
    answer = buy(member, gold)
    account = member.accounts.get(kind="points")
    assert (account.balance, account.debt) == (200, 100)
    undo(answer)
    account.refresh_from_db()
    assert (account.balance, account.debt) == (5000, 300)
    assert broken() == []


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("undo_too_late", {"at": AT + 61 * SECOND}),
        ("undo_too_late", {"at": AT - SECOND}),
        ("upgrade_unknown", {"shop": "far"}),
        ("already_undone", {"undone": True}),
        ("upgrade_in_use", {"sold": True}),
        ("upgrade_in_use", {"redeemed": True}),
        ("upgrade_in_use", {"moved": True}),
        ("member_frozen", {"frozen": True}),
    ],
)
def test_what_is_not_undone(gold: Tier, code: str, more: dict[str, Any]) -> None:
    member = factories.member(points=5000)
    lounge = factories.benefit("休息室", "special", text="休息室")
    rules.publish(actor=None, at=AT)
    answer = buy(member, gold)
    asked = {name: value for name, value in more.items() if name == "at"}
    match next(iter(more)):
        case "shop":
            asked["shop"] = factories.shop("far", "远店")
        case "undone":
            undo(answer)
        case "sold":
            cart = Cart((CartLine(amount_fen=100),), member_id=member.pk)
            checkout.settle(
                key=uuid.uuid4(),
                cart=cart,
                expected_hash=None,
                tender="cash",
                shop=factories.shop(),
                actor=None,
                at=AT + SECOND,
            )
        case "redeemed":
            redeeming.redeem_special(
                key=uuid.uuid4(),
                member_id=member.pk,
                benefit_id=lounge.pk,
                shop=factories.shop(),
                actor=None,
                at=AT + SECOND,
            )
        case "moved":
            MemberStats.objects.filter(member=member).update(tier=factories.tiers()["黑卡"])
        case "frozen":
            Member.objects.filter(pk=member.pk).update(status="frozen")
    before = state(member)
    with pytest.raises(Refusal) as refused:
        undo(answer, **asked)
    assert refused.value.code == code
    assert state(member) == before


def test_an_upgrade_asks_the_database_little(gold: Tier) -> None:
    member = factories.member(points=5000)
    buy(factories.member("+8613900000001", points=5000), gold)  # the rules are read
    with CaptureQueriesContext(
        connection,
    ) as asked:
        buy(member, gold)
    assert len(asked) <= 20, [query["sql"][:80] for query in asked]
