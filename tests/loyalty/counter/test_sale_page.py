"""The sale at /counter/: the one field, the working, Enter. All of it without JavaScript."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from loyalty.models import ClientKey, HeldSale, Order, Product
from loyalty.services import held_sales, rules
from members.codes import check_digit
from members.models import Member
from tests import factories
from tests.loyalty.counter.conftest import CARD, Cast

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

SALE = "/counter/sale/6f9c1f4e-1f8f-4d57-8a3f-9a4d4f2f7d11/"


class Till:
    """Types into the field and presses Enter, as the cashier does."""

    def __init__(self, client: Client, address: str = SALE) -> None:
        self.client = client
        self.address = address

    def post(self, **fields: str) -> Answer:
        """Sends the form as the page shows it, with these fields changed; follows no redirect."""
        page = self.client.get(self.address).text
        seen = re.search(r'name="hash" value="([^"]+)"', page)
        points = re.search(r'name="points" value="([^"]*)"', page)
        form = {"entry": "", "tender": "cash", "do": "go"}
        if seen:
            form["hash"] = seen[1]
        if points:
            form["points"] = points[1]
        return self.client.post(self.address, {**form, **fields})

    def enter(self, text: str) -> str:
        """Types, presses Enter, and gives the page that follows."""
        answer = self.post(entry=text)
        assert (answer.status_code, answer["Location"]) == (302, self.address), answer.text
        return self.client.get(self.address).text

    def press(self, button: str, **fields: str) -> str:
        answer = self.post(do=button, **fields)
        assert (answer.status_code, answer["Location"]) == (302, self.address), answer.text
        return self.client.get(self.address).text


@pytest.fixture
def till(client: Client) -> Till:
    return Till(client)


def figure(page: str) -> str:
    found = re.search(r'<strong class="sum">([^<]+)</strong>', page)
    assert found
    return found[1]


def test_a_whole_sale_by_keyboard(till: Till, cast: Cast) -> None:
    """Phone, Enter, amount, Enter, Enter."""
    page = till.enter("13800001234")
    assert "王*敏" in page
    assert "138****1234" in page
    assert "13800001234" not in page
    page = till.enter("100")
    assert figure(page) == "¥90.00"
    assert "pay 90%" in page
    answer = till.post()
    order = Order.objects.get()
    assert answer["Location"] == f"/counter/orders/{order.pk}/"
    assert (order.other_fen, order.points_earned) == (9000, 90)
    assert str(order.key) in SALE
    assert figure(till.client.get(answer["Location"]).text) == "¥90.00"


def test_home_starts_a_new_sale_each_time(client: Client) -> None:
    addresses = {
        re.search(r'action="(/counter/sale/[^"]+)"', client.get("/counter/").text)[1]  # type: ignore[index]
        for _ in range(2)
    }
    assert len(addresses) == 2


@pytest.mark.parametrize("how", [CARD, "9012 0000 0000 001" + CARD[-1], "１３８００００１２３４"])
def test_ways_to_find_the_member(till: Till, cast: Cast, how: str) -> None:
    assert "王*敏" in till.enter(how)


def test_articles_by_barcode_sku_and_name_count_up(till: Till, cast: Cast) -> None:
    till.enter("6901234567892")
    till.enter("latte")
    page = till.enter("2*拿铁")
    assert '<span class="number">4</span>' in page
    assert figure(page) == "¥128.00"
    page = till.press("less:0")
    assert '<span class="number">3</span>' in page
    page = till.press("more:0")
    assert '<span class="number">4</span>' in page
    page = till.press("drop:0")
    assert "¥32.00" not in page


def test_taking_the_last_one_off_takes_the_line_off(till: Till, cast: Cast) -> None:
    # The article stays on its tile; the line with its buttons is gone.
    assert 'value="less:0"' in till.enter("cake")
    assert 'value="less:0"' not in till.press("less:0")


def test_an_amount_can_be_counted_too(till: Till, cast: Cast) -> None:
    assert figure(till.enter("3*12.50")) == "¥37.50"


def test_several_things_that_fit_are_shown_to_choose_from(till: Till, cast: Cast) -> None:
    factories.product("wang", "王记酥饼", 800)
    factories.member("+8613800005678", "王大力")
    answer = till.post(entry="王")
    assert answer.status_code == 200
    assert f"member:{cast.member.pk}" in answer.text
    assert "王*力" in answer.text
    article = Product.objects.get(sku="wang")
    assert f"article:{article.pk}" in answer.text
    assert "王记酥饼" in till.press(f"article:{article.pk}")
    assert "王*敏" in till.press(f"member:{cast.member.pk}")


def test_a_single_name_is_still_confirmed(till: Till, cast: Cast) -> None:
    """A name is no proof: the cashier points at the member."""
    answer = till.post(entry="wxm")
    assert answer.status_code == 200
    assert f"member:{cast.member.pk}" in answer.text


def test_four_digits_are_an_amount_but_may_have_been_a_phone(till: Till, cast: Cast) -> None:
    page = till.enter("1234")
    assert figure(page) == "¥1,234.00"
    assert f"tail:{cast.member.pk}" in page
    page = till.press(f"tail:{cast.member.pk}")
    assert "138****1234" in page
    assert "¥1,234.00" not in page


@pytest.mark.parametrize(
    ("typed", "code", "status"),
    [
        ("0", "amount_zero", 400),
        ("0.00", "amount_zero", 400),
        ("-5", "amount_negative", 400),
        ("12.345", "amount_decimals", 400),
        ("1000000000", "amount_too_large", 400),
        ("1.2.3", "amount_unreadable", 400),
        ("0*5", "quantity_zero", 400),
        ("2*13800001234", "nothing_to_count", 400),
        ("13900009999", "member_unknown", 404),
        ("+86139", "nothing_found", 404),
        ("9012000000000098", "card_mistyped", 400),
        ("130000000000000000", "payment_code", 400),
        ("2800000000000000", "payment_code", 400),
        ("80000000000000", "coupon_mistyped", 400),
        ("mocha", "nothing_found", 404),
        ("mo\x00cha", "nothing_found", 404),
        ("\x00", "nothing_found", 404),
        ("x" * 61, "entry_too_long", 400),
    ],
)
def test_what_means_nothing_is_said_beside_the_field_and_stays_in_it(
    till: Till, cast: Cast, typed: str, code: str, status: int
) -> None:
    till.enter("cake")
    answer = till.post(entry=typed)
    assert answer.status_code == status
    assert f'data-code="{code}" id="entry-error"' in answer.text
    assert f'value="{typed}"' in answer.text
    assert "芝士蛋糕" in answer.text
    assert Order.objects.count() == 0


def test_a_phone_nobody_has_offers_to_open_a_card(till: Till, cast: Cast) -> None:
    page = till.post(entry="13900009999").text
    assert "/counter/join/?sale=" in page
    assert "phone=13900009999" in page


def test_points_and_stored_value_as_asked(till: Till, cast: Cast) -> None:
    """Number 13 of the settlement's table, pressed together at the counter."""
    factories.coupon(cast.member, factories.coupon_template("满80减20", 2000, 8000))
    rules.publish(actor=None, at=factories.AT)
    till.enter(CARD)
    till.enter("2*latte")
    assert figure(till.enter("cake")) == "¥70.00"
    answer = till.post(points="500")
    assert answer["Location"] == SALE
    page = till.press("stored:on")
    assert figure(page) == "¥0.00"
    assert "principal ¥48.75, bonus ¥9.75" in page
    till.post()
    order = Order.objects.get()
    assert (order.principal_fen, order.bonus_fen, order.points_earned) == (4875, 975, 48)


def test_all_points_and_none(till: Till, cast: Cast) -> None:
    till.enter(CARD)
    till.enter("100")
    assert 'value="points:1200"' in till.client.get(SALE).text
    assert figure(till.press("points:1200")) == "¥78.00"
    assert figure(till.press("points:0")) == "¥90.00"


@pytest.mark.parametrize(
    ("typed", "code"),
    [("1281", "points_short"), ("lots", "points_unreadable"), ("-100", "points_unreadable")],
)
def test_points_that_cannot_be(till: Till, cast: Cast, typed: str, code: str) -> None:
    till.enter(CARD)
    till.enter("100")
    answer = till.post(points=typed)
    assert answer.status_code == 400
    assert f'data-code="{code}" id="points-error"' in answer.text
    assert f'name="points" value="{typed}"' in answer.text
    assert figure(answer.text) == "¥90.00"


def test_benefits_and_coupons_are_switched_off_and_on(till: Till, cast: Cast) -> None:
    coupon = factories.coupon(cast.member, factories.coupon_template("满80减20", 2000, 8000))
    rules.publish(actor=None, at=factories.AT)
    till.enter(CARD)
    page = till.enter("100")
    gold = re.search(r'value="benefit-off:(\d+)"', page)
    assert gold
    assert figure(till.press(f"benefit-off:{gold[1]}")) == "¥80.00"
    assert figure(till.press(f"coupon-off:{coupon.pk}")) == "¥100.00"
    assert figure(till.press(f"benefit-on:{gold[1]}")) == "¥90.00"
    assert figure(till.press(f"coupon-on:{coupon.pk}")) == "¥70.00"


def test_what_cannot_be_used_says_why(till: Till, cast: Cast) -> None:
    factories.coupon(cast.member, factories.coupon_template("满200减20", 2000, 20000))
    rules.publish(actor=None, at=factories.AT)
    till.enter(CARD)
    page = till.enter("100")
    assert 'data-reason="threshold_short"' in page
    assert "¥110.00 short of ¥200.00" in page


def test_a_coupon_is_scanned(till: Till, cast: Cast) -> None:
    code = "8000000000001" + check_digit("8000000000001")
    factories.coupon(cast.member, factories.coupon_template("¥5", 500), code)
    factories.coupon(cast.member, factories.coupon_template("¥8", 800), code="80000000000999")
    rules.publish(actor=None, at=factories.AT)
    till.enter("100")
    assert figure(till.enter(CARD)) == "¥82.00"
    assert figure(till.enter(code)) == "¥85.00"


def test_another_members_coupon_is_not_told_apart(till: Till, cast: Cast) -> None:
    code = "8000000000001" + check_digit("8000000000001")
    other = factories.member("+8613800005678", "李雷")
    factories.coupon(other, factories.coupon_template("¥5", 500), code)
    till.enter(CARD)
    answer = till.post(entry=code)
    assert (answer.status_code, 'data-code="coupon_unknown"' in answer.text) == (404, True)
    assert "李" not in answer.text


def test_another_member_starts_with_a_clean_slate(till: Till, cast: Cast) -> None:
    factories.member("+8613800005678", "李雷", points=300)
    till.enter(CARD)
    till.enter("100")
    till.press("points:1200")
    page = till.enter("13800005678")
    assert figure(page) == "¥100.00"
    assert figure(till.press("forget:0")) == "¥100.00"
    assert "李*" not in till.client.get(SALE).text


def test_a_frozen_member_is_refused_beside_the_name(till: Till, cast: Cast) -> None:
    till.enter(CARD)
    Member.objects.update(status=Member.Status.FROZEN)
    page = till.enter("100")
    assert 'data-code="member_frozen"' in page
    assert "Settle" not in page


def test_double_enter_and_reload_settle_once(till: Till, cast: Cast) -> None:
    till.enter("100")
    page = till.client.get(SALE).text
    seen = re.search(r'name="hash" value="([^"]+)"', page)
    assert seen
    form = {"entry": "", "tender": "cash", "do": "go", "hash": seen[1]}
    first = till.client.post(SALE, form)
    second = till.client.post(SALE, form)
    assert first["Location"] == second["Location"]
    assert till.client.get(SALE)["Location"] == first["Location"]
    assert Order.objects.count() == 1


def test_an_answer_that_was_lost_leads_to_the_same_sale(till: Till, cast: Cast) -> None:
    """The screen's sale does not know that it was settled; the key does."""
    till.enter("100")
    kept = HeldSale.objects.get().content
    first = till.post()
    HeldSale.objects.update(content=kept)
    assert till.post()["Location"] == first["Location"]
    assert Order.objects.count() == 1


def test_a_changed_draft_of_a_settled_sale_leads_to_that_sale(till: Till, cast: Cast) -> None:
    till.enter("100")
    first = till.post()
    HeldSale.objects.all().delete()
    till.enter("50")
    assert till.post()["Location"] == first["Location"]
    assert Order.objects.count() == 1


def test_a_stale_amount_is_shown_anew(till: Till, cast: Cast) -> None:
    till.enter("100")
    answer = till.post(hash="0" * 24)
    assert answer.status_code == 409
    assert 'data-code="quote_changed"' in answer.text
    assert figure(answer.text) == "¥100.00"
    assert ClientKey.objects.count() == 0


def test_enter_before_the_amount_was_on_the_screen_shows_it_first(till: Till, cast: Cast) -> None:
    till.enter("100")
    answer = till.client.post(SALE, {"entry": "", "do": "go", "tender": "cash"})
    assert answer["Location"] == SALE
    assert Order.objects.count() == 0


def test_enter_on_nothing_says_what_to_do(till: Till, cast: Cast) -> None:
    answer = till.post()
    assert answer.status_code == 400
    assert 'data-code="cart_empty"' in answer.text


@pytest.mark.parametrize("button", ["burn", "drop:9", "drop:x", "member:999999", "article:0"])
def test_buttons_that_are_not_there(till: Till, cast: Cast, button: str) -> None:
    till.enter("cake")
    answer = till.post(do=button)
    assert answer.status_code in (400, 404)
    assert "芝士蛋糕" in answer.text


def test_sales_of_others_are_not_seen(till: Till, cast: Cast) -> None:
    till.enter("cake")
    second = Client()
    second.force_login(factories.manager(), backend="members.backends.StaffBackend")
    assert 'value="less:0"' in till.client.get(SALE).text
    assert 'value="less:0"' not in second.get(SALE).text


def test_the_language_changes_in_the_middle_of_a_sale(till: Till, cast: Cast) -> None:
    till.enter("cake")
    till.client.post("/language/setlang/", {"language": "zh-hans", "next": SALE})
    page = till.client.get(SALE).text
    assert '<html lang="zh-Hans">' in page
    assert "芝士蛋糕" in page


def test_the_tender_is_kept(till: Till, cast: Cast) -> None:
    till.enter("100")
    answer = till.post(tender="wechat")
    assert Order.objects.get().tenders.get().kind == "wechat"
    assert "WeChat Pay" in till.client.get(answer["Location"]).text


def test_a_tender_nobody_knows(till: Till, cast: Cast) -> None:
    till.enter("100")
    answer = till.post(tender="shells")
    assert (answer.status_code, 'data-code="tender_unknown"' in answer.text) == (400, True)


def test_an_article_without_a_price(till: Till, cast: Cast) -> None:
    Product.objects.create(sku="free", name="无价")
    answer = till.post(entry="free")
    assert 'data-code="price_missing"' in answer.text


def test_addresses_that_are_no_sale(client: Client) -> None:
    assert client.get("/counter/sale/1/").status_code == 404
    blank = client.get(f"/counter/sale/{uuid.uuid4()}/")
    assert blank.status_code == 200


def test_a_sale_on_the_screen_is_dropped_after_its_day(till: Till, cast: Cast) -> None:
    till.enter("100")
    held_sales.drop_old(at=factories.AT + dt.timedelta(hours=13))
    assert HeldSale.objects.count() == 1
    held_sales.drop_old(at=factories.AT + dt.timedelta(hours=14))
    assert not HeldSale.objects.exists()
