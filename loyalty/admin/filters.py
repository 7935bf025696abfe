"""Filters of the lists that need more than the columns say."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.utils import parse_date_str

from members import clock


class DaysFilter(RangeDateFilter):
    """From day to day in the shop's zone, the last day whole, of a column that holds a time."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = days_of(self.used_parameters, str(self.parameter_name))
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": clock.start_of_day(first)})
        if last is not None:
            end = clock.start_of_day(last + dt.timedelta(days=1))
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": end})
        return queryset


def days_of(given: Any, column: str) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day that a list's address asks for; None where it names no day."""
    found = [_day(given.get(f"{column}_{end}")) for end in ("from", "to")]
    return found[0], found[1]


def _day(value: Any) -> dt.date | None:
    day = parse_date_str(value) if isinstance(value, str) else None
    # A day to come after the last there is has no next one.
    return day if day is not None and dt.date(1900, 1, 1) <= day <= dt.date(9000, 1, 1) else None
