"""Inbox messages in the reader's words: a title and what it came to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.counter.gift_words import gift_words
from loyalty.counter.wording import points_words
from loyalty.money import format_yuan
from members.models import InboxMessage

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A message as it is shown. ``is_spend``: the card was used, so freezing is one tap away."""

    row: InboxMessage
    title: str
    parts: list[str]
    order_id: int | None = None
    is_spend: bool = False


def tell(row: InboxMessage) -> Told:
    """A kind nobody knows any more is shown by its name, never an error."""
    facts: Facts = row.data
    teller = _TELLERS.get(row.kind)
    title, parts = teller(facts) if teller else (row.kind, [])
    if facts.get("shop"):
        parts = [*parts, facts["shop"]]
    return Told(
        row,
        title,
        [part for part in parts if part],
        order_id=facts.get("order"),
        is_spend=row.kind in ("settled", "benefit_redeemed", "tier_bought"),
    )


def _settled(facts: Facts) -> tuple[str, list[str]]:
    parts = []
    if facts["stored_fen"]:
        parts.append(
            _("%(amount)s from the balance") % {"amount": format_yuan(facts["stored_fen"])}
        )
    if facts["points_used"]:
        parts.append(_("%(points)s used") % {"points": points_words(facts["points_used"])})
    if facts["other_fen"]:
        parts.append(_("%(amount)s paid") % {"amount": format_yuan(facts["other_fen"])})
    if facts["points_earned"]:
        parts.append("+" + points_words(facts["points_earned"]))
    return _("Purchase of %(amount)s") % {"amount": format_yuan(facts["gross_fen"])}, parts


def _undone(facts: Facts) -> tuple[str, list[str]]:
    parts = []
    if facts["other_fen"]:
        parts.append(_("%(amount)s back") % {"amount": format_yuan(facts["other_fen"])})
    if facts["stored_fen"]:
        parts.append(
            _("%(amount)s back in the balance") % {"amount": format_yuan(facts["stored_fen"])}
        )
    if facts["points_returned"]:
        parts.append("+" + points_words(facts["points_returned"]))
    if facts["points_taken"]:
        parts.append("−" + points_words(facts["points_taken"]))
    return _("Given back"), parts


def _topped_up(facts: Facts) -> tuple[str, list[str]]:
    parts = []
    if facts["bonus_fen"]:
        parts.append(_("%(amount)s on top") % {"amount": format_yuan(facts["bonus_fen"])})
    return _("Topped up %(amount)s") % {"amount": format_yuan(facts["paid_fen"])}, parts


def _tier_changed(facts: Facts) -> tuple[str, list[str]]:
    if not facts["is_up"]:
        return _("Your card is %(tier)s now") % {"tier": facts["tier"]}, []
    parts = []
    if facts["points"]:
        parts.append("+" + points_words(facts["points"]))
    if facts["bonus_fen"]:
        parts.append(_("%(amount)s on top") % {"amount": format_yuan(facts["bonus_fen"])})
    if facts["coupons"]:
        parts.append(
            ngettext("%(count)s coupon", "%(count)s coupons", facts["coupons"])
            % {"count": facts["coupons"]}
        )
    return _("Welcome to %(tier)s") % {"tier": facts["tier"]}, parts


def _tier_bought(facts: Facts) -> tuple[str, list[str]]:
    return _("Upgrade to %(tier)s") % {"tier": facts["tier"]}, ["−" + points_words(facts["points"])]


def _tier_purchase_undone(facts: Facts) -> tuple[str, list[str]]:
    title = _("Upgrade to %(tier)s undone") % {"tier": facts["tier"]}
    return title, ["+" + points_words(facts["points"])]


def _birthday_gift(facts: Facts) -> tuple[str, list[str]]:
    return _("Happy birthday! A gift for you alone"), [gift_words(**facts)]


def _adjusted(facts: Facts) -> tuple[str, list[str]]:
    delta = facts["delta"]
    told = points_words if facts["account"] == "points" else format_yuan
    change = ("+" if delta > 0 else "−") + told(abs(delta))
    return _("Correction of %(change)s") % {"change": change}, [facts["reason"]]


def _redeemed(facts: Facts) -> tuple[str, list[str]]:
    parts = []
    if facts.get("due"):
        due = dt.date.fromisoformat(facts["due"])
        parts.append(_("due back %(day)s") % {"day": date_format(due, "SHORT_DATE_FORMAT")})
    return _("Used: %(name)s") % {"name": facts["name"]}, parts


_TELLERS: dict[str, Callable[[Facts], tuple[str, list[str]]]] = {
    "settled": _settled,
    "voided": _undone,
    "refunded": _undone,
    "topped_up": _topped_up,
    "tier_changed": _tier_changed,
    "tier_bought": _tier_bought,
    "tier_purchase_undone": _tier_purchase_undone,
    "birthday_gift": _birthday_gift,
    "balance_adjusted": _adjusted,
    "benefit_redeemed": _redeemed,
}
