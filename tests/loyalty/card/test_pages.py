"""The pages behind the card: what they tell, what they change, what they refuse."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from loyalty.models import Coupon, Order
from loyalty.services import checkout, confirmations, top_ups
from loyalty.services.checkout import Cart, CartLine
from members.models import Consent, Event, InboxMessage, Member
from members.services import inbox, member_pin, members
from tests import factories
from tests.factories import AT
from tests.loyalty.card.conftest import Cast, browser, logged_in
from tests.loyalty.card.test_home import words

PIN = "482915"


def page(client: Client, path: str) -> str:
    answer = client.get(f"/m/{path}")
    assert answer.status_code == 200
    return words(answer.content.decode())


def buy(cast: Cast) -> int:
    """Number 13: ¥100, Gold 90 %, 满80减20, 500 points, the rest by stored value at 90 %."""
    menu = factories.menu()
    answer = checkout.settle(
        key=uuid.UUID(int=13),
        cart=Cart(
            (CartLine(menu["latte"].pk, quantity=2), CartLine(menu["cake"].pk)),
            member_id=cast.member.pk,
            points=500,
            use_stored_value=True,
        ),
        expected_hash=None,
        tender="cash",
        shop=cast.shop,
        actor=factories.cashier(),
        at=AT,
    )
    return int(answer["order"])


@pytest.mark.parametrize(
    "path",
    [
        *("code", "coupons", "points", "value", "tiers", "check-ins", "orders", "inbox", "me"),
        *("me/profile", "me/consents", "me/freeze", "me/pin"),
    ],
)
def test_each_page_opens_for_the_member_only(client: Client, path: str) -> None:
    page(client, path)
    assert browser().get(f"/m/{path}").status_code == 302


def test_coupons_carry_their_price_in_hand(client: Client, cast: Cast) -> None:
    text = page(client, "coupons")
    # A newcomer's basket is under the threshold: shown at ¥80, where 72.00 would be too little.
    assert "¥ 20 from ¥80 满80减20 ¥80.00 → in hand ¥60.00" in text
    assert "through June 19" in text
    assert "8000 0000 0000 14" in text


def test_a_coupon_for_articles_names_one(client: Client, cast: Cast) -> None:
    drinks = factories.menu()["latte"].category
    template = factories.coupon_template("第二杯半价", 0, kind="nth_unit", nth_n=2, rate_pm=500)
    template.scope = "categories"
    template.save()
    assert drinks is not None
    template.categories.add(drinks)
    factories.coupon(cast.member, template, "80000000000028")
    from loyalty.services import rules

    rules.publish(actor=None, at=AT)
    assert "拿铁 × 2 ¥64.00 → in hand ¥43.20" in page(client, "coupons")


def test_used_and_expired_coupons_are_told_apart(client: Client, cast: Cast) -> None:
    Coupon.objects.update(status="used", uses_left=0)
    text = page(client, "coupons")
    assert "No coupons right now." in text
    assert "满80减20 used" in text


def test_a_sale_is_told_line_by_line(client: Client, cast: Cast) -> None:
    order_id = buy(cast)
    points = page(client, "points")
    assert "828 worth ¥8.00 now" in points
    assert "Used for a purchase 10:00 · 回头咖啡 · 小林 −500 left 780" in points
    assert "Earned with a purchase 10:00 · 回头咖啡 · 小林 +48 left 828" in points
    assert "828 through May 20, 2027" in points or "780 through May 20, 2027" in points
    value = page(client, "value")
    assert "¥61.50 paid in ¥51.25 · bonus ¥10.25" in value
    assert "Used for a purchase 10:00 · 回头咖啡 · 小林 −¥58.50 bonus −¥9.75 · left ¥61.50" in value
    order = page(client, f"orders/{order_id}")
    for line in ("拿铁 × 2 ¥64.00", "芝士蛋糕 ¥36.00", "满80减20", "−¥20.00", "+48"):
        assert line in order
    assert "回头咖啡 10:00 ¥70.00" in page(client, "orders")


def test_somebody_elses_order_is_not_there(client: Client, cast: Cast) -> None:
    other = factories.member("+8613900005678", "李明")
    order_id = buy(cast)
    assert logged_in(other).get(f"/m/orders/{order_id}").status_code == 404
    assert client.get("/m/orders/999999").status_code == 404


def test_a_top_up_is_on_the_bill_with_its_bonus(client: Client, cast: Cast) -> None:
    plan = factories.top_up_plans()[0]
    from loyalty.services import rules

    rules.publish(actor=None, at=AT)
    top_ups.top_up(
        key=uuid.UUID(int=5),
        member_id=cast.member.pk,
        plan_id=plan.pk,
        amount_fen=None,
        tender="wechat",
        shop=cast.shop,
        actor=None,
        at=AT,
    )
    assert "Top-up 10:00 · 回头咖啡 +¥600.00 bonus +¥100.00 · left ¥720.00" in page(client, "value")


def test_a_long_bill_goes_on(client: Client, cast: Cast) -> None:
    for number in range(35):
        factories.give_points(cast.member, number + 1)
    first = client.get("/m/points").content.decode()
    assert first.count("<time datetime=") == 30
    link = first.partition('href="?before=')[2].partition('"')[0]
    assert client.get(f"/m/points?before={link}").content.decode().count("<time datetime=") == 6
    assert client.get("/m/points?before=nonsense").status_code == 200


def test_the_ladder_shows_where_one_stands(client: Client, cast: Cast) -> None:
    text = page(client, "tiers")
    assert "金卡 my tier" in text
    assert "银卡 from ¥501" in text
    assert "金卡 9折" in text


def test_profile_is_saved_and_the_birthday_locked(client: Client, cast: Cast) -> None:
    form = {"name": "王敏", "year": "", "month": "5", "day": "21"}
    assert client.post("/m/me/profile", form).status_code == 302
    assert "Saved." in page(client, "me")
    assert "05-21" in page(client, "me/profile")
    client.post("/m/me/profile", {"name": "王敏", "month": "6", "day": "1"})
    member = Member.objects.get()
    assert (member.name, member.birth_year, member.birth_month, member.birth_day) == (
        "王敏",
        None,
        5,
        21,
    )


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"name": "x", "month": "13", "day": "1"}, "birthday_impossible"),
        ({"name": "x", "month": "2", "day": "30"}, "birthday_impossible"),
        ({"name": "x", "month": "May", "day": "1"}, "birthday_impossible"),
        ({"name": "x" * 41}, "name_unreadable"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(
    client: Client, cast: Cast, form: dict[str, str], code: str
) -> None:
    answer = client.post("/m/me/profile", form)
    assert answer.status_code == 400
    assert f'data-code="{code}"' in answer.content.decode()
    assert Member.objects.get().name == "王小敏"


def test_consents_are_given_and_taken_back(client: Client, cast: Cast) -> None:
    client.post("/m/me/consents", {"marketing-sms": "on"})
    client.post("/m/me/consents", {})
    assert list(Consent.objects.order_by("id").values_list("channel", "granted", "source")) == [
        ("sms", True, "card"),
        ("sms", False, "card"),
    ]


def test_freeze_and_take_up_again(client: Client, cast: Cast) -> None:
    for _tap in range(2):
        assert client.post("/m/me/freeze", {"freeze": "1"}).status_code == 302
    assert Member.objects.get().status == "frozen"
    assert client.post("/m/me/freeze", {"unfreeze": "1"}).status_code == 302
    assert Member.objects.get().status == "active"
    assert list(
        Event.objects.exclude(member=None).order_by("id").values_list("kind", flat=True)
    ) == [
        "frozen",
        "unfrozen",
    ]


def test_what_the_shop_froze_stays_frozen(client: Client, cast: Cast) -> None:
    members.freeze(member_id=cast.member.pk, actor=factories.manager(), at=AT)
    assert "The shop froze it." in page(client, "me/freeze")
    answer = client.post("/m/me/freeze", {"unfreeze": "1"})
    assert (answer.status_code, Member.objects.get().status) == (403, "frozen")


def test_a_pin_is_set_and_then_needs_the_old_one(client: Client, cast: Cast) -> None:
    new = {"pin": PIN, "again": PIN}
    assert client.post("/m/me/pin", {**new, "again": "482916"}).status_code == 400
    assert client.post("/m/me/pin", new).status_code == 302
    member_pin.check(member=Member.objects.get(), pin=PIN, at=AT)
    answer = client.post("/m/me/pin", {"pin": "770031", "again": "770031"})
    assert answer.status_code == 403
    assert 'data-code="pin_wrong"' in answer.content.decode()
    assert (
        client.post("/m/me/pin", {"old_pin": PIN, "pin": "770031", "again": "770031"}).status_code
        == 302
    )


def test_log_out_here_and_everywhere(client: Client, cast: Cast) -> None:
    other = logged_in(cast.member)
    third = logged_in(cast.member)
    third.post("/m/logout")
    assert third.get("/m/")["Location"] == "/m/join"
    assert client.post("/m/me/logout-everywhere")["Location"] == "/m/join"
    assert other.get("/m/")["Location"] == "/m/join"
    assert client.get("/m/")["Location"] == "/m/join"


def test_the_language_is_the_members_own(client: Client, cast: Cast) -> None:
    answer = client.post("/m/me/language", {"language": "en"})
    assert answer.cookies["django_language"].value == "en"
    assert Member.objects.get().language == "en"
    assert client.post("/m/me/language", {"language": "xx"}).status_code == 404


def test_messages_are_read_by_asking_not_by_looking(client: Client, cast: Cast) -> None:
    facts = {
        "order": buy(cast),
        "gross_fen": 10000,
        "stored_fen": 5850,
        "points_used": 500,
        "other_fen": 0,
        "points_earned": 48,
        "shop": "回头咖啡",
    }
    inbox.deliver(member_id=cast.member.pk, kind="settled", data=facts, event=None, at=AT)
    text = page(client, "inbox")
    assert "Purchase of ¥100.00" in text
    assert "¥58.50 from the balance · 500 points used · +48 points · 回头咖啡" in text
    assert "Not me: freeze the card" in text
    assert InboxMessage.objects.filter(read_at=None).count() == 1
    client.post("/m/inbox", {"up_to": str(InboxMessage.objects.get().pk)})
    assert InboxMessage.objects.filter(read_at=None).count() == 0


def test_a_message_of_a_kind_nobody_knows_is_no_error(client: Client, cast: Cast) -> None:
    inbox.deliver(member_id=cast.member.pk, kind="from_the_future", data={}, event=None, at=AT)
    assert "from_the_future" in page(client, "inbox")


def ask(cast: Cast) -> int:
    row = confirmations.request(
        member_id=cast.member.pk,
        stored_fen=25000,
        points=100,
        points_fen=100,
        cart_hash="h",
        shop=cast.shop,
        actor=None,
        at=AT,
    )
    return row.pk


@pytest.mark.parametrize(
    ("button", "state", "said"),
    [("yes", "approved", "Confirmed."), ("no", "refused", "Refused. Nothing is taken.")],
)
def test_a_large_spend_is_decided_on_the_phone(
    client: Client, cast: Cast, button: str, state: str, said: str
) -> None:
    row = ask(cast)
    text = page(client, f"confirm/{row}")
    assert "¥251.00 ¥250.00 from your balance · 100 points" in text
    assert client.post(f"/m/confirm/{row}", {button: "1"}).status_code == 302
    assert said in page(client, f"confirm/{row}")
    assert confirmations.check(confirmation_id=row, member_id=cast.member.pk, at=AT) == state


def test_too_late_is_said(client: Client, cast: Cast, at_home: object) -> None:
    row = ask(cast)
    at_home.shift(60)  # type: ignore[attr-defined]
    assert "Too late: a minute has passed." in page(client, f"confirm/{row}")
    answer = client.post(f"/m/confirm/{row}", {"yes": "1"})
    assert (answer.status_code, Event.objects.filter(kind="spend_approved").count()) == (409, 0)


def test_another_members_question_is_not_there(client: Client, cast: Cast) -> None:
    other = factories.member("+8613900005678", "李明")
    row = ask(cast)
    stranger = logged_in(other)
    assert stranger.get(f"/m/confirm/{row}").status_code == 404
    assert stranger.post(f"/m/confirm/{row}", {"yes": "1"}).status_code == 404


@pytest.mark.parametrize("path", ["check-in", "logout", "me/language", "me/logout-everywhere"])
def test_what_changes_something_is_no_link(client: Client, path: str) -> None:
    assert client.get(f"/m/{path}").status_code == 405


def test_a_form_of_another_site_changes_nothing(cast: Cast, at_home: object) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = logged_in(cast.member).cookies
    assert strict.post("/m/me/freeze", {"freeze": "1"}).status_code == 403
    assert Member.objects.get().status == "active"


def test_no_order_no_words(client: Client, cast: Cast) -> None:
    assert not Order.objects.exists()
    assert "Nothing here yet." in page(client, "orders")
