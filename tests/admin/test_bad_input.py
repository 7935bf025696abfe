"""What is still in use stays: no way leads to a gift of a coupon that is put away."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import (
    Category,
    Coupon,
    CouponTemplate,
    GiftPack,
    PlannedChange,
    Policy,
    Product,
    RuleSet,
    Tier,
)
from loyalty.services import joining, planned, rule_changes, rules
from members import clock
from members.errors import Refusal
from members.models import CardFace, Shop
from tests import factories
from tests.admin.conftest import House, form_of
from tests.admin.test_rule_forms import add, benefit_form, change, errors_of
from tests.factories import AT


@pytest.fixture
def welcome(house: House) -> GiftPack:
    """Who joins gets the coupon, and 10 points."""
    pack = GiftPack.objects.create(name="开卡礼", points=10)
    pack.items.create(template=house.template, count=2)
    Policy.objects.update(welcome_pack=pack)
    rules.publish(actor=None, at=AT)
    return pack


def state() -> tuple[Any, ...]:
    return (
        list(CouponTemplate.objects.order_by("pk").values()),
        list(GiftPack.objects.order_by("pk").values()),
        RuleSet.objects.count(),
    )


def pack_lines(template: CouponTemplate) -> dict[str, Any]:
    return {
        "name": "生日礼",
        "points": "5",
        "items-TOTAL_FORMS": 1,
        "items-INITIAL_FORMS": 0,
        "items-0-template": template.pk,
        "items-0-count": "1",
    }


def test_a_coupon_in_a_gift_is_not_switched_off(
    house: House, welcome: GiftPack, owner: Client
) -> None:
    before = state()
    form = form_of(owner.get(change(house.template)))
    del form["is_active"]
    answer = owner.post(change(house.template), form)
    assert errors_of(answer)["is_active"] == [
        "Take this coupon out of these gift packs first: 开卡礼."
    ]
    assert state() == before


def test_a_coupon_that_is_put_away_comes_into_no_gift(house: House, owner: Client) -> None:
    template = factories.coupon_template("旧券", is_active=False)
    before = state()
    answer = owner.post(add("giftpack"), pack_lines(template))
    assert "旧券 is out of use" in " ".join(errors_of(answer)["__all__"])
    assert state() == before


def test_not_even_by_a_plan_for_later(house: House, owner: Client) -> None:
    template = factories.coupon_template("旧券")
    later = clock.local_date(AT) + dt.timedelta(days=2)
    form = pack_lines(template) | {"effective_from": later.isoformat()}
    assert owner.post(add("giftpack"), form).status_code == 302
    rule_changes.retire(row=template, actor=house.owner, at=AT)
    template = factories.coupon_template("又一张")
    form = pack_lines(template) | {"name": "另一个", "effective_from": later.isoformat()}
    assert owner.post(add("giftpack"), form).status_code == 302
    CouponTemplate.objects.filter(pk=template.pk).update(is_active=False)
    before = state()
    planned.apply_due(at=clock.start_of_day(later))
    assert state() == before
    problems = [change.problem["en"] for change in PlannedChange.objects.order_by("pk")]
    assert problems == [
        "Something this change is about was deleted after it was planned.",
        "又一张 is out of use: put it back into use, or take it out of this gift.",
    ]


def test_were_it_put_away_all_the_same_nobody_is_given_it(house: House, welcome: GiftPack) -> None:
    """The last line: a member joins, and gets what else is in the gift."""
    CouponTemplate.objects.filter(pk=house.template.pk).update(is_active=False)
    before = Coupon.objects.count()
    member = joining.join(
        phone="13912345678", shop=house.shop, actor=house.cashier, at=AT, channel="counter"
    )
    assert Coupon.objects.count() == before
    assert member.lots.get().points_left == 10


def test_in_use_and_so_put_out_of_use_or_kept(house: House, owner: Client) -> None:
    """What has a past is archived; what has no such state is kept, and both are said."""
    house.tiers["金卡"].face = house.face
    house.tiers["金卡"].save()
    category = Category.objects.create(name="点心")
    Product.objects.filter(pk=house.menu["latte"].pk).update(category=category)
    archived = (house.shop, house.plan, house.tiers["金卡"])
    kept = (house.face, category, house.pack)
    for row in (*archived, *kept):
        address = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_delete", args=[row.pk])
        said = owner.post(address, follow=True).content.decode()
        words = "put out of use instead of deleted" if row in archived else "cannot be deleted"
        assert words in said, row
    assert not Shop.objects.get(pk=house.shop.pk).is_active
    assert not Tier.objects.get(name="金卡").is_active
    assert CardFace.objects.filter(pk=house.face.pk).exists()
    assert Category.objects.filter(pk=category.pk).exists()


def test_a_pack_refuses_by_name_what_is_put_away(house: House) -> None:
    template = factories.coupon_template("旧券", is_active=False)
    with pytest.raises(Refusal) as refused:
        rule_changes.save_pack(
            pack=GiftPack(name="礼"), coupons=[(template, 1)], actor=house.owner, at=AT
        )
    assert refused.value.code == "pack_coupon_archived"


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"rate_pm": "85"}, "rate_pm", "Did you mean 8.5折"),
        ({"kind": "amount_off", "amount_fen": "5", "threshold_fen": "x"}, "threshold_fen", "yuan"),
        ({"kind": "multiplier", "multiplier_pm": "-2"}, "multiplier_pm", "a number like 2"),
    ],
)
def test_what_cannot_be_read_is_said_and_not_replaced(
    house: House, owner: Client, typed: dict[str, str], field: str, words: str
) -> None:
    answer = owner.post(add("benefit"), benefit_form(**typed))
    assert words in " ".join(errors_of(answer)[field])
