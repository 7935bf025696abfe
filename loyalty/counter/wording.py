"""Steps of a settlement, and why something was not used, in words a cashier can read out.

The calculator gives stable codes with numbers ("threshold_short", "rate_pm=900"); here they
become sentences in the reader's language. Used by the pages and by the JSON endpoints alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_noop, ngettext, pgettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from loyalty.money import format_yuan, format_zhe, yuan_text
from loyalty.settlement.coupons import ON_LIST
from loyalty.settlement.types import NotApplied

TITLES: dict[str, Promise] = {
    "price": lazy("Member discount"),
    "amount_off": lazy("Discount"),
    "coupon": lazy("Coupon"),
    "points": lazy("Points"),
    "stored_discount": lazy("Discount for stored value"),
    "stored_value": lazy("Stored value"),
    "rounding": lazy("Rounding"),
    "other": lazy("To pay"),
    "earn": lazy("Points earned"),
    "multiplier": lazy("More points"),
}
NOT_APPLIED_TITLES: dict[str, Promise] = {
    "points": lazy("Points"),
    "stored_value": lazy("Stored value"),
}
TENDERS: dict[str, Promise] = {
    "cash": lazy("Cash"),
    "wechat": lazy("WeChat Pay"),
    "alipay": lazy("Alipay"),
    "card": lazy("Bank card"),
    "stored": lazy("Stored value"),
    "unknown": lazy("Not known"),
}
ORDER_STATES: dict[str, Promise] = {
    "settled": lazy("Settled"),
    "part": lazy("Refunded in part"),
    "refunded": lazy("Refunded"),
    "voided": lazy("Undone"),
}
WEEKDAYS: tuple[Promise, ...] = (
    lazy("Mondays"),
    lazy("Tuesdays"),
    lazy("Wednesdays"),
    lazy("Thursdays"),
    lazy("Fridays"),
    lazy("Saturdays"),
    lazy("Sundays"),
)
# Reasons whose sentence needs no number.
PLAIN_REASONS: dict[str, Promise] = {
    "wrong_shop": lazy("not in this shop"),
    "wrong_channel": lazy("not at the counter"),
    "not_birthday": lazy("only on the birthday"),
    "not_birthday_month": lazy("only in the birthday month"),
    "not_holiday": lazy("only on holidays"),
    "switched_off": lazy("switched off for this sale"),
    "first_order_only": lazy("only for the first purchase"),
    "needs_articles": lazy("enter the articles to use it"),
    "not_in_scope": lazy("nothing in this sale fits"),
    "used_up": lazy("no uses left"),
    "beaten": lazy("another one saves more"),
    "coupon_better": lazy("the coupon saves more without it"),
    "saves_nothing": lazy("would save nothing here"),
    "too_many_rules": lazy("too many such offers at once"),
    "not_with_member_discount": lazy("not together with the member discount"),
    "only_stored_value": lazy("when paid by stored value"),
    "stored_value_empty": lazy("the balance is empty"),
    "not_asked": lazy("not chosen for this sale"),
}


def details_of(text: str) -> dict[str, str]:
    """The calculator's "rate_pm=900 cap_fen=7000" as a mapping; a bare word maps to ""."""
    return dict(part.partition("=")[::2] for part in text.split())


def rate_words(rate_pm: int) -> str:
    """What is paid of the price: 9折 for Chinese readers, 90% for others."""
    if (get_language() or "").startswith("zh"):
        return format_zhe(rate_pm)
    whole, rest = divmod(rate_pm, 10)
    return f"{whole}.{rest}%" if rest else f"{whole}%"


def times_words(multiplier_pm: int) -> str:
    """1500 → "1.5", 2000 → "2"."""
    whole, rest = divmod(multiplier_pm, 1000)
    decimals = f"{rest:03d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


# Kept with the refund as it stands here, and read in the reader's language.
UNDONE_AT_ONCE = gettext_noop("undone at once")


def why(reason: str) -> str:
    """A reason as somebody typed it, or our own."""
    return _("undone at once") if reason == UNDONE_AT_ONCE else reason


def points_words(points: int) -> str:
    return ngettext("%(count)s point", "%(count)s points", points) % {"count": f"{points:,}"}


def step_title(kind: str, name: str) -> str:
    return name or str(TITLES.get(kind, kind))


def step_text(kind: str, detail: str, *, points: int = 0) -> str:
    """What the step did, in a few words; "" where its title and amount say everything."""
    found = details_of(detail)
    teller = _STEPS.get(kind)
    return teller(found, points) if teller else ""


def _price(found: Mapping[str, str], points: int) -> str:
    if "member_price" in found:
        return _("member price")
    if "nth" in found:
        return _nth(found)
    if "rate_pm" in found:
        return _("pay %(rate)s") % {"rate": rate_words(int(found["rate_pm"]))}
    return ""


def _nth(found: Mapping[str, str]) -> str:
    n, rate_pm = int(found["nth"]), int(found["rate_pm"])
    if rate_pm == 0:
        return _("1 in %(n)s is free") % {"n": n}
    return _("1 in %(n)s at %(rate)s") % {"n": n, "rate": rate_words(rate_pm)}


def _off(found: Mapping[str, str], points: int) -> str:
    off = found.get("off_fen") or found.get("amount_fen")
    threshold = found.get("threshold_fen")
    if off is None:
        return ""
    if threshold is None or threshold == "0":
        return _("%(amount)s off") % {"amount": format_yuan(int(off))}
    words = _("%(amount)s off from %(threshold)s") % {
        "amount": format_yuan(int(off)),
        "threshold": format_yuan(int(threshold)),
    }
    return on_list_words(words) if ON_LIST in found else words


def on_list_words(words: str) -> str:
    """A rule whose threshold looks at list prices: "满¥100.00减¥20.00 · 按原价"."""
    return _("%(words)s · at list price") % {"words": words}


def _coupon(found: Mapping[str, str], points: int) -> str:
    if "exchange" in found:
        return _("one article free")
    if "uses" in found:
        uses = int(found["uses"])
        return ngettext("%(count)s use", "%(count)s uses", uses) % {"count": uses}
    if "multiplier_pm" in found:
        return _multiplier(found, points)
    if "off_fen" in found:
        return _off(found, points)
    words = _price(found, points)
    if "cap_fen" in found:
        most = format_yuan(int(found["cap_fen"]))
        return _("%(words)s, %(amount)s at most") % {"words": words, "amount": most}
    return words


def _points(found: Mapping[str, str], points: int) -> str:
    return points_words(points)


def _stored_discount(found: Mapping[str, str], points: int) -> str:
    return _("pay %(rate)s by stored value") % {"rate": rate_words(int(found["rate_pm"]))}


def _stored_value(found: Mapping[str, str], points: int) -> str:
    principal, bonus = int(found.get("principal_fen", 0)), int(found.get("bonus_fen", 0))
    if not bonus:
        return _("all of it principal")
    return _("principal %(principal)s, bonus %(bonus)s") % {
        "principal": format_yuan(principal),
        "bonus": format_yuan(bonus),
    }


def _rounding(found: Mapping[str, str], points: int) -> str:
    return _("down to the yuan") if "yuan" in found else _("down to the jiao")


def _earn(found: Mapping[str, str], points: int) -> str:
    if "basis_fen" not in found:
        return ""
    amount = {"amount": format_yuan(int(found["basis_fen"]))}
    if "claimed" in found:
        return _("for %(amount)s, claimed by the receipt") % amount
    return _("for %(amount)s") % amount


def _multiplier(found: Mapping[str, str], points: int) -> str:
    return _("points × %(times)s") % {"times": times_words(int(found["multiplier_pm"]))}


_STEPS: dict[str, Callable[[Mapping[str, str], int], str]] = {
    "price": _price,
    "amount_off": _off,
    "coupon": _coupon,
    "points": _points,
    "stored_discount": _stored_discount,
    "stored_value": _stored_value,
    "rounding": _rounding,
    "earn": _earn,
    "multiplier": _multiplier,
}


def not_applied_title(other: NotApplied) -> str:
    if other.name:
        return other.name
    kind = "stored_value" if other.reason.startswith("stored_value") else "points"
    return str(NOT_APPLIED_TITLES[kind])


def reason_text(other: NotApplied, *, threshold_fen: int = 0) -> str:
    """Why it was not used and what is missing. A code without a sentence shows as itself.

    ``threshold_fen`` is the rule's own, for "¥10.00 short of ¥100.00".
    """
    if other.reason == "threshold_short":
        return _threshold_short(other, threshold_fen)
    teller = REASONS.get(other.reason)
    if teller is not None:
        return teller(other)
    return str(PLAIN_REASONS.get(other.reason, other.reason))


def _threshold_short(other: NotApplied, threshold_fen: int) -> str:
    missing = format_yuan(other.missing_fen)
    if not threshold_fen:
        return _("%(missing)s short") % {"missing": missing}
    facts = {"missing": missing, "threshold": format_yuan(threshold_fen)}
    if ON_LIST in details_of(other.detail):
        return _("%(missing)s short of %(threshold)s at list price") % facts
    return _("%(missing)s short of %(threshold)s") % facts


def _too_few(other: NotApplied) -> str:
    missing = int(details_of(other.detail).get("missing_units", 1))
    return ngettext("%(count)s more unit needed", "%(count)s more units needed", missing) % {
        "count": missing
    }


def _points_minimum(other: NotApplied) -> str:
    return _("%(points)s short of the least that can be used") % {
        "points": points_words(other.missing_points)
    }


def _points_step(other: NotApplied) -> str:
    return _("%(points)s short of a whole step") % {"points": points_words(other.missing_points)}


def _points_cap(other: NotApplied) -> str:
    return _("too little is left to pay by points")


def _listed(words: list[str]) -> str:
    return pgettext("between the items of a list", ", ").join(words)


def _wrong_hour(other: NotApplied) -> str:
    return _("only from %(hours)s") % {"hours": other.detail.replace("-", "–")}


def _wrong_day(other: NotApplied) -> str:
    return _("only on day %(days)s of the month") % {"days": _listed(other.detail.split(","))}


def _wrong_weekday(other: NotApplied) -> str:
    days = [str(WEEKDAYS[int(day) - 1]) for day in other.detail.split(",") if day]
    return _("only on %(days)s") % {"days": _listed(days)}


def _not_yet(other: NotApplied) -> str:
    return _("from %(day)s") % {"day": _day(other.detail)}


def _over(other: NotApplied) -> str:
    return _("ended on %(day)s") % {"day": _day(other.detail)}


def _quota_used_up(other: NotApplied) -> str:
    count = int(other.detail or 1)
    return ngettext("used already", "all %(count)s uses taken", count) % {"count": count}


def _day(text: str) -> str:
    try:
        return formats.date_format(dt.date.fromisoformat(text), "SHORT_DATE_FORMAT")
    except ValueError:
        return text


REASONS: dict[str, Callable[[NotApplied], str]] = {
    "too_few_units": _too_few,
    "points_minimum": _points_minimum,
    "points_step": _points_step,
    "points_cap": _points_cap,
    "wrong_hour": _wrong_hour,
    "wrong_day": _wrong_day,
    "wrong_weekday": _wrong_weekday,
    "not_yet": _not_yet,
    "over": _over,
    "quota_used_up": _quota_used_up,
}


def tender_words(kind: str) -> str:
    return str(TENDERS.get(kind, kind))


def state_words(status: str) -> str:
    return str(ORDER_STATES.get(status, status))


def spoken(fen: int) -> str:
    """What a voice says of an amount: 收款70元; it reads the digits in the listener's language."""
    amount = yuan_text(fen).rstrip("0").rstrip(".") if fen % 100 else yuan_text(fen // 100 * 100)
    return _("%(amount)s yuan received") % {"amount": amount.removesuffix(".00")}
