"""Benefits that meet on a purchase where only the better one counts. Rules are plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PRICE = "price"  # each unit takes its cheapest
STORED = "stored_value"
AMOUNT = "amount_off"
POINTS = "multiplier"
_GROUPS = {
    "percent": PRICE,
    "member_price": PRICE,
    "nth_unit": PRICE,
    "amount_off": AMOUNT,
    "multiplier": POINTS,
}
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rival:
    """Another benefit, how the two are weighed, and which wins wherever they meet (its name);
    none where it depends on what is bought."""

    name: str
    group: str
    winner: str | None


def rivals(rule: Rule, others: Iterable[Rule]) -> list[Rival]:
    """Those of ``others`` that can be due on the same units, for one member, at one time."""
    group = _group(rule)
    return [
        Rival(other["name"], str(group), _winner(rule, other))
        for other in others
        if group is not None
        and other["id"] != rule["id"]
        and _group(other) == group
        and _may_meet(rule, other)
    ]


def _group(rule: Rule) -> str | None:
    """Where only the best counts; None for what adds up, or takes nothing off."""
    if rule["stacks"]:
        return None
    if rule["only_stored_value"]:
        return STORED
    return _GROUPS.get(rule["kind"])


def _may_meet(one: Rule, other: Rule) -> bool:
    return (
        _share(one["tiers"], other["tiers"])
        and _share(one["shops"], other["shops"])
        and _days_meet(one, other)
        and _scopes_meet(one, other)
    )


def _share(some: Iterable[int], others: Iterable[int]) -> bool:
    """Whether two lists have something in common; an empty one means everything."""
    left, right = set(some), set(others)
    return not left or not right or bool(left & right)


def _days_meet(one: Rule, other: Rule) -> bool:
    if one["when"] != other["when"]:
        return True
    if one["when"] in ("weekdays", "monthdays"):
        return bool(set(one["days"]) & set(other["days"]))
    if one["when"] == "dates":
        first = max(one["date_from"] or "", other["date_from"] or "")
        return first <= min(one["date_to"] or "9", other["date_to"] or "9")
    return True


def _scopes_meet(one: Rule, other: Rule) -> bool:
    """A category and an article in it may meet; two lists of the same kind must share something."""
    mine, theirs = _articles(one), _articles(other)
    if mine is not None and theirs is not None:
        return bool(mine & theirs)
    if one["scope"] == other["scope"] == "categories":
        return bool(set(one["ids"]) & set(other["ids"]))
    return True


def _articles(rule: Rule) -> set[int] | None:
    """The articles it is about; None for all, or for categories."""
    if rule["kind"] == "member_price":
        return {product for product, _fen in rule["prices"]}
    return set(rule["ids"]) if rule["scope"] == "products" else None


def _winner(one: Rule, other: Rule) -> str | None:
    """The one that is never worse: the lower rate, the larger multiplier, more off from less."""
    kinds = {one["kind"], other["kind"]}
    if kinds == {"percent"}:
        best = min(one, other, key=lambda rule: (rule["rate_pm"], rule["rank"]))
    elif kinds == {"multiplier"}:
        best = max(one, other, key=lambda rule: rule["multiplier_pm"])
    elif kinds == {"amount_off"}:
        best = max(one, other, key=lambda rule: (rule["amount_fen"], -rule["threshold_fen"]))
        if best["threshold_fen"] > min(one["threshold_fen"], other["threshold_fen"]):
            return None
    else:
        return None
    return str(best["name"])
