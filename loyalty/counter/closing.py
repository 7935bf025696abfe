"""The end of the day: totals by tender, of the shop or of one cashier."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from loyalty.counter import wording
from loyalty.counter.access import Till, counter_page
from loyalty.selectors import day_end
from members import clock


@require_safe
@counter_page
def day(request: HttpRequest, till: Till) -> HttpResponse:
    """``?day=2026-05-20`` and ``?staff=`` choose; anything unreadable is today, everybody."""
    today = clock.local_date(clock.now())
    try:
        chosen = min(dt.date.fromisoformat(request.GET.get("day", "")), today)
    except ValueError:
        chosen = today
    people = day_end.who_worked(till.shop, chosen)
    asked = request.GET.get("staff", "")
    staff_id = next((pk for pk, _name in people if str(pk) == asked), None)
    totals = day_end.day_end(till.shop, chosen, staff_id=staff_id)
    context = {
        "till": till,
        "here": "day",
        "day": chosen,
        "before": chosen - dt.timedelta(days=1),
        "after": chosen + dt.timedelta(days=1) if chosen < today else None,
        "people": people,
        "staff_id": staff_id,
        "totals": totals,
        "rows": [(wording.tender_words(row.tender), row) for row in totals.rows],
    }
    return render(request, "counter/day.html", context)
