"""What was asked of a second person, in a sentence of the timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from loyalty.counter.wording import points_words
from loyalty.money import format_yuan

Facts = Mapping[str, Any]


def asked_words(facts: Facts) -> str:
    """The correction, refund or undo that was asked for."""
    amount = int(facts.get("amount", 0))
    if facts.get("what") != "adjust":
        values = {"order": f"#{facts.get('order')}", "amount": format_yuan(amount)}
        if facts.get("what") == "void":
            return _("Undo purchase %(order)s, %(amount)s") % values
        return _("Refund of purchase %(order)s, %(amount)s") % values
    sign = "+" if amount > 0 else "−"
    if facts.get("account") == "points":
        return _("Correct points: %(change)s") % {"change": sign + points_words(abs(amount))}
    change = sign + format_yuan(abs(amount))
    if facts.get("account") == "bonus":
        return _("Correct bonus: %(change)s") % {"change": change}
    return _("Correct principal: %(change)s") % {"change": change}


def _of(sentence: Callable[[], str]) -> Callable[[Facts, Any], str]:
    return lambda facts, _names: sentence() % {"what": asked_words(facts)}


TELLERS: dict[str, tuple[Callable[[Facts, Any], str], str]] = {
    "approval_asked": (
        _of(lambda: _("Waits for a second person: %(what)s")),
        "approval_delegation",
    ),
    "approval_declined": (_of(lambda: _("Declined: %(what)s")), "block"),
    "approval_withdrawn": (_of(lambda: _("Request withdrawn: %(what)s")), "undo"),
}


def by_whom(person: str, approver: str) -> str:
    """Who did it and who approved it."""
    return _("%(name)s, approved by %(approver)s") % {"name": person, "approver": approver}
