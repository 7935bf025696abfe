"""Amounts in templates: fen in, text for people out."""

from __future__ import annotations

from django import template

from loyalty.counter import wording
from loyalty.money import format_yuan, yuan_text

register = template.Library()


@register.filter
def yuan(fen: int) -> str:
    """123450 → ¥1,234.50"""
    return format_yuan(int(fen))


@register.filter
def off(fen: int) -> str:
    """What is taken off, with a true minus: 1000 → −¥10.00"""
    return f"−{format_yuan(int(fen))}" if fen else format_yuan(0)


@register.filter
def why(reason: str) -> str:
    """The reason of a refund in the reader's language, where it is ours."""
    return wording.why(reason)


@register.filter
def whole(number: int) -> str:
    """1280 → 1,280"""
    return f"{int(number):,}"


@register.filter
def brief_yuan(fen: int) -> str:
    """In a sentence: 124600 → ¥1,246, 1250 → ¥12.50"""
    return format_yuan(int(fen)).removesuffix(".00")


@register.filter
def short_yuan(fen: int) -> str:
    """For a figure on a coupon: 2000 → 20, 1250 → 12.50"""
    return yuan_text(int(fen)).removesuffix(".00")


@register.filter
def signed(number: int) -> str:
    """1280 → +1,280, −5 with a true minus"""
    return f"{'+' if number > 0 else '−'}{abs(int(number)):,}"


@register.filter
def signed_yuan(fen: int) -> str:
    """1000 → +¥10.00, −1000 → −¥10.00"""
    return f"{'+' if fen > 0 else '−'}{format_yuan(abs(int(fen)))}"
