"""The one place that reads the clock.

Services take ``at``; edges (views, tasks, commands) call ``now()`` once and pass it on, so that
a simulated month in a test is real. Where a lock decides, ``now()`` is read after it is held.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return timezone.now()


def shop_zone() -> ZoneInfo:
    """The merchant's time zone; every local date is counted in it."""
    return ZoneInfo(settings.TIME_ZONE)


def local_date(at: dt.datetime) -> dt.date:
    """The calendar day of ``at`` in the merchant's zone."""
    return at.astimezone(shop_zone()).date()


def start_of_day(day: dt.date) -> dt.datetime:
    """The first moment of ``day`` in the merchant's zone (aware)."""
    return dt.datetime.combine(day, dt.time.min, tzinfo=shop_zone())


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day ``months`` on, clamped to the month's end (31 Jan + 1 → 28/29 Feb)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    first_of_next = dt.date(year + (month == 12), month % 12 + 1, 1)
    last = (first_of_next - dt.timedelta(days=1)).day
    return dt.date(year, month, min(day.day, last))


def end_of_validity(at: dt.datetime, *, months: int) -> dt.datetime:
    """The first moment at which something valid for ``months`` is no longer usable.

    "N months" is usable through the same day N months on (SETTLEMENT.md).
    """
    last_day = add_months(local_date(at), months)
    return start_of_day(last_day + dt.timedelta(days=1))
