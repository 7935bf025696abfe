"""The member's live code at the counter: who it opens the card to, for how long, and for what."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client, override_settings

from loyalty.models import Order, SpendConfirmation
from loyalty.services import confirmations
from members import clock
from members.models import Member
from members.services import live_codes, member_pin
from tests import factories
from tests.loyalty.counter.conftest import CARD, Api, Cast

SALE = f"/counter/sale/{uuid.UUID(int=7)}/"


def shown(member: Member) -> str:
    """A code as the member's phone shows it now."""
    return live_codes.issue(member_id=member.pk, at=clock.now()).digits


def scan(client: Client, words: str, sale: str = SALE) -> str:
    """What the page says after this went into the field."""
    return client.post(sale, {"entry": words, "do": "go"}, follow=True).content.decode()


def code_of(page: str) -> str:
    return page.partition('data-code="')[2].partition('"')[0]


def enter(client: Client, sale: str = SALE, **more: str) -> str:
    """Enter on the sale as it stands on the screen."""
    seen = client.get(sale).content.decode().partition('name="hash" value="')[2].partition('"')[0]
    answer = client.post(sale, {"do": "go", "hash": seen, "tender": "cash", **more}, follow=True)
    return answer.content.decode()


def test_a_scanned_code_opens_the_card_and_stored_value_pays(client: Client, cast: Cast) -> None:
    code = shown(cast.member)
    assert "王*敏" in scan(client, code)
    scan(client, "100")
    enter(client)
    order = Order.objects.get()
    # ¥100 at 90 %, by stored value another 90 %.
    assert (order.member_id, order.other_fen, order.stored_cover_fen) == (cast.member.pk, 0, 9000)


def test_after_a_number_alone_stored_value_waits_to_be_asked(client: Client, cast: Cast) -> None:
    scan(client, CARD)
    scan(client, "100")
    enter(client)
    assert Order.objects.get().other_fen == 9000


def test_stored_value_that_does_not_cover_everything_waits_too(client: Client, cast: Cast) -> None:
    scan(client, shown(cast.member))
    scan(client, "200")
    enter(client)
    assert Order.objects.get().other_fen == 18000


def test_the_same_scan_twice_is_one(client: Client, cast: Cast) -> None:
    code = shown(cast.member)
    scan(client, code)
    assert code_of(scan(client, code)) == ""


def test_full_width_digits_are_digits(client: Client, cast: Cast) -> None:
    wide = shown(cast.member).translate(str.maketrans("0123456789", "0123456789"))
    assert "王*敏" in scan(client, wide)


def test_a_used_code_says_when_and_where(client: Client, cast: Cast) -> None:
    code = shown(cast.member)
    live_codes.claim(code=code, place="二店", at=clock.now())
    page = scan(client, code)
    assert code_of(page) == "code_used"
    assert "10:00" in page
    assert "二店" in page


def test_an_old_code_is_refused(
    client: Client, cast: Cast, at_work: time_machine.Traveller
) -> None:
    code = shown(cast.member)
    at_work.shift(61)
    assert code_of(scan(client, code)) == "code_expired"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("660000000000000001", "code_mistyped"),
        ("134567890123456789", "payment_code"),
        ("2812345678901234", "payment_code"),
        ("6222020000000000123", "code_foreign"),
        ("440000000000000000", "code_foreign"),
        ("6912345678901", "article_unknown"),
    ],
)
def test_what_is_none_of_ours_is_told(client: Client, cast: Cast, words: str, code: str) -> None:
    assert code_of(scan(client, words)) == code


def test_without_the_store_the_phone_still_serves(client: Client, cast: Cast) -> None:
    code = shown(cast.member)
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        assert code_of(scan(client, code)) == "codes_away"
        assert "王*敏" in scan(client, "13800001234")


def test_a_frozen_card_is_refused(client: Client, cast: Cast) -> None:
    code = shown(cast.member)
    Member.objects.filter(pk=cast.member.pk).update(status="frozen")
    assert code_of(scan(client, code)) == "member_frozen"
    assert code_of(scan(client, CARD)) == "member_frozen"


def test_nobody_rings_up_their_own_card(client: Client, api: Api, cast: Cast) -> None:
    cast.cashier.member = cast.member
    cast.cashier.save()
    assert code_of(scan(client, CARD)) == "own_card"
    assert code_of(scan(client, shown(cast.member))) == "own_card"
    for button in ("member", "tail"):  # found by name, or by the end of the phone
        page = client.post(SALE, {"do": f"{button}:{cast.member.pk}"})
        assert (page.status_code, code_of(page.text)) == (403, "own_card")
    cart = {"member": {"id": cast.member.pk}, "lines": [{"amount_fen": 100}]}
    key = str(uuid.UUID(int=1))
    status, body = api.post("settle", {**cart, "key": key, "hash": None, "tender": "cash"})
    assert (status, body["error"]["code"]) == (403, "own_card")
    assert not Order.objects.exists()


@pytest.fixture
def rich(cast: Cast) -> Cast:
    """¥1,000 more on the card: enough to cross the limits."""
    factories.give_value(cast.member, 100000)
    return cast


def spend(client: Client, how: str, amount: str, sale: str = SALE) -> str:
    scan(client, how, sale)
    scan(client, amount, sale)
    client.post(sale, {"do": "stored:on"})
    return enter(client, sale)


def test_up_to_200_a_number_is_enough(client: Client, rich: Cast) -> None:
    spend(client, CARD, "246.91")  # ¥199.98 by stored value
    assert Order.objects.get().principal_fen + Order.objects.get().bonus_fen == 19998


def test_above_200_the_member_says_yes_on_their_phone(client: Client, rich: Cast) -> None:
    page = spend(client, CARD, "300")
    assert 'data-state="pending"' in page
    assert "¥243.00" in page
    assert not Order.objects.exists()
    state = client.get(f"{SALE}confirm/state").json()
    assert state == {"status": "pending"}

    question = SpendConfirmation.objects.get()
    confirmations.approve(confirmation_id=question.pk, member_id=rich.member.pk, at=clock.now())
    assert client.get(f"{SALE}confirm/state").json() == {"status": "approved"}
    page = client.get(f"{SALE}confirm/").content.decode()
    seen = page.partition('name="hash" value="')[2].partition('"')[0]
    client.post(f"{SALE}confirm/", {"do": "go", "hash": seen, "tender": "cash"})
    order = Order.objects.get()
    assert order.principal_fen + order.bonus_fen == 24300
    question.refresh_from_db()
    assert question.used_at is not None


def test_a_no_settles_nothing(client: Client, rich: Cast) -> None:
    spend(client, CARD, "300")
    question = SpendConfirmation.objects.get()
    confirmations.refuse(confirmation_id=question.pk, member_id=rich.member.pk, at=clock.now())
    assert 'data-state="refused"' in client.get(f"{SALE}confirm/").content.decode()
    client.post(f"{SALE}confirm/", {"do": "ask"})
    assert SpendConfirmation.objects.filter(status="pending").count() == 1
    assert not Order.objects.exists()


def test_the_member_s_pin_does_it_too(client: Client, rich: Cast) -> None:
    member_pin.set_pin(member_id=rich.member.pk, pin="284913", is_proved=True, at=clock.now())
    page = spend(client, CARD, "300")
    seen = page.partition('name="hash" value="')[2].partition('"')[0]
    form = {"do": "pin", "hash": seen, "tender": "cash"}
    wrong = client.post(f"{SALE}confirm/", {**form, "pin": "111222"})
    assert wrong.status_code == 403
    assert code_of(wrong.content.decode()) == "pin_wrong"
    assert not Order.objects.exists()
    client.post(f"{SALE}confirm/", {**form, "pin": "284913"})
    assert Order.objects.get().stored_cover_fen == 27000


def test_the_live_code_asks_nothing(client: Client, rich: Cast) -> None:
    scan(client, shown(rich.member))
    scan(client, "300")
    enter(client)
    assert Order.objects.get().other_fen == 0


def test_after_five_minutes_a_code_is_a_number(
    client: Client, rich: Cast, at_work: time_machine.Traveller
) -> None:
    scan(client, shown(rich.member))
    scan(client, "300")
    at_work.shift(dt.timedelta(minutes=5, seconds=1))
    assert 'data-state="pending"' in enter(client)


def test_above_500_a_day_asks_as_well(client: Client, rich: Cast) -> None:
    for number in (11, 12, 13):  # three of ¥162.00
        spend(client, CARD, "200", f"/counter/sale/{uuid.UUID(int=number)}/")
    assert Order.objects.count() == 3
    assert 'data-state="pending"' in spend(client, CARD, "200")


def test_another_counter_does_not_share_the_code(client: Client, rich: Cast) -> None:
    scan(client, shown(rich.member))
    scan(client, "300")
    other = Client()
    other.force_login(rich.cashier, backend="members.backends.StaffBackend")
    assert 'data-state="pending"' in enter(other)


def test_programs_claim_the_code_and_then_name_the_member(api: Api, rich: Cast) -> None:
    code = shown(rich.member)
    status, body = api.post("members/identify", {"code": code})
    assert (status, body["member"]["name"]) == (200, "王*敏")
    cart = {
        "member": {"id": rich.member.pk},
        "lines": [{"amount_fen": 30000}],
        "use_stored_value": True,
    }
    form = {**cart, "key": str(uuid.UUID(int=2)), "hash": None, "tender": "cash"}
    status, body = api.post("settle", form)
    assert (status, body["stored_paid_fen"]) == (200, 24300)
    status, body = api.post("settle", form)
    assert (status, body["replayed"]) == (200, True)
    # The code spoke for one sale.
    status, body = api.post("settle", {**form, "key": str(uuid.UUID(int=3))})
    assert (status, body["error"]["code"]) == (403, "confirmation_needed")


def test_an_answer_that_was_lost_is_given_again_to_the_same_code(api: Api, rich: Cast) -> None:
    form = {
        "member": {"code": shown(rich.member)},
        "lines": [{"amount_fen": 30000}],
        "use_stored_value": True,
        "key": str(uuid.UUID(int=4)),
        "hash": None,
        "tender": "cash",
    }
    assert api.post("settle", form)[0] == 200
    status, body = api.post("settle", form)
    assert (status, body["replayed"]) == (200, True)
    status, body = api.post("settle", {**form, "key": str(uuid.UUID(int=5))})
    assert (status, body["error"]["code"]) == (403, "confirmation_needed")
    assert Order.objects.count() == 1


def test_a_code_from_elsewhere_is_used_up(api: Api, cast: Cast) -> None:
    code = shown(cast.member)
    live_codes.claim(code=code, place="二店", at=clock.now())
    cart = {"member": {"code": code}, "lines": [{"amount_fen": 100}]}
    status, body = api.post("quote", cart)
    assert (status, body["error"]["code"]) == (409, "code_used")


def test_a_request_sent_twice_is_done_once(client: Client, cast: Cast) -> None:
    form = {"entry": "latte", "do": "take", "turn": "0"}
    client.post(SALE, form)
    client.post(SALE, form)
    assert "¥32.00" in client.get(SALE).content.decode()
    # Another window that still shows the first turn.
    stale = client.post(SALE, {"entry": "cake", "do": "take", "turn": "0"})
    assert (stale.status_code, code_of(stale.content.decode())) == (409, "sale_changed")
    cache.clear()


def test_scan_amount_enter_is_a_whole_sale(client: Client, cast: Cast) -> None:
    scan(client, shown(cast.member))
    looked = client.post(SALE, {"entry": "100", "do": "look"}).content.decode()
    assert 'name="seen" value="100"' in looked
    seen = looked.partition('name="hash" value="')[2].partition('"')[0]
    assert not Order.objects.exists()
    form = {"entry": "100", "seen": "100", "hash": seen, "tender": "cash", "do": "go"}
    client.post(SALE, form)
    assert Order.objects.get().stored_cover_fen == 9000


def test_each_refusal_colours_the_whole_page(client: Client, cast: Cast) -> None:
    for words, tone in (("660000000000000001", "warn"), ("6912345678901", "warn")):
        assert f'<body class="told {tone}">' in scan(client, words)
    Member.objects.filter(pk=cast.member.pk).update(status="frozen")
    page = scan(client, CARD)
    assert '<body class="told bad">' in page
    assert "Back to the sale" in page
    assert '<body class="">' in client.get("/counter/").text
