"""Snapshots of the rules. Every order names the one it was settled by."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import lru_cache
from typing import Any

from django.db import transaction

from loyalty.models import (
    Benefit,
    Category,
    CouponTemplate,
    GiftPack,
    Policy,
    RuleSet,
    Tier,
)
from loyalty.settlement.rulebook import RuleBook
from members.models import Staff
from members.services import events

POLICY_FIELDS = (
    "earn_per_yuan_pm",
    "step_points",
    "step_value_fen",
    "points_cap_pm",
    "points_minimum",
    "points_months",
    "points_grace_days",
    "coupon_grace_days",
    "earn_on_bonus",
    "earn_on_points",
    "rounding",
    "progress",
    "clawback",
    "checkin_points",
    "welcome_pack_id",
)
TIER_FIELDS = (
    "id",
    "name",
    "rank",
    "threshold_fen",
    "dual_threshold_fen",
    "dual_checkins",
    "price_points",
    "keep_months",
    "grace_days",
)
RULE_FIELDS = (
    "id",
    "name",
    "kind",
    "scope",
    "rate_pm",
    "nth_n",
    "amount_fen",
    "threshold_fen",
    "multiplier_pm",
    "first_order_only",
    "channels",
)
BENEFIT_FIELDS = (
    *RULE_FIELDS,
    "rank",
    "text",
    "stacks",
    "only_stored_value",
    "when",
    "days",
    "quota",
    "quota_period",
    "return_days",
    "stops_when_overdue",
)
TEMPLATE_FIELDS = (
    *RULE_FIELDS,
    "label",
    "hint",
    "cap_fen",
    "threshold_on_list",
    "uses",
    "stackable",
    "not_with_member_discount",
    "valid_days",
)


def policy() -> Policy:
    """The shop's one sheet of settings, made with its defaults when first asked for."""
    return Policy.objects.get_or_create(pk=1)[0]


def _iso(value: dt.date | dt.time | None) -> str | None:
    return value.isoformat() if value is not None else None


def _pick(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _ids(rows: Any) -> list[int]:
    return sorted(row.pk for row in rows.all())


def _scoped(row: Benefit | CouponTemplate) -> dict[str, Any]:
    touched = {"categories": row.categories, "products": row.products}.get(row.scope)
    return {
        "ids": _ids(touched) if touched is not None else [],
        "shops": _ids(row.shops),
        "time_from": _iso(row.time_from),
        "time_to": _iso(row.time_to),
    }


def _benefit(row: Benefit) -> dict[str, Any]:
    return {
        **_pick(row, BENEFIT_FIELDS),
        **_scoped(row),
        "tiers": _ids(row.tiers),
        "tags": _ids(row.tags),
        "date_from": _iso(row.date_from),
        "date_to": _iso(row.date_to),
        "prices": sorted([p.product_id, p.price_fen] for p in row.member_prices.all()),
    }


def _template(row: CouponTemplate) -> dict[str, Any]:
    return {
        **_pick(row, TEMPLATE_FIELDS),
        **_scoped(row),
        "valid_from": _iso(row.valid_from),
        "valid_to": _iso(row.valid_to),
    }


def _pack(row: GiftPack) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "points": row.points,
        "bonus_fen": row.bonus_fen,
        "tier": row.tier_id,
        "tier_days": row.tier_days,
        "coupons": sorted([item.template_id, item.count] for item in row.items.all()),
    }


def streaks(sheet: Policy) -> list[list[Any]]:
    """The gifts for days running, as (days, gift pack, whether it repeats), fewest days first."""
    return [list(row) for row in sheet.streak_steps.values_list("days", "pack_id", "repeats")]


def snapshot() -> dict[str, Any]:
    """All rules in force, as plain data.

    A template that is no longer handed out stays in it while a usable coupon of it is held.
    """
    scoped = ("categories", "products", "shops")
    sheet = policy()
    benefits = Benefit.objects.filter(is_active=True).prefetch_related(
        *scoped, "tiers", "tags", "member_prices"
    )
    held = CouponTemplate.objects.filter(coupon__status="active").values("pk")
    templates = (
        CouponTemplate.objects.filter(is_active=True) | CouponTemplate.objects.filter(pk__in=held)
    ).prefetch_related(*scoped)
    return {
        "policy": {**_pick(sheet, POLICY_FIELDS), "streaks": streaks(sheet)},
        "tiers": [
            {
                **_pick(row, TIER_FIELDS),
                "upgrade_pack": row.upgrade_pack_id,
                "birthday_pack": row.birthday_pack_id,
            }
            for row in Tier.objects.filter(is_active=True).order_by("rank")
        ],
        "benefits": [_benefit(row) for row in benefits.order_by("rank", "pk")],
        "templates": [_template(row) for row in templates.order_by("pk")],
        "packs": [_pack(row) for row in GiftPack.objects.prefetch_related("items").order_by("pk")],
        "categories": {
            str(pk): parent for pk, parent in Category.objects.values_list("pk", "parent_id")
        },
    }


@transaction.atomic
def publish(*, actor: Staff | None, at: dt.datetime) -> RuleSet:
    """Take a snapshot of the rules as they are and let it take effect at once.

    Called after any change of rules, in its transaction. The same content is stored once.
    """
    sheet = Policy.objects.select_for_update().get(pk=policy().pk)
    content = snapshot()
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    content_hash = hashlib.sha256(text.encode()).hexdigest()
    ruleset, _created = RuleSet.objects.get_or_create(
        content_hash=content_hash, defaults={"snapshot": content, "created_at": at}
    )
    if sheet.ruleset_id != ruleset.pk:
        before = sheet.ruleset_id
        Policy.objects.filter(pk=1).update(ruleset=ruleset)
        events.record(
            kind="rules_published",
            at=at,
            staff_id=actor.pk if actor else None,
            data={"ruleset": ruleset.pk, "before": before},
        )
    return ruleset


@lru_cache(maxsize=16)
def _rulebook(ruleset_id: int, content_hash: str) -> RuleBook:
    return RuleBook(RuleSet.objects.get(pk=ruleset_id, content_hash=content_hash).snapshot)


def rulebook(ruleset_id: int, content_hash: str) -> RuleBook:
    """A snapshot ready for use. Rule sets never change, so a process reads each once.

    The hash is part of the cache's key: another database may use the same number.
    """
    return _rulebook(ruleset_id, content_hash)
