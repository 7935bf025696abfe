"""What a quote and a member look like from the counter: plain data for JSON and pages alike.

Of a member only what a bystander may see: masked name, phone and card number.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from loyalty.counter import wording
from loyalty.models import OrderStep
from loyalty.selectors import inputs
from loyalty.selectors.inputs import Standing
from loyalty.services import rules, tiers
from loyalty.services.working import Worked
from loyalty.settlement.rulebook import RuleBook
from loyalty.settlement.types import NotApplied, Step
from members.errors import Refusal
from members.models import Card, Member


def member_view(standing: Standing, book: RuleBook | None) -> dict[str, Any]:
    """The member as the cashier sees them. Money in fen; ``next_tier`` what is missing to it."""
    person = Member(name=standing.name, phone=standing.phone)
    tier = book.tier_by_id.get(standing.tier_id) if book and standing.tier_id else None
    return {
        "id": standing.id,
        "name": person.masked_name,
        "phone": person.masked_phone,
        "is_phone_confirmed": standing.is_phone_proved,
        "card": str(Card(number=standing.card_number)) if standing.card_number else "",
        "status": standing.status,
        "tier": tier.name if tier else "",
        "points": standing.spendable_points,
        "points_debt": standing.points_debt,
        "value_fen": standing.value_fen,
        "principal_fen": sum(lot.principal_fen for lot in standing.value_lots),
        "bonus_fen": sum(lot.bonus_fen for lot in standing.value_lots),
        "coupons": len(standing.coupons),
        "orders_count": standing.orders_count,
        "next_tier": _next_tier(standing, book),
    }


def _next_tier(standing: Standing, book: RuleBook | None) -> dict[str, Any] | None:
    tier = tiers.next_tier(standing, book) if book is not None else None
    if book is None or tier is None:
        return None
    progress_fen = tiers.progress_fen(standing, book)
    return {
        "name": tier.name,
        "threshold_fen": tier.threshold_fen,
        "progress_fen": progress_fen,
        "missing_fen": max(tier.threshold_fen - progress_fen, 0),
    }


def standing_of(member_id: int, *, at: dt.datetime) -> tuple[Standing | None, RuleBook | None]:
    """A member's standing and the rules in force; two statements, one once the rules are read."""
    standing = inputs.load(member_id=member_id, at=at)
    if standing is None or standing.ruleset_id is None or standing.content_hash is None:
        return standing, None
    return standing, rules.rulebook(standing.ruleset_id, standing.content_hash)


def step_view(step: Step | OrderStep) -> dict[str, Any]:
    """A step, just worked out or stored: stable kind and numbers, and the words for a screen."""
    kind = str(step.kind)
    return {
        "kind": kind,
        "name": wording.step_title(kind, step.name),
        "amount_fen": step.amount_fen,
        "points": step.points,
        "benefit": step.benefit_id,
        "coupon": step.coupon_id,
        "text": wording.step_text(kind, step.detail, points=step.points),
    }


def _threshold(worked: Worked, other: NotApplied) -> int:
    if other.reason != "threshold_short":
        return 0
    if other.benefit_id is not None:
        for benefit, _reach in worked.book.benefits:
            if benefit.id == other.benefit_id:
                return benefit.threshold_fen
    for coupon in worked.inputs.coupons:
        if coupon.id == other.coupon_id and coupon.template_id in worked.book.templates:
            return worked.book.templates[coupon.template_id][0].threshold_fen
    return 0


def not_applied_view(worked: Worked, other: NotApplied) -> dict[str, Any]:
    return {
        "reason": other.reason,
        "name": wording.not_applied_title(other),
        "missing_fen": other.missing_fen,
        "missing_points": other.missing_points,
        "benefit": other.benefit_id,
        "coupon": other.coupon_id,
        "text": wording.reason_text(other, threshold_fen=_threshold(worked, other)),
    }


def quote_view(worked: Worked) -> dict[str, Any]:
    """The worked-out sale. Money in fen; ``to_pay_fen`` is what is left to pay outside."""
    result = worked.settlement
    lines = [
        {
            "index": index,
            "product": line.product_id,
            "name": name,
            "quantity": line.quantity,
            "unit_price_fen": line.unit_price_fen,
            "list_fen": share.list_fen,
            "base_fen": share.base_fen,
        }
        for index, (line, name, share) in enumerate(
            zip(worked.inputs.lines, worked.names, result.lines, strict=True)
        )
    ]
    return {
        "hash": worked.hash,
        "gross_fen": result.gross_fen,
        "base_fen": result.base_fen,
        "points_used": result.points_used,
        "points_fen": result.points_fen,
        "stored_cover_fen": result.stored_cover_fen,
        "stored_paid_fen": result.stored_paid_fen,
        "principal_fen": result.principal_fen,
        "bonus_fen": result.bonus_fen,
        "rounding_fen": result.rounding_fen,
        "to_pay_fen": result.other_fen,
        "points_earned": result.points_earned,
        "steps": [step_view(step) for step in result.steps],
        "not_applied": [not_applied_view(worked, other) for other in result.not_applied],
        "lines": lines,
        "member": member_view(worked.standing, worked.book) if worked.standing else None,
    }


# Orange: look and do something. Violet: one thing is missing. Everything else is refused, red.
ORANGE = frozenset(
    {
        *("code_expired", "code_used", "code_mistyped", "codes_away", "card_mistyped"),
        *("spending_away", "pins_away"),
        *("coupon_mistyped", "quote_changed", "sale_changed", "busy", "nothing_found"),
        *("member_unknown", "article_unknown", "payment_code", "code_foreign"),
        *("already_checked_in", "entry_too_long", "loan_over", "already_asked"),
    }
)
VIOLET = frozenset(
    {
        *("member_needed", "cart_empty", "price_missing", "reason_needed", "phone_needed"),
        *("pin_needed", "pin_not_set", "confirmation_needed", "approval_needed"),
    }
)


def tone_of(code: str) -> str:
    """The colour and the sound of a refusal: warn, ask or bad."""
    if code in ORANGE or code.endswith("_unreadable"):
        return "warn"
    return "ask" if code in VIOLET else "bad"


def error_view(refusal: Refusal, *, at: str = "form") -> dict[str, Any]:
    """A refusal for a page: its words, and beside what they stand (``at``, ``line``)."""
    _name, _dash, line = refusal.field.partition("quantity-")
    return {
        "code": refusal.code,
        "message": refusal.message,
        "tone": tone_of(refusal.code),
        "field": refusal.field,
        "at": at,
        "line": int(line) if line.isdigit() else None,
    }


def offers_view(quote: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(what can be switched on and off, what cannot be used and why)."""
    switches: list[dict[str, Any]] = []
    for step in quote["steps"]:
        switch = _switch(step)
        if switch is not None:
            switches.append(
                {
                    "on": True,
                    "name": step["name"],
                    "text": step["text"],
                    "switch": f"{switch[0]}-off:{switch[1]}",
                }
            )
    rest = []
    for other in quote["not_applied"]:
        switch = _switch(other)
        if other["reason"] == "switched_off" and switch is not None:
            on = {"on": False, "switch": f"{switch[0]}-on:{switch[1]}"}
            switches.append({**on, "name": other["name"], "text": other["text"]})
        else:
            rest.append(other)
    return switches, rest


def _switch(view: dict[str, Any]) -> tuple[str, int] | None:
    for kind in ("benefit", "coupon"):
        if view[kind] is not None:
            return kind, view[kind]
    return None
