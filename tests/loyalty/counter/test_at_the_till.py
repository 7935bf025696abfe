"""Beside the sale: passes, special benefits, check-in, hints, receipts, the end of the day."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from loyalty.card import access
from loyalty.counter import receipts
from loyalty.models import (
    Account,
    Benefit,
    CheckIn,
    Coupon,
    CouponTemplate,
    GiftPack,
    GiftPackCoupon,
    Order,
    QuotaUse,
)
from loyalty.selectors import reconciliation
from loyalty.services import checkins, checkout, claiming, rule_changes, rules, undoing
from loyalty.services.again import settle_again
from loyalty.services.checkout import Cart, CartLine
from members import clock, registry
from members.codes import check_digit
from members.errors import Refusal
from members.models import Event, Member
from members.services import member_sessions
from tests import factories
from tests.loyalty.counter.conftest import CARD, Cast

SALE = f"/counter/sale/{uuid.UUID(int=7)}/"
PASS = "8000000000002" + check_digit("8000000000002")


def enter(client: Client, words: str, do: str = "go") -> str:
    return client.post(SALE, {"entry": words, "do": do}, follow=True).content.decode()


def sell(cast: Cast, fen: int = 10000, *, number: int = 1, member: bool = False) -> Order:
    """A sale for cash, a guest's unless said otherwise."""
    answer = checkout.settle(
        key=uuid.UUID(int=number),
        cart=Cart((CartLine(amount_fen=fen),), member_id=cast.member.pk if member else None),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=cast.cashier,
        at=clock.now(),
    )
    return Order.objects.get(pk=answer["order"])


@pytest.fixture
def ten_coffees(cast: Cast) -> Coupon:
    template = factories.coupon_template(
        "十杯咖啡", 0, kind=CouponTemplate.Kind.PASS, uses=10, valid_days=30
    )
    held = factories.coupon(cast.member, template, PASS)
    rules.publish(actor=None, at=clock.now())
    return held


def test_a_pass_alone_is_used_by_one_scan(client: Client, cast: Cast, ten_coffees: Coupon) -> None:
    page = enter(client, PASS)
    assert 'data-state="settled"' in page
    ten_coffees.refresh_from_db()
    assert (ten_coffees.uses_left, Order.objects.get().base_fen) == (9, 0)
    # The same scan again shows the same sale.
    assert 'data-state="settled"' in enter(client, PASS)
    ten_coffees.refresh_from_db()
    assert ten_coffees.uses_left == 9


def test_a_coupon_tells_whose_it_is(client: Client, cast: Cast) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    held = factories.coupon(cast.member, template, PASS)
    rules.publish(actor=None, at=clock.now())
    enter(client, "100")
    page = enter(client, held.code)
    assert "王*敏" in page
    assert "¥70.00" in page


def test_a_special_benefit_is_used_until_its_quota_is(client: Client, cast: Cast) -> None:
    books = factories.benefit(
        "借阅新书", Benefit.Kind.SPECIAL, tier="金卡", text="两本", quota=2, quota_period="month"
    )
    rules.publish(actor=None, at=clock.now())
    page = enter(client, CARD)
    assert "2 of 2 left" in page
    key = re.search(r'name="redeem_key" value="([^"]+)"', page)
    assert key
    form = {"do": f"special:{books.pk}", "redeem_key": key[1]}
    assert "Used: 借阅新书. 1 left." in client.post(f"{SALE}serve/", form, follow=True).text
    client.post(f"{SALE}serve/", form)  # sent twice
    assert QuotaUse.objects.count() == 1
    form["redeem_key"] = str(uuid.UUID(int=3))
    assert "0 of 2 left" not in client.post(f"{SALE}serve/", form, follow=True).text
    assert QuotaUse.objects.count() == 2
    form["redeem_key"] = str(uuid.UUID(int=4))
    refused = client.post(f"{SALE}serve/", form)
    assert 'data-code="quota_used_up"' in refused.text
    assert QuotaUse.objects.count() == 2


def test_checking_in_once_a_day(client: Client, cast: Cast) -> None:
    enter(client, CARD)
    page = client.post(f"{SALE}serve/", {"do": "check-in"}, follow=True).text
    assert "Checked in, 1 day running." in page
    assert "check-in" not in page.partition("Checked in")[2]
    again = client.post(f"{SALE}serve/", {"do": "check-in"})
    assert (again.status_code, CheckIn.objects.count()) == (409, 1)


def test_the_gift_for_days_running_is_named(client: Client, cast: Cast) -> None:
    pack = GiftPack.objects.create(name="两天礼", points=20)
    coupon = factories.coupon_template("签到5元券", 500)
    GiftPackCoupon.objects.create(pack=pack, template=coupon, count=2)
    steps = [(2, pack, True)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=factories.AT)
    yesterday = factories.AT - dt.timedelta(days=1)
    checkins.check_in(member_id=cast.member.pk, shop=cast.shop, actor=None, at=yesterday)
    assert "today brings 20 points + 签到5元券 × 2" in enter(client, CARD)
    page = client.post(f"{SALE}serve/", {"do": "check-in"}, follow=True).text
    assert (
        "Checked in, 2 days running. Gift for these days, on the card now:"
        " 20 points + 签到5元券 × 2." in page
    )


def test_what_they_usually_buy_is_one_tap(client: Client, cast: Cast) -> None:
    for number, name in enumerate(("tea", "latte", "latte")):
        checkout.settle(
            key=uuid.UUID(int=20 + number),
            cart=Cart((CartLine(product_id=cast.menu[name].pk),), member_id=cast.member.pk),
            expected_hash=None,
            tender="cash",
            shop=cast.shop,
            actor=None,
            at=clock.now(),
        )
    page = enter(client, CARD)
    assert page.index("+ 拿铁") < page.index("+ 红茶")
    page = client.post(SALE, {"do": f"article:{cast.menu['latte'].pk}"}, follow=True).text
    assert "¥28.80" in page


def test_a_little_more_and_a_few_more_visits(client: Client, cast: Cast) -> None:
    sell(cast, 100000, member=True)  # ¥900 of the ¥10,001 to Black: eleven more
    factories.coupon(cast.member, factories.coupon_template("满100减20", 2000, 10000))
    rules.publish(actor=None, at=clock.now())
    enter(client, CARD)
    page = enter(client, "88")
    assert "¥20.80 more for 满100减20" in page
    assert "about 11 more visits" in page


def test_a_top_up_that_pays_off_in_this_sale_is_offered(client: Client, cast: Cast) -> None:
    factories.top_up_plans()
    rules.publish(actor=None, at=clock.now())
    enter(client, CARD)
    page = enter(client, "1000")
    # ¥1,000 at 90 % is ¥900; of it ¥600 more of stored value cover at 90 %.
    assert "Top up ¥500 and this sale costs ¥80 less" in page
    page = client.get(f"/counter/top-up/?sale={uuid.UUID(int=7)}").text
    assert "saves ¥80 on this sale" in page

    # Not to a card that may not take it: its phone is not confirmed.
    factories.give_value(cast.member, 40000)
    Member.objects.filter(pk=cast.member.pk).update(phone_proved_at=None)
    sale = client.get(f"/counter/sale/{uuid.UUID(int=7)}/").text
    assert "¥520.00" in sale
    assert "this sale costs" not in sale
    page = client.get(f"/counter/top-up/?sale={uuid.UUID(int=7)}").text
    assert page.count(" disabled") == 2
    assert "on this sale" not in page


@pytest.mark.parametrize(("width", "columns"), [(58, 32), (80, 48)])
def test_no_line_of_a_receipt_is_wider_than_the_paper(
    client: Client, cast: Cast, width: int, columns: int
) -> None:
    order = sell(cast, member=True)
    with translation.override("en"):
        lines = receipts.lines(
            order, columns=columns, at_shop="回头咖啡·人民广场旗舰店(二楼)扫码点单", at=clock.now()
        )
    assert max(receipts.columns_of(line) for line in lines) == columns
    assert any(line.startswith("Cash") and line.endswith("¥90.00") for line in lines)
    page = client.get(f"/counter/orders/{order.pk}/receipt/?width={width}").text
    assert f"w{width}" in page
    assert 'class="qr"' not in page  # a member's sale has its points


def test_a_guest_claims_the_points_later_once(client: Client, cast: Cast) -> None:
    order = sell(cast, 1999)
    page = client.get(f"/counter/orders/{order.pk}/receipt/").text
    assert "Scan within 7 days: 19 points for your card." in page
    token = claiming.token(order)
    done = claiming.claim(token=token, member_id=cast.member.pk, at=clock.now())
    assert done["points"] == 19
    order.refresh_from_db()
    assert (order.member_id, order.points_earned, order.basis_fen) == (cast.member.pk, 19, 1999)
    assert Account.objects.get(member=cast.member, kind="points").balance == 1299
    assert Event.objects.filter(kind="points_claimed").count() == 1
    with pytest.raises(Refusal, match="claim_taken"):
        claiming.claim(token=token, member_id=cast.member.pk, at=clock.now())
    # A refund takes them back like any others.
    undoing.refund(
        key=uuid.UUID(int=9),
        order_id=order.pk,
        lines=None,
        amount_fen=None,
        reason="",
        shop=cast.shop,
        actor=cast.cashier,
        at=clock.now(),
    )
    assert Account.objects.get(member=cast.member, kind="points").balance == 1280
    cast.member.stats.refresh_from_db()
    assert (cast.member.stats.orders_count, cast.member.stats.net_fen) == (0, 0)


def test_a_claim_locks_as_a_refund_does(cast: Cast) -> None:
    """The other way round, a receipt scanned twice and its refund would wait for each other."""
    order = sell(cast, 1999)
    with CaptureQueriesContext(connection) as seen:
        claiming.claim(token=claiming.token(order), member_id=cast.member.pk, at=clock.now())
    assert re.findall(r"FROM (\w+) .*FOR UPDATE", "\n".join(q["sql"] for q in seen)) == [
        "loyalty_order",
        "loyalty_account",
    ]


def test_what_was_kept_of_a_refunded_sale_can_be_claimed(client: Client, cast: Cast) -> None:
    """¥100 and ¥3 back, then claimed, ¥30 back, then the rest: 97, 67, 0 points."""
    order = sell(cast, 10000)

    def give_back(number: int, amount_fen: int | None) -> None:
        undoing.refund(
            key=uuid.UUID(int=number),
            order_id=order.pk,
            lines=None,
            amount_fen=amount_fen,
            reason="",
            shop=cast.shop,
            actor=cast.cashier,
            at=clock.now(),
        )

    def holds() -> tuple[int, int, int]:
        cast.member.stats.refresh_from_db()
        points = Account.objects.get(member=cast.member, kind="points").balance
        return points - 1280, cast.member.stats.net_fen, cast.member.stats.basis_fen

    give_back(5, 300)
    token = claiming.token(order)
    assert claiming.look(token=token, at=clock.now()).points == 97
    assert claiming.claim(token=token, member_id=cast.member.pk, at=clock.now())["points"] == 97
    assert holds() == (97, 9700, 9700)
    order.refresh_from_db()
    assert [(step.kind, step.points) for step in order.steps.all()][-1] == ("earn", 100)
    again = settle_again(order)
    assert again is not None
    assert again.agrees
    assert not reconciliation.run().totals
    page = client.get(f"/counter/orders/{order.pk}/?papers=1").text
    assert "for ¥100.00, claimed by the receipt" in page
    give_back(6, 3000)
    assert holds() == (67, 6700, 6700)
    give_back(7, None)
    assert holds() == (0, 0, 0)
    assert not reconciliation.run().totals


def test_what_cannot_be_claimed_says_why(client: Client, cast: Cast) -> None:
    order = sell(cast)
    token = claiming.token(order)
    member_id, at = cast.member.pk, clock.now()
    with pytest.raises(Refusal, match="claim_unknown"):
        claiming.claim(token=token[:-1] + "!", member_id=member_id, at=at)
    with pytest.raises(Refusal, match="claim_over"):
        claiming.claim(token=token, member_id=member_id, at=at + dt.timedelta(days=7, seconds=1))
    cast.cashier.member = cast.member
    cast.cashier.save()
    with pytest.raises(Refusal, match="own_card"):
        claiming.claim(token=token, member_id=member_id, at=at)
    Order.objects.filter(pk=order.pk).update(status="voided", is_valid=False)
    with pytest.raises(Refusal, match="claim_undone"):
        claiming.claim(token=token, member_id=member_id, at=at)
    assert Account.objects.get(member=cast.member, kind="points").balance == 1280


def test_the_end_of_the_day_by_tender_and_cashier(client: Client, cast: Cast) -> None:
    sell(cast, 10000, number=1)
    second = sell(cast, 3000, number=2)
    third = sell(cast, 5000, number=3)
    here = {"shop": cast.shop, "actor": cast.cashier, "reason": "", "at": clock.now()}
    undoing.void(key=uuid.UUID(int=4), order_id=second.pk, **here)  # type: ignore[arg-type]
    undoing.refund(
        key=uuid.UUID(int=5),
        order_id=third.pk,
        lines=None,
        amount_fen=1000,
        **here,  # type: ignore[arg-type]
    )
    Order.objects.filter(pk=third.pk).update(staff=factories.manager())
    page = client.get("/counter/day/").text
    cash = page.partition("Cash")[2].partition("</tr>")[0]
    found = re.findall(r"[−¥0-9.,]+(?=</td>)", cash)
    assert found == ["¥180.00", "¥0.00", "−¥10.00", "−¥30.00", "¥140.00"]
    assert "Sales 3 · refunds 1 · undone 1 · top-ups 0" in page
    mine = client.get(f"/counter/day/?staff={cast.cashier.pk}").text
    assert "Sales 2 · refunds 1 · undone 1 · top-ups 0" in mine
    yesterday = client.get("/counter/day/?day=2026-05-19").text
    assert "Nothing was sold" in yesterday


def test_articles_can_be_tapped_the_most_sold_first(client: Client, cast: Cast) -> None:
    checkout.settle(
        key=uuid.UUID(int=30),
        cart=Cart((CartLine(product_id=cast.menu["tea"].pk),)),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=None,
        at=clock.now(),
    )
    page = client.get(SALE).text.partition('class="tiles"')[2]
    assert page.index("红茶") < page.index("芝士蛋糕") < page.index("拿铁")


def test_other_apps_show_a_panel_for_the_member(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_panels", {})

    def render(member: Member, request: HttpRequest, at: dt.datetime) -> registry.Shown:
        return registry.Shown("components/error.html", {"error": {"message": f"for {member.pk}"}})

    registry.register_panel("counter", "test", render)
    assert f"for {cast.member.pk}" not in client.get(SALE).text
    assert f"for {cast.member.pk}" in enter(client, CARD)


def test_who_looks_after_the_member_is_told_at_the_scan_and_on_the_card(
    client: Client, cast: Cast
) -> None:
    assert "looked after by" not in enter(client, CARD)
    Member.objects.filter(pk=cast.member.pk).update(assigned_staff=cast.cashier)
    assert f"looked after by {cast.cashier}" in enter(client, CARD)
    phone, at = Client(), clock.now()
    phone.cookies["django_language"] = "en"
    token = member_sessions.token(member=cast.member, proved_at=at, at=at)
    phone.cookies[access.COOKIE] = token
    card = phone.get("/m/").content.decode()
    assert "Looks after you" in card
    assert str(cast.cashier) in card


def test_the_receipt_s_code_leads_to_the_card(client: Client, cast: Cast) -> None:
    order = sell(cast)
    address = f"/m/claim/{claiming.token(order)}"
    phone = Client()
    assert phone.get(address)["Location"].startswith("/m/join?next=%2Fm%2Fclaim%2F")
    at = clock.now()
    token = member_sessions.token(member=cast.member, proved_at=at, at=at)
    phone.cookies[access.COOKIE] = token
    phone.cookies["django_language"] = "en"
    assert "+100 points" in phone.get(address).text
    assert phone.post(address)["Location"] == f"/m/orders/{order.pk}"
    again = phone.post(address)
    assert (again.status_code, 'data-code="claim_taken"' in again.text) == (409, True)


def test_a_typed_discount_code_gives_the_member_its_coupon_once(client: Client, cast: Cast) -> None:
    factories.coupon_template("老友专享", 3000, 8000, code="VIP30", per_member_limit=1)
    rules.publish(actor=None, at=clock.now())
    enter(client, "100")
    page = enter(client, "vip30")
    assert 'data-code="member_needed"' in page
    assert not Coupon.objects.exists()
    enter(client, CARD)
    page = enter(client, "ｖｉｐ30")
    assert "On the card now: 老友专享." in page
    assert "¥60.00" in page  # 90 % less ¥30
    enter(client, "vip30")
    assert Coupon.objects.get().source == "code"
    assert Event.objects.get(kind="code_taken").data["code"] == "VIP30"
    Coupon.objects.update(status="used", uses_left=0)
    assert 'data-code="discount_code_used"' in enter(client, "VIP30")
    assert Coupon.objects.count() == 1


def test_a_discount_code_that_is_over(client: Client, cast: Cast) -> None:
    template = factories.coupon_template("满减", 500, 0, code="MAY", stock=1)
    rules.publish(actor=None, at=clock.now())
    CouponTemplate.objects.filter(pk=template.pk).update(issued_count=1)
    enter(client, CARD)
    assert 'data-code="discount_code_over"' in enter(client, "MAY")
    CouponTemplate.objects.update(stock=None, budget_fen=999, budget_used_fen=500)
    assert 'data-code="coupon_budget_spent"' in enter(client, "MAY")
    CouponTemplate.objects.filter(pk=template.pk).update(is_active=False)
    assert 'data-code="nothing_found"' in enter(client, "MAY")


def test_a_scanned_coupon_that_does_not_fit_never_stops_the_sale(
    client: Client, cast: Cast
) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    held = factories.coupon(cast.member, template, PASS)
    rules.publish(actor=None, at=clock.now())
    enter(client, CARD)
    enter(client, "50")
    assert 'data-code="threshold_short"' in enter(client, held.code)
    assert "¥45.00" in client.get(SALE).text  # as it was
    # Scanned first, it stands in the way until it is laid aside.
    client.post(SALE, {"do": "drop:0"})
    enter(client, held.code)
    page = enter(client, "50")
    assert "Go on without this coupon" in page
    page = client.post(SALE, {"do": "coupons-auto:0"}, follow=True).text
    assert "¥45.00" in page
