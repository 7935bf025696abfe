"""Changing a rule: checked, stored, published and written down, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from django.db import models, transaction

from loyalty.models import Benefit, CouponTemplate, Policy, RuleSet, Tier, TopUpPlan
from loyalty.services import rule_checks, rules
from members.models import Staff

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


def save_benefit(
    *, benefit: Benefit, actor: Staff | None, at: dt.datetime, **relations: Iterable[models.Model]
) -> RuleSet:
    """Store one benefit with its ``tiers=``, ``tags=``, ``shops=``, ``categories=``, ``products=``.

    Refuses what ``rule_checks.check_benefit`` refuses.
    """
    rule_checks.check_benefit(benefit)
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
