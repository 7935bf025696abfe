"""What the coupons of a kind may take off together: never more is promised than that."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from loyalty.models import Coupon, CouponTemplate
from loyalty.selectors import reconciliation
from loyalty.selectors.coupons import taken_off
from loyalty.selectors.inputs import current_rules
from loyalty.services import (
    checkout,
    coupons,
    discount_codes,
    planned,
    rule_changes,
    rules,
    undoing,
)
from loyalty.settlement.rulebook import RuleBook
from members.errors import Refusal
from members.models import Member, Shop, Staff
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def book() -> RuleBook:
    found = current_rules()
    assert found is not None
    return rules.rulebook(*found)


def give(template: CouponTemplate, member: Member, count: int = 1) -> list[int]:
    row = book().template_rows[template.pk]
    found = coupons.issue(
        member_id=member.pk, template=row, count=count, source="bulk", order_id=None, at=AT
    )
    template.refresh_from_db()
    return found


def save(template: CouponTemplate, **changes: object) -> None:
    for name, value in changes.items():
        setattr(template, name, value)
    rule_changes.save_template(template=template, actor=None, at=AT)
    template.refresh_from_db()


def sell(member: Member, shop: Shop, actor: Staff, fen: int) -> int:
    answer = checkout.settle(
        key=uuid.uuid4(),
        cart=checkout.Cart((checkout.CartLine(amount_fen=fen),), member_id=member.pk),
        expected_hash=None,
        tender="cash",
        shop=shop,
        actor=actor,
        at=AT,
    )
    return int(answer["order"])


def test_given_up_to_the_budget_and_counted_by_the_most_each_can_take_off() -> None:
    shop, owner = factories.shop(), factories.owner()
    factories.policy()
    one, other = factories.member("+8613800000001"), factories.member("+8613800000002")
    template = factories.coupon_template("减20", 2000, code="MAY")
    save(template, budget_fen=9999)
    assert len(give(template, one, 3)) == 3
    assert give(template, one, 2) == []  # all of them or none, as with the stock
    assert (template.issued_count, template.budget_used_fen) == (3, 6000)
    sell(one, shop, owner, 1500)  # takes off 15.00 only
    voided = sell(one, shop, owner, 3000)
    assert taken_off(template.pk) == 3500
    # Worth less from now on: what the used one took off counts as it was.
    save(template, amount_fen=1000)
    assert template.budget_used_fen == 1500 + 2000 + 1000
    undoing.void(key=uuid.uuid4(), order_id=voided, reason="", shop=shop, actor=owner, at=AT)
    assert (taken_off(template.pk), len(give(template, other, 5))) == (1500, 5)
    assert template.budget_used_fen == 9500
    with pytest.raises(Refusal) as refused:
        discount_codes.take(template=template, member_id=other.pk, shop=shop, actor=owner, at=AT)
    assert refused.value.code == "coupon_budget_spent"
    # Worth more: so are those already in members' hands, which the budget must hold.
    with pytest.raises(Refusal) as refused:
        save(template, amount_fen=1500)
    assert refused.value.code == "budget_too_small"
    template.refresh_from_db()
    assert (template.amount_fen, template.budget_used_fen) == (1000, 9500)
    save(template, budget_fen=None)
    assert (template.budget_used_fen, len(give(template, other))) == (0, 1)
    assert template.budget_used_fen == 0
    assert reconciliation.run().is_clean


def test_a_capped_percentage_counts_its_cap_and_a_planned_change_counts_anew() -> None:
    owner, member = factories.owner(), factories.member()
    factories.policy()
    template = factories.coupon_template(
        "8折", 0, kind="percent", rate_pm=800, cap_fen=3000, stock=10
    )
    save(template, budget_fen=20000)
    assert len(give(template, member, 4)) == 4
    assert template.budget_used_fen == 12000
    template.cap_fen = 5000
    day = (AT + 2 * DAY).date()
    plan = planned.plan(
        rows=[template],
        store=lambda: rule_changes.save_template(template=template, actor=owner, at=AT),
        from_date=day,
        actor=owner,
        at=AT,
    )
    template = CouponTemplate.objects.get()
    assert template.budget_used_fen == 12000
    Coupon.objects.all().update(status="expired")
    # One more is given before the day: then the five could come to more than the budget.
    assert len(give(template, member)) == 1
    assert planned.apply_due(at=AT + 3 * DAY) == [plan]
    plan.refresh_from_db()
    assert plan.problem["en"].endswith("Enter at least ¥250.00, or leave it empty.")
    template.refresh_from_db()
    assert (template.cap_fen, template.budget_used_fen) == (3000, 15000)


def test_an_older_version_of_the_rules_knows_no_list_price() -> None:
    factories.policy()
    template = factories.coupon_template("满100减20", 2000, 10000, threshold_on_list=True)
    rules.publish(actor=None, at=AT)
    snapshot = rules.snapshot()
    assert RuleBook(snapshot).templates[template.pk][0].threshold_on_list
    for row in snapshot["templates"]:
        del row["threshold_on_list"]
    assert not RuleBook(snapshot).templates[template.pk][0].threshold_on_list
