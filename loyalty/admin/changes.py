"""What is different between two states of a rule, in words: column, before, after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from loyalty.admin.rule_words import value_words
from loyalty.models import Category, CouponTemplate, GiftPack, Product, Tier
from loyalty.money import format_yuan
from members.models import CardFace, Shop, Tag

OTHER_NAMES: dict[str, Promise] = {
    "ids": lazy("articles or categories"),
    "prices": lazy("member prices"),
    "coupons": lazy("coupons"),
    "streaks": lazy("gifts for days running"),
    "upgrade_pack": lazy("upgrade gift"),
    "birthday_pack": lazy("birthday gift"),
    "welcome_pack_id": lazy("welcome gift"),
    "tier": lazy("tier"),
    "rank": lazy("Sequence"),
    "rate_pm": lazy("discount"),
    "multiplier_pm": lazy("points times"),
    "earn_per_yuan_pm": lazy("points for each ¥1 paid"),
    "points_cap_pm": lazy("points pay at most, in percent of a purchase"),
}
# Columns that hold ids, and of what.
IDS: dict[str, Any] = {
    "tiers": Tier,
    "tier": Tier,
    "tags": Tag,
    "shops": Shop,
    "categories": Category,
    "category": Category,
    "parent": Category,
    "products": Product,
    "upgrade_pack": GiftPack,
    "birthday_pack": GiftPack,
    "welcome_pack": GiftPack,
    "welcome_pack_id": GiftPack,
    "pack": GiftPack,
    "face": CardFace,
}
LISTS = frozenset({"days", "channels"})  # kept as text in an event
PICTURES = frozenset({"logo", "background"})
# Ours, not the shop's.
UNTOLD = frozenset({"id", "pinyin", "issued_count", "budget_used_fen", "is_placeholder"})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different: which rule, which of its columns, before and after."""

    rule: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what}: {self.before} → {self.after}"


class Names:
    """What ids are called, read once for a page and only where a page needs them."""

    def __init__(self) -> None:
        self._known: dict[Any, dict[int, str]] = {}

    def of(self, model: Any, pk: int) -> str:
        if model not in self._known:
            self._known[model] = {row.pk: str(row) for row in model._default_manager.all()}
        return self._known[model].get(pk, f"#{pk}")


def model_of(kind: str) -> Any:
    """The model of a kind of rule or setting."""
    for app in ("loyalty", "members"):
        try:
            return apps.get_model(app, kind)
        except LookupError:
            continue
    return None


def columns(
    rule: str, model: Any, before: Mapping[str, Any], after: Mapping[str, Any], names: Names
) -> list[Change]:
    """The columns that ``after`` names and that said something else before."""
    return [
        Change(
            rule,
            column_name(model, key),
            words_of(model, key, before.get(key), names, scope=before.get("scope")),
            _("another picture")
            if key in PICTURES and model is CardFace and before.get(key) and after[key]
            else words_of(model, key, after[key], names, scope=after.get("scope")),
        )
        for key in after
        if before.get(key) != after[key] and key not in UNTOLD
    ]


def column_name(model: Any, key: str) -> str:
    if key in OTHER_NAMES:
        return str(OTHER_NAMES[key])
    found = (*model._meta.fields, *model._meta.many_to_many)
    return {field.name: str(field.verbose_name) for field in found}.get(key, key)


def words_of(model: Any, key: str, value: Any, names: Names, *, scope: Any = None) -> str:
    """A value as a reader knows it: names instead of ids."""
    if value in (None, "", []):
        return "–"
    if key in LISTS and isinstance(value, str):
        value = json.loads(value)
    if key in PICTURES and model is CardFace:
        return _("a picture")
    if key == "prices":
        return "、".join(f"{names.of(Product, one)} {format_yuan(fen)}" for one, fen in value)
    if key == "coupons":
        return "、".join(f"{names.of(CouponTemplate, one)} × {count}" for one, count in value)
    if key == "streaks":
        return "、".join(_streak_words(step, names) for step in value)
    known = (
        {"products": Product, "categories": Category}.get(scope) if key == "ids" else IDS.get(key)
    )
    if known is not None:
        ids = value if isinstance(value, list) else [value]
        return "、".join(names.of(known, one) for one in ids)
    return value_words(model, key, value)


def _streak_words(step: Sequence[int], names: Names) -> str:
    days, pack, repeats = step
    facts = {"days": days, "gift": names.of(GiftPack, pack)}
    if repeats:
        return _("each %(days)s days %(gift)s") % facts
    return _("after %(days)s days %(gift)s") % facts
