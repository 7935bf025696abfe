"""Rules in words: what a column says, and what a whole rule does."""

from __future__ import annotations

from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from loyalty.counter.wording import rate_words, times_words
from loyalty.money import format_yuan


def value_words(model: Any, key: str, value: Any) -> str:
    """A column's value as the form shows it: yuan, 折, words for choices, "–" for nothing."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if key.endswith("_fen"):
        return format_yuan(value)
    if key == "rate_pm":
        return rate_words(value)
    if key == "multiplier_pm":
        return f"×{times_words(value)}"
    if key == "points_cap_pm":
        return f"{value // 10}%"
    if key == "earn_per_yuan_pm":
        return times_words(value)
    field = {field.name: field for field in model._meta.fields}.get(key)
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if key == "prices":
        return "、".join(f"#{product} {format_yuan(fen)}" for product, fen in value)
    if key == "coupons":
        return "、".join(f"#{template} × {count}" for template, count in value)
    if isinstance(value, list):
        return "、".join(str(part) for part in value)
    return number_format(value) if isinstance(value, int) else str(value)
