"""A sale's page: each step in words, and the same once more by the real calculator."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import Order, RuleSet
from loyalty.services import rule_changes
from loyalty.services.again import settle_again
from tests.admin.conftest import House, SignedIn


def page_of(order: Order) -> str:
    return reverse("admin:loyalty_order_change", args=[order.pk])


def test_it_comes_out_the_same(house: House, owner: Client) -> None:
    page = owner.get(page_of(house.order))
    assert page.context["again"].agrees
    assert [step["name"] for step in page.context["steps"]][:2] == ["金卡 9折", "满80减20"]
    assert "the same to the fen" in page.content.decode()


def test_what_was_tampered_with_is_named(house: House, owner: Client) -> None:
    Order.objects.filter(pk=house.order.pk).update(points_earned=999)
    page = owner.get(page_of(house.order))
    differences = page.context["again"].differences
    assert [(one.name, one.stored) for one in differences] == [("points_earned", "999")]
    assert "Worked out again it differs" in page.content.decode()


def test_a_sale_taken_over_has_nothing_to_be_worked_out_from(house: House, owner: Client) -> None:
    Order.objects.filter(pk=house.order.pk).update(ruleset=None, inputs=None)
    order = Order.objects.get(pk=house.order.pk)
    assert settle_again(order) is None
    assert "taken over from another system" in owner.get(page_of(order)).content.decode()


@pytest.mark.parametrize("words", ["#{order}", "{order}", "1234", "wxm"])
def test_sales_are_found_by_number_and_member(house: House, owner: Client, words: str) -> None:
    query = words.format(order=house.order.pk)
    rows = owner.get(reverse("admin:loyalty_order_changelist"), {"q": query}).context["cl"]
    assert house.order in rows.result_list


def test_the_words_are_chinese_too(house: House, signed_in: SignedIn) -> None:
    page = signed_in("owner", "zh-hans").get(page_of(house.order)).content.decode()
    assert "金卡 9折" in page
    assert "pay " not in page


def test_versions_tell_what_changed(house: House, owner: Client) -> None:
    house.template.amount_fen = 2500
    before = RuleSet.objects.count()
    ruleset = rule_changes.save_template(
        template=house.template, actor=house.owner, at=house.order.at
    )
    assert RuleSet.objects.count() == before + 1
    page = owner.get(reverse("admin:loyalty_ruleset_change", args=[ruleset.pk]))
    changes = [(one.rule, one.what, one.before, one.after) for one in page.context["changes"]]
    assert changes == [("Coupon “满80减20”", "amount off", "¥20.00", "¥25.00")]
