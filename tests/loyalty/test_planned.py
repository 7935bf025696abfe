"""Rules from a date: planned without changing anything, applied once, called off, reported."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection

from loyalty.models import (
    Benefit,
    CouponTemplate,
    GiftPack,
    PlannedChange,
    Policy,
    Product,
    RuleSet,
    Tier,
    TopUpPlan,
)
from loyalty.selectors.planned import waiting
from loyalty.services import planned, rule_changes, rules
from members import clock
from members.errors import Refusal
from members.models import Event, Staff
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT
from tests.loyalty.planning import DAY, MIDNIGHT, everything, owner, plan, reported

__all__ = ["owner"]

ONE_MOMENT = dt.timedelta(microseconds=1)


def plan_template(
    template: CouponTemplate, actor: Staff, day: dt.date = DAY, **columns: Any
) -> PlannedChange:
    def store() -> object:
        return rule_changes.save_template(template=template, actor=actor, at=AT)

    return plan(template, store=store, owner=actor, day=day, **columns)


def kinds() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


def test_planning_changes_nothing_but_the_plan(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    before = everything()
    change = plan_template(template, owner, amount_fen=2500)
    assert everything() == before
    assert change.lines == [
        {
            "id": template.pk,
            "name": "满80减20",
            "before": {"amount_fen": 2000},
            "after": {"amount_fen": 2500},
        }
    ]
    event = Event.objects.latest("pk")
    assert (event.kind, event.staff_id, event.data["lines"]) == (
        "rule_planned",
        owner.pk,
        change.lines,
    )


def test_it_holds_from_the_first_moment_of_its_day_and_once(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    change = plan_template(template, owner, amount_fen=2500)
    assert planned.apply_due(at=MIDNIGHT - ONE_MOMENT) == []
    assert CouponTemplate.objects.get().amount_fen == 2000
    versions = RuleSet.objects.count()
    assert planned.apply_due(at=MIDNIGHT) == [change]
    assert planned.apply_due(at=MIDNIGHT) == []
    assert CouponTemplate.objects.get().amount_fen == 2500
    assert RuleSet.objects.count() == versions + 1
    ruleset = RuleSet.objects.get(pk=Policy.objects.get().ruleset_id or 0)
    assert [row["amount_fen"] for row in ruleset.snapshot["templates"]] == [2500]
    change.refresh_from_db()
    assert (change.status, change.closed_at) == ("applied", MIDNIGHT)
    told = kinds()
    assert told[-4:] == ["rule_planned", "row_changed", "rules_published", "rule_plan_applied"]
    applied = Event.objects.get(kind="row_changed")
    assert (applied.staff_id, applied.at) == (owner.pk, MIDNIGHT)
    assert (applied.data["before"], applied.data["after"]) == (
        {"amount_fen": 2000},
        {"amount_fen": 2500},
    )


@pytest.mark.parametrize(
    ("days", "code"), [(0, "from_not_later"), (-1, "from_not_later"), (367, "from_too_far")]
)
def test_only_a_day_to_come_and_within_a_year(owner: Staff, days: int, code: str) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    before = everything()
    with pytest.raises(Refusal) as refused:
        plan_template(
            template, owner, clock.local_date(AT) + dt.timedelta(days=days), amount_fen=2500
        )
    assert (refused.value.code, refused.value.field) == (code, "effective_from")
    assert (everything(), PlannedChange.objects.count()) == (before, 0)


def test_what_is_refused_today_is_refused_for_later(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    before, told = everything(), kinds()
    with pytest.raises(Refusal) as refused:
        plan_template(template, owner, amount_fen=9000)
    assert refused.value.code == "threshold_below_value"
    assert (everything(), kinds(), PlannedChange.objects.count()) == (before, told, 0)


def test_nothing_different_is_no_plan(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    with pytest.raises(Refusal) as refused:
        plan_template(template, owner)
    assert refused.value.code == "nothing_different"


def test_one_plan_at_a_time(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    first = plan_template(template, owner, amount_fen=2500)
    with pytest.raises(Refusal) as refused:
        plan_template(template, owner, amount_fen=3000)
    assert refused.value.code == "already_planned"
    planned.cancel(change_id=first.pk, actor=owner, at=AT)
    second = plan_template(CouponTemplate.objects.get(), owner, amount_fen=3000)
    assert waiting() == [second]


def test_called_off_it_never_comes(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    change = plan_template(template, owner, amount_fen=2500)
    before = everything()
    planned.cancel(change_id=change.pk, actor=owner, at=AT)
    assert planned.apply_due(at=MIDNIGHT) == []
    assert everything() == before
    assert kinds()[-1] == "rule_plan_cancelled"
    with pytest.raises(Refusal) as refused:
        planned.cancel(change_id=change.pk, actor=owner, at=AT)
    assert refused.value.code == "too_late"


def test_what_somebody_else_changed_meanwhile_stays_and_is_reported(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    change = plan_template(template, owner, amount_fen=2500)
    CouponTemplate.objects.update(amount_fen=1500)
    assert reported(change).startswith("Somebody changed the same thing after this was planned")
    assert kinds()[-1] == "rule_plan_failed"
    assert waiting() == [change]
    planned.cancel(change_id=change.pk, actor=owner, at=MIDNIGHT)
    assert waiting() == []


def test_another_column_changed_meanwhile_is_kept(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    plan_template(template, owner, amount_fen=2500)
    CouponTemplate.objects.update(label="老友专享")
    planned.apply_due(at=MIDNIGHT)
    row = CouponTemplate.objects.get()
    assert (row.amount_fen, row.label) == (2500, "老友专享")


def test_what_has_become_impossible_is_reported_and_not_applied(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    change = plan_template(template, owner, amount_fen=2500)
    CouponTemplate.objects.update(threshold_fen=2200)
    assert reported(change) == "The threshold must be higher than what the coupon takes off."


def test_a_rule_that_is_gone_by_then(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    change = plan_template(template, owner, amount_fen=2500)
    template.delete()
    assert "was deleted" in reported(change)


def test_one_that_fails_holds_up_no_other(owner: Staff) -> None:
    one, other = (factories.coupon_template(name, 2000, 8000) for name in ("一", "二"))
    plan_template(one, owner, amount_fen=2500)
    plan_template(other, owner, amount_fen=2500)
    CouponTemplate.objects.filter(pk=one.pk).update(amount_fen=1000)
    planned.apply_due(at=MIDNIGHT)
    assert dict(CouponTemplate.objects.values_list("name", "amount_fen")) == {
        "一": 1000,
        "二": 2500,
    }


@pytest.mark.parametrize(
    ("fault", "status"),
    [(ZeroDivisionError("ours"), "failed"), (OperationalError("held elsewhere"), "planned")],
)
def test_a_fault_of_ours_holds_up_no_other_and_is_reported(
    owner: Staff, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: str
) -> None:
    one, other = (factories.coupon_template(name, 2000, 8000) for name in ("一", "二"))
    broken, fine = (plan_template(each, owner, amount_fen=2500) for each in (one, other))
    save = rule_changes.save_template

    def stumble(*, template: CouponTemplate, **more: Any) -> RuleSet:
        stored = save(template=template, **more)
        if template.pk == one.pk:
            raise fault
        return stored

    with monkeypatch.context() as patched:
        patched.setattr(rule_changes, "save_template", stumble)
        tried = planned.apply_due(at=MIDNIGHT)
    assert list(CouponTemplate.objects.order_by("pk").values_list("amount_fen", flat=True)) == [
        *(2000, 2500)
    ]
    broken.refresh_from_db()
    assert broken.status == status
    if status == "planned":  # whoever held it has gone: the next minute
        assert tried == [fine]
        assert planned.apply_due(at=MIDNIGHT) == [broken]
        return
    assert tried == [broken, fine]
    assert broken.problem["en"].startswith("The program made a mistake here")
    assert set(broken.problem) == {"zh-hans", "en"}
    assert waiting() == [broken]  # as the page of what runs by itself shows it


def plan_tiers(tiers: list[Tier], owner: Staff) -> PlannedChange:
    def store() -> object:
        return rule_changes.save_tiers(tiers=tiers, actor=owner, at=AT)

    return plan(*tiers, store=store, owner=owner)


def test_a_ladder_with_a_new_step_in_its_middle(owner: Staff) -> None:
    tiers = list(Tier.objects.order_by("-rank"))
    for tier in tiers:
        tier.rank += tier.name in ("金卡", "黑卡")
    new = Tier(name="玉卡", rank=2, threshold_fen=100000)
    before = everything()
    change = plan_tiers([*tiers[:2], new, *tiers[2:]], owner)
    assert everything() == before
    assert change.name == "黑卡、金卡、玉卡"
    assert change.subject == 0
    planned.apply_due(at=MIDNIGHT)
    change.refresh_from_db()
    assert change.status == "applied", change.problem
    assert list(Tier.objects.order_by("rank").values_list("name", "rank")) == [
        ("普通", 0),
        ("银卡", 1),
        ("玉卡", 2),
        ("金卡", 3),
        ("黑卡", 4),
    ]


def test_tiers_that_would_overlap_by_then(owner: Staff) -> None:
    tiers = list(Tier.objects.order_by("-rank"))
    tiers[1].threshold_fen = 900000  # gold, below black's ¥10,001
    change = plan_tiers(tiers, owner)
    Tier.objects.filter(name="黑卡").update(threshold_fen=800000)
    assert reported(change).startswith("Each tier must start at a higher amount")


def test_a_new_benefit_with_its_tiers_and_prices(owner: Staff) -> None:
    menu = factories.menu()
    gold = Tier.objects.get(name="金卡")
    row = Benefit(name="会员价", kind="member_price", days=[6, 7], when="weekdays")

    def store() -> object:
        prices = [(menu["latte"], 2800)]
        return rule_changes.save_benefit(
            benefit=row, prices=prices, tiers=[gold], actor=owner, at=AT
        )

    plan(row, store=store, owner=owner)
    assert not Benefit.objects.exists()
    planned.apply_due(at=MIDNIGHT)
    made = Benefit.objects.get()
    assert (made.days, list(made.tiers.all())) == ([6, 7], [gold])
    assert list(made.member_prices.values_list("product__sku", "price_fen")) == [("latte", 2800)]


def test_an_article_that_is_gone_by_then(owner: Staff) -> None:
    menu = factories.menu()
    row = factories.benefit("会员价", "member_price")

    def store() -> object:
        prices = [(menu["latte"], 2800)]
        return rule_changes.save_benefit(benefit=row, prices=prices, actor=owner, at=AT)

    change = plan(row, store=store, owner=owner)
    Product.objects.filter(sku="latte").delete()
    assert "was deleted" in reported(change)
    assert not row.member_prices.exists()


def test_a_pack_a_plan_and_the_points_sheet(owner: Staff) -> None:
    template = factories.coupon_template("满80减20", 2000, 8000)
    pack = GiftPack.objects.create(name="开卡礼", points=10)
    top_up = TopUpPlan.objects.create(name="充500", pay_fen=50000)
    sheet = rules.policy()
    pack.points, top_up.pack, sheet.welcome_pack = 20, pack, pack
    for row, store in (
        (
            pack,
            lambda: rule_changes.save_pack(pack=pack, coupons=[(template, 2)], actor=owner, at=AT),
        ),
        (top_up, lambda: rule_changes.save_plan(plan=top_up, tiers=[], actor=owner, at=AT)),
        (sheet, lambda: rule_changes.save_policy(policy=sheet, actor=owner, at=AT)),
    ):
        plan(row, store=store, owner=owner)
    assert Policy.objects.get().welcome_pack_id is None
    done = planned.apply_due(at=MIDNIGHT)
    assert [change.status for change in done] == ["applied"] * 3, [one.problem for one in done]
    assert Policy.objects.get().welcome_pack_id == pack.pk
    assert TopUpPlan.objects.get().pack_id == pack.pk
    assert rule_changes.parts_of(GiftPack.objects.get()) == {"coupons": [[template.pk, 2]]}


@pytest.mark.usefixtures("live_db")
def test_of_many_workers_one_applies_it(live_db: LiveDatabase) -> None:
    factories.policy()
    person = factories.owner()
    template = factories.coupon_template("满80减20", 2000, 8000)
    rules.publish(actor=person, at=AT)
    plan_template(template, person, amount_fen=2500)
    workers = 6
    start = Barrier(workers)

    def work(_number: int) -> int:
        try:
            start.wait(30)
            return len(planned.apply_due(at=MIDNIGHT))
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        done = sorted(pool.map(work, range(workers)))
    assert done == [0] * (workers - 1) + [1]
    assert Event.objects.filter(kind="rule_plan_applied").count() == 1
    assert Event.objects.filter(kind="row_changed").count() == 1
    assert CouponTemplate.objects.get().amount_fen == 2500
