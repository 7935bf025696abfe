"""What happened to a lent thing, in a sentence of the timeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Facts = Mapping[str, Any]


def _thing(facts: Facts, names: Any) -> str:
    """What it was, as it was typed; else the benefit's name."""
    return str(names.things.get(facts.get("loan", 0)) or facts.get("name", ""))


def redeemed(facts: Facts, names: Any) -> str:
    """A special benefit was used, or something lent by it."""
    if "due" not in facts:
        return _("Used “%(name)s”") % {"name": facts.get("name", "")}
    due = dt.date.fromisoformat(facts["due"])
    return _("Lent “%(thing)s”, due back %(day)s") % {
        "thing": _thing(facts, names),
        "day": date_format(due, "SHORT_DATE_FORMAT"),
    }


def _returned(facts: Facts, names: Any) -> str:
    words = _("Brought back “%(thing)s”") % {"thing": _thing(facts, names)}
    late = int(facts.get("days_late", 0))
    if not late:
        return words
    return ngettext("%(words)s, %(days)s day late", "%(words)s, %(days)s days late", late) % {
        "words": words,
        "days": late,
    }


def _of_thing(sentence: Callable[[], str]) -> Callable[[Facts, Any], str]:
    return lambda facts, names: sentence() % {"thing": _thing(facts, names)}


TELLERS: dict[str, tuple[Callable[[Facts, Any], str], str]] = {
    "benefit_redeemed": (redeemed, "redeem"),
    "loan_returned": (_returned, "assignment_return"),
    "loan_reopened": (_of_thing(lambda: _("“%(thing)s” was not brought back after all")), "undo"),
    "loan_undone": (_of_thing(lambda: _("“%(thing)s” was not lent after all")), "undo"),
    "loan_written_off": (_of_thing(lambda: _("“%(thing)s” written off")), "block"),
}
