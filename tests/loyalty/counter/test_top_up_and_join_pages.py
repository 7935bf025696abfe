"""Topping up a card and opening one, alone and in the middle of a sale."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from loyalty.models import Account, TopUp, TopUpPlan
from loyalty.services import rules
from members.models import Member
from tests import factories
from tests.loyalty.counter.conftest import CARD, Cast

SALE = "6f9c1f4e-1f8f-4d57-8a3f-9a4d4f2f7d11"


@pytest.fixture
def plans(cast: Cast) -> list[int]:
    found = [plan.pk for plan in factories.top_up_plans()]
    rules.publish(actor=None, at=factories.AT)
    return found


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def test_find_choose_a_plan_pay(client: Client, cast: Cast, plans: list[int]) -> None:
    answer = client.post("/counter/top-up/", {"entry": CARD, "do": "find"})
    assert answer["Location"] == f"/counter/top-up/?member={cast.member.pk}"
    page = client.get(answer["Location"]).text
    assert "王*敏" in page
    assert "+¥100.00 bonus" in page
    fields = {"key": key_of(page), "member": cast.member.pk, "plan": plans[0], "tender": "wechat"}
    answer = client.post("/counter/top-up/", fields)
    row = TopUp.objects.get()
    assert answer["Location"] == f"/counter/top-ups/{row.pk}/"
    assert (row.paid_fen, row.bonus_fen, row.tender) == (50000, 10000, "wechat")
    assert client.post("/counter/top-up/", fields)["Location"] == answer["Location"]
    assert TopUp.objects.count() == 1
    done = client.get(answer["Location"]).text
    assert "¥720.00" in done
    assert "WeChat Pay" in done


def test_a_free_amount_beats_the_chosen_plan(client: Client, cast: Cast, plans: list[int]) -> None:
    fields = {
        "key": str(uuid.uuid4()),
        "member": cast.member.pk,
        "plan": plans[0],
        "amount": "88.8",
        "tender": "cash",
    }
    client.post("/counter/top-up/", fields)
    assert TopUp.objects.get().paid_fen == 8880


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "top_up_unreadable"),
        ({"amount": "0"}, "amount_zero"),
        ({"amount": "-1"}, "amount_negative"),
        ({"amount": "0.001"}, "amount_decimals"),
        ({"amount": "1234567890"}, "amount_too_large"),
        ({"amount": "lots"}, "amount_unreadable"),
        ({"amount": "5000"}, "balance_limit"),
        ({"plan": "999"}, "plan_unknown"),
        ({"amount": "10", "tender": "shells"}, "tender_unknown"),
        ({"amount": "10", "member": "999999"}, "member_unknown"),
        ({"amount": "10", "member": "x"}, "member_needed"),
        ({"amount": "10", "key": "x"}, "key_unreadable"),
    ],
)
def test_top_ups_that_cannot_be(
    client: Client, cast: Cast, change: dict[str, str], code: str
) -> None:
    fields = {
        "key": str(uuid.uuid4()),
        "member": str(cast.member.pk),
        "tender": "alipay",
        **change,
    }
    answer = client.post("/counter/top-up/", fields)
    assert answer.status_code in (400, 404)
    assert f'data-code="{code}"' in answer.text
    if "member" not in change:
        assert f'value="{change.get("amount", "")}"' in answer.text
    assert TopUp.objects.count() == 0
    assert Account.objects.get(kind="principal").balance == 10000


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "member_needed"), ("38.5", "member_needed"), ("13900009999", "member_unknown")],
)
def test_a_member_that_is_not_found(client: Client, cast: Cast, typed: str, code: str) -> None:
    answer = client.post("/counter/top-up/", {"entry": typed, "do": "find"})
    assert answer.status_code in (400, 404)
    assert f'data-code="{code}"' in answer.text
    assert f'value="{typed}"' in answer.text


def test_top_up_in_the_middle_of_a_sale(client: Client, cast: Cast, plans: list[int]) -> None:
    client.post(f"/counter/sale/{SALE}/", {"entry": CARD, "do": "go"})
    page = client.get(f"/counter/top-up/?sale={SALE}").text
    assert "王*敏" in page
    fields = {
        "key": key_of(page),
        "member": cast.member.pk,
        "plan": plans[0],
        "tender": "cash",
        "sale": SALE,
    }
    answer = client.post("/counter/top-up/", fields)
    assert f"/counter/sale/{SALE}/" in client.get(answer["Location"]).text


def test_another_shops_top_up_is_not_found(client: Client, cast: Cast, plans: list[int]) -> None:
    fields = {
        "key": str(uuid.uuid4()),
        "member": cast.member.pk,
        "plan": plans[0],
        "tender": "cash",
    }
    done = client.post("/counter/top-up/", fields)["Location"]
    TopUp.objects.update(shop=factories.shop("second", "二店"))
    assert client.get(done).status_code == 404


def test_plans_of_other_tiers_are_not_offered(client: Client, cast: Cast, plans: list[int]) -> None:
    TopUpPlan.objects.get(pk=plans[1]).tiers.add(factories.tiers()["黑卡"])
    page = client.get(f"/counter/top-up/?member={cast.member.pk}").text
    assert "¥500.00" in page
    assert "¥1,000.00" not in page


def test_a_card_is_opened_and_the_sale_goes_on(client: Client, cast: Cast) -> None:
    client.post(f"/counter/sale/{SALE}/", {"entry": "38.5", "do": "go"})
    page = client.get(f"/counter/join/?sale={SALE}&phone=13900008888").text
    assert 'value="13900008888"' in page
    fields = {"phone": "139 0000 8888", "name": "李雷", "sale": SALE}
    answer = client.post("/counter/join/", fields)
    assert answer["Location"] == f"/counter/sale/{SALE}/"
    member = Member.objects.get(phone="+8613900008888")
    assert (member.name, member.joined_channel, member.joined_shop) == (
        "李雷",
        "counter",
        cast.shop,
    )
    page = client.get(answer["Location"]).text
    assert "李*" in page
    assert "¥38.50" in page
    assert "The card is open" in page


def test_a_card_opened_at_the_till_takes_more_once_its_holder_came_by_code(
    client: Client, cast: Cast, plans: list[int]
) -> None:
    client.post("/counter/join/", {"phone": "13900008888", "name": "李雷", "sale": SALE})
    member = Member.objects.get(phone="+8613900008888")
    assert member.phone_proved_at is None
    address = f"/counter/top-up/?member={member.pk}"
    fields = {"member": member.pk, "plan": plans[1], "tender": "cash", "key": str(uuid.uuid4())}
    page = client.get(address).text
    assert "phone not confirmed yet: ¥1,000 at most" in page
    assert re.findall(r'value="([0-9]+)"( disabled)?', page[page.index("<fieldset") :])[:2] == [
        (str(plans[0]), ""),
        (str(plans[1]), " disabled"),
    ]
    assert 'data-code="balance_limit_unproved"' in page
    refused = client.post("/counter/top-up/", fields)
    assert refused.status_code == 400
    assert "open the card once with the code by SMS" in refused.text.replace("\n", " ")
    assert not TopUp.objects.exists()

    phone = Client()
    phone.post("/m/join", {"phone": "13900008888", "terms": "on"})
    texted = re.search(r"[^0-9]([0-9]{6})[^0-9]", phone.get("/m/join/code").text)
    assert texted
    phone.post("/m/join/code", {"code": texted[1]})
    member.refresh_from_db()
    assert member.phone_proved_at == factories.AT
    page = client.get(address).text
    assert "not confirmed" not in page
    assert " disabled" not in page
    assert client.post("/counter/top-up/", fields).status_code == 302
    page = client.get(address).text
    assert "not confirmed" not in page
    assert TopUp.objects.get().paid_fen == 100000


@pytest.mark.parametrize(
    ("phone", "name", "code", "status"),
    [
        ("", "", "phone_needed", 400),
        ("12", "", "phone_unreadable", 400),
        ("13900008888", "x" * 41, "name_unreadable", 400),
        ("13800001234", "", "already_member", 409),
    ],
)
def test_cards_that_cannot_be_opened(
    client: Client, cast: Cast, phone: str, name: str, code: str, status: int
) -> None:
    answer = client.post("/counter/join/", {"phone": phone, "name": name, "sale": SALE})
    assert answer.status_code == status
    assert f'data-code="{code}"' in answer.text
    assert f'name="phone" value="{phone}"' in answer.text
    assert Member.objects.count() == 1


def test_somebody_who_has_a_card_goes_on_with_it(client: Client, cast: Cast) -> None:
    page = client.post("/counter/join/", {"phone": "13800001234", "sale": SALE}).text
    assert "小" not in page.split("<main")[1]
    assert f'name="known" value="{cast.member.pk}"' in page
    answer = client.post(
        "/counter/join/", {"phone": "13800001234", "sale": SALE, "known": cast.member.pk}
    )
    assert "王*敏" in client.get(answer["Location"]).text


@pytest.mark.parametrize("known", ["999999", "9" * 30, "9" * 5000, "²"])
def test_a_card_that_is_not_there_is_none_to_go_on_with(
    client: Client, cast: Cast, known: str
) -> None:
    answer = client.post("/counter/join/", {"phone": "1", "sale": SALE, "known": known})
    assert (answer.status_code, 'data-code="member_unknown"' in answer.text) == (404, True)
    assert client.get(f"/counter/sale/{SALE}/").status_code == 200


def test_nobody_goes_on_with_their_own_card(client: Client, cast: Cast) -> None:
    cast.cashier.member = cast.member
    cast.cashier.save()
    answer = client.post(
        "/counter/join/", {"phone": "13800001234", "sale": SALE, "known": cast.member.pk}
    )
    assert (answer.status_code, 'data-code="own_card"' in answer.text) == (403, True)
    assert "王*敏" not in client.get(f"/counter/sale/{SALE}/").text
