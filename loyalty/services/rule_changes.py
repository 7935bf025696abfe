"""Changing a rule: checked, stored, published and written down, in one transaction.

Each row that changed leaves an event with who, what, before and after; the version of the rules
that follows leaves one of its own (``rules.publish``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models, transaction

from loyalty.models import (
    Benefit,
    Category,
    CouponTemplate,
    GiftPack,
    GiftPackCoupon,
    MemberPrice,
    Policy,
    Product,
    RuleSet,
    StreakStep,
    Tier,
    TopUpPlan,
)
from loyalty.selectors.coupons import budget_used
from loyalty.services import rule_checks, rules
from members.models import Staff
from members.services import rows

Relations = Mapping[str, Iterable[models.Model]]


@transaction.atomic
def _store(
    changed: Sequence[models.Model],
    relations: Relations,
    *,
    actor: Staff | None,
    at: dt.datetime,
    parts: rows.Parts | None = None,
) -> RuleSet:
    for row in changed:
        rows.store(row=row, relations=relations, parts=parts, actor=actor, at=at)
    return rules.publish(actor=actor, at=at)


# What is no relation of its own but a table of numbers.
PARTS = frozenset({"prices", "coupons", "streaks"})


def parts_of(row: models.Model) -> dict[str, Any]:
    """What hangs on a rule: a benefit's member prices, a pack's coupons (id, fen or how many), the
    policy's gifts for days running (days, pack, whether it repeats)."""
    match row:
        case Benefit():
            prices = row.member_prices.order_by("product_id").values_list("product_id", "price_fen")
            return {"prices": [list(pair) for pair in prices]}
        case GiftPack():
            items = row.items.order_by("template_id").values_list("template_id", "count")
            return {"coupons": [list(pair) for pair in items]}
        case Policy():
            return {"streaks": rules.streaks(row)}
    return {}


def save_benefit(
    *,
    benefit: Benefit,
    actor: Staff | None,
    at: dt.datetime,
    prices: Sequence[tuple[Product, int]] | None = None,
    **relations: Iterable[models.Model],
) -> RuleSet:
    """Store one benefit with its ``tiers=``, ``tags=``, ``shops=``, ``categories=``, ``products=``.

    ``prices`` are all its member prices (article, fen). Refuses what
    ``rule_checks.check_benefit`` refuses.
    """
    rule_checks.check_benefit(benefit)

    def write() -> None:
        if prices is not None:
            benefit.member_prices.all().delete()
            MemberPrice.objects.bulk_create(
                MemberPrice(benefit=benefit, product=product, price_fen=fen)
                for product, fen in prices
            )

    parts = rows.Parts(read=lambda: parts_of(benefit), write=write)
    return _store([benefit], relations, actor=actor, at=at, parts=parts)


@transaction.atomic
def save_template(
    *,
    template: CouponTemplate,
    actor: Staff | None,
    at: dt.datetime,
    **relations: Iterable[models.Model],
) -> RuleSet:
    """Store one coupon template. Refuses what ``rule_checks.check_template`` refuses.

    One that a gift pack still gives stays in use: refuses ``in_use``. What was given of it is
    counted anew, and none is given meanwhile.
    """
    _hold_counted(template)
    rule_checks.check_template(template)
    template.budget_used_fen = budget_used(template)
    if not template.is_active:
        rule_checks.check_in_no_pack(template)
    return _store([template], relations, actor=actor, at=at)


def _hold_counted(template: CouponTemplate) -> None:
    """Nobody is given one until the end; how many were is read anew."""
    rows_held = CouponTemplate.objects.select_for_update(no_key=True).filter(pk=template.pk)
    found = rows_held.values_list("issued_count", "budget_used_fen").first()
    if found is not None:
        template.issued_count, template.budget_used_fen = found


def save_tiers(*, tiers: Sequence[Tier], actor: Staff | None, at: dt.datetime) -> RuleSet:
    """Store the whole ladder at once, so that it may be turned around within one change."""
    rule_checks.check_tiers(tiers)
    return _store(tiers, {}, actor=actor, at=at)


def save_policy(
    *,
    policy: Policy,
    actor: Staff | None,
    at: dt.datetime,
    streaks: Sequence[tuple[int, GiftPack, bool]] | None = None,
) -> RuleSet:
    """Store the policy sheet; ``streaks`` are all its gifts for days running (days, pack, whether
    it repeats), None leaves them. Refuses what ``rule_checks.check_policy`` and
    ``rule_checks.check_streaks`` refuse.
    """
    rule_checks.check_policy(policy)
    if streaks is not None:
        rule_checks.check_streaks([days for days, _pack, _repeats in streaks])

    def write() -> None:
        if streaks is not None:
            policy.streak_steps.all().delete()
            StreakStep.objects.bulk_create(
                StreakStep(policy=policy, days=days, pack=pack, repeats=repeats)
                for days, pack, repeats in streaks
            )

    parts = rows.Parts(read=lambda: parts_of(policy), write=write)
    return _store([policy], {}, actor=actor, at=at, parts=parts)


def save_plan(
    *, plan: TopUpPlan, actor: Staff | None, at: dt.datetime, **relations: Iterable[models.Model]
) -> RuleSet:
    """Store a top-up plan. Refuses what ``rule_checks.check_plan`` refuses."""
    rule_checks.check_plan(plan, limit_fen=rules.policy().top_up_max_balance_fen)
    return _store([plan], relations, actor=actor, at=at)


@transaction.atomic
def save_pack(
    *,
    pack: GiftPack,
    coupons: Sequence[tuple[CouponTemplate, int]],
    actor: Staff | None,
    at: dt.datetime,
) -> RuleSet:
    """Store a gift pack with all its coupons (template, how many).

    Refuses what ``rule_checks.check_pack`` refuses.
    """
    # As they are now, and until this is stored: nobody puts one out of use meanwhile.
    named = {template.pk for template, _count in coupons}
    held = CouponTemplate.objects.select_for_update(no_key=True).filter(pk__in=named)
    fresh = {row.pk: row for row in held.order_by("pk")}
    coupons = [(fresh[template.pk], count) for template, count in coupons if template.pk in fresh]
    rule_checks.check_pack(pack, coupons=coupons)

    def write() -> None:
        pack.items.all().delete()
        GiftPackCoupon.objects.bulk_create(
            GiftPackCoupon(pack=pack, template=template, count=count) for template, count in coupons
        )

    parts = rows.Parts(read=lambda: parts_of(pack), write=write)
    return _store([pack], {}, actor=actor, at=at, parts=parts)


def save_category(*, category: Category, actor: Staff | None, at: dt.datetime) -> RuleSet:
    """Store a category: what lies in it decides which articles a rule touches.

    Refuses what ``rule_checks.check_category`` refuses.
    """
    rule_checks.check_category(category)
    return _store([category], {}, actor=actor, at=at)


def save_product(*, product: Product, actor: Staff | None, at: dt.datetime) -> None:
    """Store an article. It is in no version of the rules: a sale keeps the price and the
    categories that it was rung up with. Refuses what ``rule_checks.check_product`` refuses.
    """
    rule_checks.check_product(product)
    rows.store(row=product, actor=actor, at=at)


@transaction.atomic
def retire(*, row: models.Model, actor: Staff | None, at: dt.datetime) -> bool:
    """Delete a rule that nothing uses (True); one in use is put out of force instead (False).

    Refuses ``in_use`` where it could still be given (a coupon in a gift pack) or where a thing
    has no such state (a gift pack, a category).
    """
    if isinstance(row, CouponTemplate):
        _hold_counted(row)
        rule_checks.check_in_no_pack(row)
    is_gone = rows.remove(row=row, actor=actor, at=at)
    rules.publish(actor=actor, at=at)
    return is_gone
