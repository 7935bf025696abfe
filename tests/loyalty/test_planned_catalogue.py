"""Articles, categories, member prices and card faces from a date; sales before and after."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from typing import Any

import pytest

from loyalty.models import Category, Order, PlannedChange, Product, Tier
from loyalty.selectors.planned import waiting
from loyalty.services import planned, rule_changes, rules
from loyalty.services.again import settle_again
from loyalty.services.checkout import Cart, CartLine, quote, settle
from members.errors import Refusal
from members.models import CardFace, CardImage, Event, Staff
from members.pictures import Written
from members.services import faces
from tests import factories
from tests.factories import AT
from tests.loyalty.planning import MIDNIGHT, everything, owner, plan, reported
from tests.members.test_pictures import picture

__all__ = ["owner"]

BEFORE = MIDNIGHT - dt.timedelta(minutes=1)


def plan_product(product: Product, owner: Staff, **columns: Any) -> PlannedChange:
    def store() -> None:
        rule_changes.save_product(product=product, actor=owner, at=AT)

    return plan(product, store=store, owner=owner, **columns)


def plan_category(category: Category, owner: Staff, **columns: Any) -> PlannedChange:
    def store() -> object:
        return rule_changes.save_category(category=category, actor=owner, at=AT)

    return plan(category, store=store, owner=owner, **columns)


def written(part: str, colour: int = 90) -> Written:
    return faces.read_picture(io.BytesIO(picture(300 + colour, 200)), part=part)


def plan_face(
    face: CardFace,
    owner: Staff,
    *,
    changes: dict[str, Written | None] | None = None,
    **columns: Any,
) -> PlannedChange:
    named = changes or {}
    pictures = [one for one in named.values() if one is not None]

    def store() -> object:
        return faces.save_face(face=face, changes=named, actor=owner, at=AT)

    return plan(face, store=store, owner=owner, pictures=pictures, **columns)


def sell(product: Product, at: dt.datetime, *, tier: str | None = None) -> Order:
    person = factories.member(f"+86138000{at.minute:02}{at.day:02}1", tier=tier) if tier else None
    answer = settle(
        key=uuid.uuid4(),
        cart=Cart(
            (CartLine(product_id=product.pk),), member_id=person.pk if person is not None else None
        ),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=Staff.objects.get(),
        at=at,
    )
    return Order.objects.select_related("ruleset").get(pk=answer["order"])


def agrees(order: Order) -> bool:
    again = settle_again(order)
    return again is not None and again.agrees


def test_an_article_costs_more_from_its_day_on(owner: Staff) -> None:
    latte = factories.menu()["latte"]
    before = everything()
    change = plan_product(latte, owner, price_fen=3500)
    assert everything() == before
    assert change.lines == [
        {
            "id": latte.pk,
            "name": "拿铁",
            "before": {"price_fen": 3200},
            "after": {"price_fen": 3500},
        }
    ]
    assert planned.apply_due(at=BEFORE) == []
    old = sell(latte, BEFORE)
    assert planned.apply_due(at=MIDNIGHT) == [change]
    assert planned.apply_due(at=MIDNIGHT) == []
    new = sell(latte, MIDNIGHT)
    assert (old.gross_fen, new.gross_fen) == (3200, 3500)
    assert agrees(old)
    assert agrees(new)
    # A price is part of no version: the sale itself keeps it, and the trail says the rest.
    assert old.ruleset_id == new.ruleset_id
    event = Event.objects.get(kind="row_changed")
    assert (event.staff_id, event.at, event.data) == (
        owner.pk,
        MIDNIGHT,
        {
            "model": "product",
            "id": latte.pk,
            "name": "拿铁",
            "before": {"price_fen": 3200},
            "after": {"price_fen": 3500},
        },
    )


def test_what_the_cashier_saw_before_midnight_is_shown_again(owner: Staff) -> None:
    latte = factories.menu()["latte"]
    plan_product(latte, owner, price_fen=3500)
    cart = Cart((CartLine(product_id=latte.pk),))
    seen = quote(cart=cart, shop=factories.shop(), at=BEFORE)
    planned.apply_due(at=MIDNIGHT)
    with pytest.raises(Refusal) as refused:
        settle(
            key=uuid.uuid4(),
            cart=cart,
            expected_hash=seen.hash,
            tender="cash",
            shop=factories.shop(),
            actor=owner,
            at=MIDNIGHT,
        )
    assert refused.value.code == "quote_changed"
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("columns", "code"),
    [({"name": " "}, "name_missing"), ({"price_fen": -1}, "amount_negative")],
)
def test_an_article_that_makes_no_sense_is_refused_today_and_for_later(
    owner: Staff, columns: dict[str, Any], code: str
) -> None:
    latte = factories.menu()["latte"]
    before, told = everything(), Event.objects.count()
    with pytest.raises(Refusal) as refused:
        plan_product(latte, owner, **columns)
    assert refused.value.code == code
    with pytest.raises(Refusal) as refused:
        rule_changes.save_product(product=latte, actor=owner, at=AT)
    assert refused.value.code == code
    assert (everything(), Event.objects.count(), PlannedChange.objects.count()) == (before, told, 0)


def test_one_change_of_an_article_at_a_time_but_two_articles_may_wait(owner: Staff) -> None:
    menu = factories.menu()
    first = plan_product(menu["latte"], owner, price_fen=3500)
    with pytest.raises(Refusal) as refused:
        plan_product(menu["latte"], owner, price_fen=3600)
    assert refused.value.code == "already_planned"
    second = plan_product(menu["tea"], owner, price_fen=3000)
    assert waiting() == [first, second]
    assert waiting("product", menu["tea"].pk) == [second]


def test_a_price_that_somebody_changed_meanwhile_stays_and_is_reported(owner: Staff) -> None:
    latte = factories.menu()["latte"]
    change = plan_product(latte, owner, price_fen=3500)
    Product.objects.filter(pk=latte.pk).update(price_fen=3300)
    assert reported(change).startswith("Somebody changed the same thing after this was planned")


def test_a_new_article_whose_number_was_taken_meanwhile(owner: Staff) -> None:
    change = plan_product(Product(sku="mocha", name="摩卡", price_fen=3600), owner)
    factories.product("mocha", "别的")
    assert reported(change).startswith("It no longer fits the other rules")
    assert list(Product.objects.values_list("name", flat=True)) == ["别的"]


def test_a_category_moves_and_with_it_what_a_benefit_touches(owner: Staff) -> None:
    """20 % off all drinks; from the day on cake lies in a category of drinks."""
    menu = factories.menu()
    drinks = Category.objects.get()
    sweets = Category.objects.create(name="甜品")
    Product.objects.filter(pk=menu["cake"].pk).update(category=sweets)
    rule = factories.benefit("饮品8折", "percent", rate_pm=800, scope="categories")
    rule_changes.save_benefit(benefit=rule, categories=[drinks], actor=owner, at=AT)
    change = plan_category(sweets, owner, parent=drinks)
    old = sell(menu["cake"], BEFORE, tier="普通")
    assert planned.apply_due(at=MIDNIGHT) == [change]
    new = sell(menu["cake"], MIDNIGHT, tier="普通")
    assert (old.other_fen, new.other_fen) == (3600, 2880)
    assert agrees(old)
    assert agrees(new)
    versions = [order.ruleset.snapshot["categories"] for order in (old, new) if order.ruleset]
    assert versions == [
        {str(drinks.pk): None, str(sweets.pk): None},
        {str(drinks.pk): None, str(sweets.pk): drinks.pk},
    ]


def test_a_category_that_would_lie_in_itself_by_then(owner: Staff) -> None:
    outer, inner = (Category.objects.create(name=name) for name in ("外", "内"))
    change = plan_category(outer, owner, parent=inner)
    Category.objects.filter(pk=inner.pk).update(parent=outer)
    assert reported(change) == "A category cannot lie within itself."


def test_member_prices_by_article_and_tier_from_a_day(owner: Staff) -> None:
    menu = factories.menu()
    gold = Tier.objects.get(name="金卡")
    rule = factories.benefit("金卡会员价", "member_price", tier="金卡")
    for article, fen in ((menu["latte"], 2800), (menu["tea"], 2500)):
        rule.member_prices.create(product=article, price_fen=fen)
    rules.publish(actor=owner, at=AT)
    prices = [(menu["latte"], 2600), (menu["cake"], 3000)]

    def store() -> object:
        return rule_changes.save_benefit(
            benefit=rule, prices=prices, tiers=[gold], actor=owner, at=AT
        )

    change = plan(rule, store=store, owner=owner)
    assert [line["after"] for line in change.lines] == [
        {"prices": [[menu["latte"].pk, 2600], [menu["cake"].pk, 3000]]}
    ]
    old = sell(menu["latte"], BEFORE, tier="金卡")
    planned.apply_due(at=MIDNIGHT)
    new = sell(menu["latte"], MIDNIGHT, tier="金卡")
    assert (old.other_fen, new.other_fen) == (2800, 2600)
    assert agrees(old)
    assert agrees(new)


def test_a_face_with_its_pictures_from_a_day(owner: Staff) -> None:
    face = CardFace.objects.create(name="经典")
    logo, background = written("logo"), written("background")
    before = everything()
    change = plan_face(
        face, owner, changes={"logo": logo, "background": background}, slogan="夏天来了"
    )
    face.refresh_from_db()
    assert (face.slogan, face.logo_id, face.background_id) == ("", None, None)
    assert everything()[:3] == before[:3]
    kept = {bytes(image.body) for image in change.pictures.all()}
    assert kept == {logo.body, background.body}
    # Another face is stored meanwhile: what waits is not swept away with what nothing names.
    other = CardFace.objects.create(name="夜")
    faces.save_face(face=other, changes={"logo": written("logo", 30)}, actor=owner, at=AT)
    faces.save_face(face=other, changes={"logo": None}, actor=owner, at=AT)
    assert CardImage.objects.count() == 2
    assert planned.apply_due(at=MIDNIGHT) == [change]
    face.refresh_from_db()
    assert face.logo is not None
    assert face.background is not None
    assert (face.slogan, bytes(face.logo.body), bytes(face.background.body)) == (
        "夏天来了",
        logo.body,
        background.body,
    )
    assert not change.pictures.exists()
    assert CardImage.objects.count() == 2
    event = Event.objects.filter(kind="row_changed").latest("pk")
    assert (event.data["model"], event.data["before"], event.data["after"]) == (
        "cardface",
        {"slogan": "", "logo": None, "background": None},
        {"slogan": "夏天来了", "logo": face.logo_id, "background": face.background_id},
    )


def test_a_picture_of_a_face_that_is_called_off_is_let_go_of(owner: Staff) -> None:
    face = CardFace.objects.create(name="经典")
    shared = written("logo", 30)
    faces.save_face(face=face, changes={"logo": shared}, actor=owner, at=AT)
    before = everything()
    change = plan_face(face, owner, changes={"logo": written("logo")})
    assert CardImage.objects.count() == 2
    planned.cancel(change_id=change.pk, actor=owner, at=AT)
    assert everything() == before
    assert [bytes(image.body) for image in CardImage.objects.all()] == [shared.body]


def test_a_picture_that_two_plans_wait_for_outlives_one(owner: Staff) -> None:
    one, other = (CardFace.objects.create(name=name) for name in ("一", "二"))
    first = plan_face(one, owner, changes={"logo": written("logo")})
    second = plan_face(other, owner, changes={"logo": written("logo")})
    assert CardImage.objects.count() == 1
    planned.cancel(change_id=first.pk, actor=owner, at=AT)
    planned.apply_due(at=MIDNIGHT)
    second.refresh_from_db()
    other.refresh_from_db()
    assert second.status == "applied"
    assert other.logo_id is not None


def test_a_face_that_could_not_come_keeps_its_picture_until_it_is_put_away(owner: Staff) -> None:
    """Somebody chose dark words meanwhile: on the dark colour to come nobody could read them."""
    face = CardFace.objects.create(name="经典")
    change = plan_face(face, owner, changes={"logo": written("logo")}, brand_colour="#5A3A1A")
    CardFace.objects.filter(pk=face.pk).update(text_colour="#12100E")
    assert reported(change).startswith("This text cannot be read on this colour (contrast 1.")
    face.refresh_from_db()
    assert (face.brand_colour, face.logo_id) == ("#7A4B2A", None)
    assert CardImage.objects.count() == 1
    planned.cancel(change_id=change.pk, actor=owner, at=MIDNIGHT)
    assert CardImage.objects.count() == 0


def test_taking_a_picture_off_from_a_day(owner: Staff) -> None:
    face = CardFace.objects.create(name="经典")
    faces.save_face(face=face, changes={"logo": written("logo")}, actor=owner, at=AT)
    plan_face(face, owner, changes={"logo": None})
    assert CardImage.objects.count() == 1
    planned.apply_due(at=MIDNIGHT)
    face.refresh_from_db()
    assert face.logo_id is None
    assert CardImage.objects.count() == 0


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"brand_colour": "#FFFFFF"}, "contrast_too_low"),
        ({"brand_colour": "brown"}, "colour_unreadable"),
    ],
)
def test_a_face_nobody_can_read_is_refused_and_its_picture_is_not_kept(
    owner: Staff, columns: dict[str, Any], code: str
) -> None:
    face = CardFace.objects.create(name="经典")
    before = everything()
    with pytest.raises(Refusal) as refused:
        plan_face(face, owner, changes={"logo": written("logo")}, **columns)
    assert refused.value.code == code
    assert (everything(), PlannedChange.objects.count()) == (before, 0)


def test_a_face_that_is_gone_by_then(owner: Staff) -> None:
    face = CardFace.objects.create(name="经典")
    change = plan_face(face, owner, changes={"logo": written("logo")})
    faces.remove_face(face=CardFace.objects.get(), actor=owner, at=AT)
    assert CardImage.objects.count() == 1
    assert "was deleted" in reported(change)
    planned.cancel(change_id=change.pk, actor=owner, at=MIDNIGHT)
    assert CardImage.objects.count() == 0
