"""The back office's fixed cast: two shops, a person of each role, a year's worth in miniature."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from loyalty.models import (
    Approval,
    Benefit,
    BulkIssue,
    BulkIssueMember,
    CouponTemplate,
    GiftPack,
    NightlyRun,
    Order,
    Product,
    Tier,
    TopUpPlan,
)
from loyalty.services import rules, top_ups, undoing
from loyalty.services.checkout import Cart, CartLine, settle
from members.codes import check_digit
from members.models import CardFace, Member, Shop, Staff, Tag
from tests import factories
from tests.factories import AT

CARD = "901200000000001" + check_digit("901200000000001")


@dataclasses.dataclass
class House:
    """Everything there is. ``order`` was made in the main shop, ``far_order`` in the other one."""

    shop: Shop
    far_shop: Shop
    owner: Staff
    manager: Staff
    cashier: Staff
    far_manager: Staff
    member: Member
    tag: Tag
    face: CardFace
    tiers: dict[str, Tier]
    benefit: Benefit
    template: CouponTemplate
    pack: GiftPack
    plan: TopUpPlan
    menu: dict[str, Product]
    order: Order
    far_order: Order
    run: NightlyRun
    bulk_issue: BulkIssue
    approval: Approval

    def person(self, role: str) -> Staff:
        person: Staff = getattr(self, role)
        return person


def sell(shop: Shop, actor: Staff, member: Member | None, amount_fen: int = 10000) -> Order:
    answer = settle(
        key=uuid.uuid4(),
        cart=Cart(
            (CartLine(amount_fen=amount_fen),), member_id=member.pk if member is not None else None
        ),
        expected_hash=None,
        tender="cash",
        shop=shop,
        actor=actor,
        at=AT,
    )
    return Order.objects.get(pk=answer["order"])


@pytest.fixture
def house(db: None, at_work: time_machine.Traveller) -> House:
    shop, far_shop = factories.shop(), factories.shop("far", "远店")
    cashier, manager, owner = factories.cashier(), factories.manager(), factories.owner()
    far_manager = factories.staff("gao", Staff.Role.MANAGER, shops=(far_shop,), name="高店长")
    factories.policy()
    tiers = factories.tiers()
    benefit = factories.gold_discount()
    template = factories.coupon_template("满80减20", 2000, 8000)
    plan = factories.top_up_plans()[0]
    menu = factories.menu()
    member = factories.member(tier="金卡", card=CARD, points=1280, principal_fen=10000)
    factories.coupon(member, template)
    tag = Tag.objects.create(name="常客")
    member.tags.add(tag)
    face = CardFace.objects.create(name="经典")
    rules.publish(actor=owner, at=AT)
    top_ups.top_up(
        key=uuid.uuid4(),
        member_id=member.pk,
        plan_id=plan.pk,
        amount_fen=None,
        tender="cash",
        shop=shop,
        actor=cashier,
        at=AT,
    )
    order, far_order = sell(shop, cashier, member), sell(far_shop, far_manager, member)
    for sold, where, who in ((order, shop, cashier), (far_order, far_shop, far_manager)):
        undoing.refund(
            key=uuid.uuid4(),
            order_id=sold.pk,
            lines=None,
            amount_fen=1000,
            reason="太甜",
            shop=where,
            actor=who,
            at=AT,
        )
    run = NightlyRun.objects.create(
        job=NightlyRun.Job.RECONCILE,
        local_date=AT.date(),
        started_at=AT,
        finished_at=AT,
        result={"counted": {"members": 1}, "totals": {}, "differences": []},
    )
    bulk_issue = BulkIssue.objects.create(template=template, staff=owner, at=AT, chosen_count=1)
    BulkIssueMember.objects.create(issue=bulk_issue, member=member)
    approval = Approval.objects.create(
        key=uuid.UUID(int=99),
        kind=Approval.Kind.REFUND,
        member=member,
        order=order,
        amount=6000,
        lines=[[0, 1]],
        reason="太甜",
        shop=shop,
        asked_by=cashier,
        asked_at=AT,
    )
    assert plan.pack is not None
    return House(
        shop=shop,
        far_shop=far_shop,
        owner=owner,
        manager=manager,
        cashier=cashier,
        far_manager=far_manager,
        member=member,
        tag=tag,
        face=face,
        tiers=tiers,
        benefit=benefit,
        template=template,
        pack=plan.pack,
        plan=plan,
        menu=menu,
        order=Order.objects.get(pk=order.pk),
        far_order=Order.objects.get(pk=far_order.pk),
        run=run,
        bulk_issue=bulk_issue,
        approval=approval,
    )


@pytest.fixture
def at_work(db: None) -> Iterator[time_machine.Traveller]:
    """The clock stands at the factories' fixed time."""
    with time_machine.travel(AT, tick=False) as moved:
        yield moved


SignedIn = Callable[..., Client]


@pytest.fixture
def signed_in(house: House) -> SignedIn:
    """A browser of somebody of this role, in English unless said otherwise."""

    def browser(role: str, language: str = "en") -> Client:
        client = Client()
        client.cookies["django_language"] = language
        client.force_login(house.person(role), backend="members.backends.StaffBackend")
        return client

    return browser


@pytest.fixture
def owner(signed_in: SignedIn) -> Client:
    return signed_in("owner")


def form_of(page: Any) -> dict[str, Any]:
    """What a browser would send back from a page's form, unchanged."""
    form = page.context["adminform"].form
    data: dict[str, Any] = {"seen": form.seen}
    for bound in form:
        value = bound.value()
        data.update(_sent(bound.html_name, value))
    for inline in page.context["inline_admin_formsets"]:
        formset = inline.formset
        for bound in formset.management_form:
            data.update(_sent(bound.html_name, bound.value()))
        for part in formset.forms:
            for bound in part:
                data.update(_sent(bound.html_name, bound.value()))
    return data


def _sent(name: str, value: Any) -> dict[str, Any]:
    if value is None or value is False:
        return {}
    if value is True:
        return {name: "on"}
    if isinstance(value, list):
        return {name: [getattr(one, "pk", one) for one in value]}
    return {name: value}
