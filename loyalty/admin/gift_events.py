"""What was given by itself, in a sentence of the timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Facts = Mapping[str, Any]


def _checked_in(facts: Facts, names: Any) -> str:
    days = int(facts.get("streak", 1))
    words = ngettext(
        "Checked in, %(days)s day running", "Checked in, %(days)s days running", days
    ) % {"days": days}
    gifts = "、".join(f"“{gift['name']}”" for gift in facts.get("gifts", ()))
    return _("%(words)s: gift %(gifts)s") % {"words": words, "gifts": gifts} if gifts else words


def _birthday_gift(facts: Facts, names: Any) -> str:
    words = _("Birthday gift “%(name)s”") % {"name": facts.get("name", "")}
    if any(facts.get(part) for part in ("points", "bonus_fen", "coupons", "tier")):
        return words
    return _("%(words)s: nothing of it was left") % {"words": words}


TELLERS: dict[str, tuple[Callable[[Facts, Any], str], str]] = {
    "checked_in": (_checked_in, "event_available"),
    "birthday_gift": (_birthday_gift, "cake"),
}
