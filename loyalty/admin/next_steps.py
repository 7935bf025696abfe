"""What to do next for a member, in a sentence or two: the nearest thing first."""

from __future__ import annotations

import datetime as dt

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.card import bills, presenters
from loyalty.counter.wording import points_words
from loyalty.money import format_yuan
from loyalty.selectors.inputs import Standing
from loyalty.settlement.rulebook import RuleBook, next_birthday
from members import clock

SHOWN = 2
SOON = dt.timedelta(days=30)  # points that expire
BIRTHDAY_AHEAD = 7  # days
VERY_SOON = dt.timedelta(days=7)  # a coupon that expires
ENOUGH = 3  # purchases from which on an interval means something
NEAR_PM = 300  # of the way to the next tier that is missing at most, per mille


def of_member(standing: Standing, book: RuleBook, *, at: dt.datetime) -> list[str]:
    """At most two sentences, for an active member; nothing to say is an empty list."""
    if standing.status == "frozen":
        return [_("The card is frozen: find out why, and unfreeze it if all is well.")]
    if standing.status != "active":
        return []
    found = [
        _missing(standing, at),
        _birthday(standing, at),
        _coupon(standing, at),
        _points(standing, at),
        _upgrade(standing, book, at),
        _near_tier(standing, book),
        _first(standing),
    ]
    return [sentence for sentence in found if sentence][:SHOWN]


def _missing(standing: Standing, at: dt.datetime) -> str:
    """Away for more than twice as long as usual."""
    first, last = standing.first_order_at, standing.last_order_at
    if first is None or last is None or standing.orders_count < ENOUGH:
        return ""
    usual = max((last - first) // (standing.orders_count - 1), dt.timedelta(days=1))
    away = at - last
    if away <= 2 * usual:
        return ""
    return _("Comes every %(usual)s days, and was last here %(days)s days ago: give a coupon.") % {
        "usual": max(usual.days, 1),
        "days": away.days,
    }


def _birthday(standing: Standing, at: dt.datetime) -> str:
    """In the week before, up to the day; a birthday that is over says nothing."""
    if not (standing.birth_month and standing.birth_day):
        return ""
    today = clock.local_date(at)
    day = next_birthday(today, (standing.birth_month, standing.birth_day))
    left = (day - today).days
    if left > BIRTHDAY_AHEAD:
        return ""
    if left == 0:
        return _("Birthday today: congratulate them.")
    return ngettext(
        "Birthday in %(days)s day: congratulate them.",
        "Birthday in %(days)s days: congratulate them.",
        left,
    ) % {"days": left}


def _day(day: dt.date) -> str:
    return date_format(day, "MONTH_DAY_FORMAT")


def _coupon(standing: Standing, at: dt.datetime) -> str:
    ends = [dt.datetime.fromtimestamp(one.expires_at, tz=dt.UTC) for one in standing.coupons]
    soon = [end for end in ends if at < end <= at + VERY_SOON]
    if not soon:
        return ""
    day = clock.local_date(min(soon) - dt.timedelta(seconds=1))
    return _("A coupon ends on %(day)s: remind them.") % {"day": _day(day)}


def _points(standing: Standing, at: dt.datetime) -> str:
    for left, day in bills.points_lots(standing)[:1]:
        if day <= clock.local_date(at + SOON):
            return _("%(points)s expire on %(day)s: show what they are good for.") % {
                "points": points_words(left),
                "day": _day(day),
            }
    return ""


def _upgrade(standing: Standing, book: RuleBook, at: dt.datetime) -> str:
    """The points for a higher tier are there: the highest of those."""
    offer = presenters.upgrade(standing, book, at=at)
    if offer is None:
        return ""
    return _("Has the points for %(tier)s, %(points)s: tell them at the next visit.") % {
        "tier": offer.tier.name,
        "points": points_words(offer.points),
    }


def _near_tier(standing: Standing, book: RuleBook) -> str:
    progress = presenters.progress(standing, book)
    if progress is None or not progress["missing_fen"]:
        return ""
    whole = progress["missing_fen"] + max(standing.trailing_basis_fen, standing.basis_fen)
    if progress["missing_fen"] * 1000 > whole * NEAR_PM:
        return ""
    return _("%(amount)s more and the card is %(tier)s: say so at the next purchase.") % {
        "amount": format_yuan(progress["missing_fen"]),
        "tier": progress["name"],
    }


def _first(standing: Standing) -> str:
    if standing.orders_count:
        return ""
    return _("Has never bought with the card: a coupon for the first purchase brings them back.")
