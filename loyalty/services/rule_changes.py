"""Changing a rule: checked, stored, published and written down, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from django.db import models, transaction
from django.utils.translation import gettext as _

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
    Tier,
    TopUpPlan,
)
from loyalty.services import rule_checks, rules
from members.errors import Refusal
from members.models import Staff
from members.selectors.uses import uses_of

Relations = Mapping[str, Iterable[models.Model]]


@transaction.atomic
def _store(
    rows: Sequence[models.Model], relations: Relations, *, actor: Staff | None, at: dt.datetime
) -> RuleSet:
    for row in rows:
        row.save()
        for name, related in relations.items():
            getattr(row, name).set(related)
    return rules.publish(actor=actor, at=at)


@transaction.atomic
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
    if prices is not None:
        benefit.save()
        benefit.member_prices.all().delete()
        MemberPrice.objects.bulk_create(
            MemberPrice(benefit=benefit, product=product, price_fen=fen) for product, fen in prices
        )
    return _store([benefit], relations, actor=actor, at=at)


def save_template(
    *,
    template: CouponTemplate,
    actor: Staff | None,
    at: dt.datetime,
    **relations: Iterable[models.Model],
) -> RuleSet:
    """Store one coupon template. Refuses what ``rule_checks.check_template`` refuses."""
    rule_checks.check_template(template)
    return _store([template], relations, actor=actor, at=at)


def save_tiers(*, tiers: Sequence[Tier], actor: Staff | None, at: dt.datetime) -> RuleSet:
    """Store the whole ladder at once, so that it may be turned around within one change."""
    rule_checks.check_tiers(tiers)
    return _store(tiers, {}, actor=actor, at=at)


def save_policy(*, policy: Policy, actor: Staff | None, at: dt.datetime) -> RuleSet:
    """Store the policy sheet. Refuses what ``rule_checks.check_policy`` refuses."""
    rule_checks.check_policy(policy)
    return _store([policy], {}, actor=actor, at=at)


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
    rule_checks.check_pack(pack, coupons=coupons)
    pack.save()
    pack.items.all().delete()
    GiftPackCoupon.objects.bulk_create(
        GiftPackCoupon(pack=pack, template=template, count=count) for template, count in coupons
    )
    return rules.publish(actor=actor, at=at)


def save_category(*, category: Category, actor: Staff | None, at: dt.datetime) -> RuleSet:
    """Store a category: what lies in it decides which articles a rule touches.

    Refuses what ``rule_checks.check_category`` refuses.
    """
    rule_checks.check_category(category)
    return _store([category], {}, actor=actor, at=at)


@transaction.atomic
def retire(*, row: models.Model, actor: Staff | None, at: dt.datetime) -> bool:
    """Delete a rule that nothing uses (True); one in use is put out of force instead (False).

    Refuses ``in_use`` where it could still be given (a coupon in a gift pack) or where a thing
    has no such state (a gift pack, a category).
    """
    used_by = uses_of(row)
    if isinstance(row, CouponTemplate):
        packs = GiftPack.objects.filter(items__template=row).values_list("name", flat=True)
        if packs:
            raise Refusal(
                "in_use",
                _("Take this coupon out of these gift packs first: %(packs)s.")
                % {"packs": "、".join(packs)},
                status=409,
            )
    if not used_by:
        row.delete()
    elif hasattr(row, "is_active"):
        row.is_active = False
        row.save(update_fields=["is_active"])
    else:
        raise Refusal(
            "in_use",
            _("This is in use and cannot be deleted: %(uses)s. Change these first.")
            % {"uses": "、".join(f"{name} {count}" for name, count in used_by)},
            status=409,
        )
    rules.publish(actor=actor, at=at)
    return not used_by
