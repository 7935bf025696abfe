"""What a gift pack gives, in one line: beside the form, at the till, on the card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from loyalty.counter.wording import points_words
from loyalty.models import Coupon, Tier
from loyalty.money import format_yuan
from loyalty.settlement.rulebook import RuleBook


def gift_words(
    *,
    points: int,
    bonus_fen: int,
    coupons: Iterable[tuple[str, int]],
    tier: str = "",
    tier_days: int = 0,
) -> str:
    """``coupons`` are names with how many; nothing at all gives an empty text."""
    words = []
    if points:
        words.append(points_words(points))
    if bonus_fen:
        words.append(_("%(amount)s bonus") % {"amount": format_yuan(bonus_fen)})
    words += [f"{name} × {count}" if count > 1 else name for name, count in coupons]
    if tier and tier_days:
        words.append(_("%(tier)s for %(days)s days") % {"tier": tier, "days": tier_days})
    return " + ".join(words)


def promised(packs: Iterable[int], book: RuleBook) -> str:
    """What these packs of the rules in force give."""
    return " + ".join(_of_pack(book.packs[pack], book) for pack in packs)


def _of_pack(pack: Mapping[str, Any], book: RuleBook) -> str:
    tier = book.tier_by_id.get(pack["tier"])
    named = [(book.template_rows.get(pk), count) for pk, count in pack["coupons"]]
    return gift_words(
        points=pack["points"],
        bonus_fen=pack["bonus_fen"],
        coupons=[(row["name"], count) for row, count in named if row is not None],
        tier=tier.name if tier else "",
        tier_days=pack["tier_days"] or 0,
    )


def given(gifts: Iterable[Mapping[str, Any]]) -> str:
    """What really came of the gifts of a check-in; a coupon out of stock is not in it."""
    return " + ".join(words for gift in gifts if (words := _of_gift(gift)))


def _of_gift(gift: Mapping[str, Any]) -> str:
    rows = Coupon.objects.filter(pk__in=gift["coupons"]).order_by("pk")
    names = Counter(rows.values_list("template__name", flat=True))
    tier = Tier.objects.filter(pk=gift["tier"]).first() if gift["tier"] else None
    return gift_words(
        points=gift["points"],
        bonus_fen=gift["bonus_fen"],
        coupons=names.items(),
        tier=tier.name if tier else "",
        tier_days=gift["tier_days"] or 0,
    )
