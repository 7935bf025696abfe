"""Times in templates, as short as they stay clear."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils import formats
from django.utils.dateformat import time_format

from members import clock

register = template.Library()


@register.filter
def moment(at: dt.datetime, today: dt.date) -> str:
    """The shop's wall clock: "14:02" today, "5月20日 14:02" this year, else with the year."""
    local = at.astimezone(clock.shop_zone())
    hour = time_format(local.time(), "H:i")
    return hour if local.date() == today else f"{short_day(local.date(), today)} {hour}"


@register.filter
def short_day(day: dt.date, today: dt.date) -> str:
    """ "5月20日" this year, else with the year."""
    shape = "MONTH_DAY_FORMAT" if day.year == today.year else "DATE_FORMAT"
    return formats.date_format(day, shape)
