"""Each nightly job once a local day of the shop, however often it is asked for.

The row (job, local date) is unique. A job that was killed is taken up again once its lease has
passed; the jobs themselves may run twice and then find nothing more to do.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from loyalty.models import NightlyRun
from members import clock

STARTS = dt.time(3, 0)  # the shop's wall clock: closed, and later than any change of the hour
LEASE = dt.timedelta(minutes=15)  # longer than a task may take

CLAIM = """
INSERT INTO loyalty_nightlyrun AS r (job, local_date, started_at) VALUES (%s, %s, %s)
ON CONFLICT (job, local_date) DO UPDATE SET started_at = EXCLUDED.started_at
    WHERE r.finished_at IS NULL AND r.started_at <= %s
RETURNING id
"""


def claim(*, job: str, at: dt.datetime) -> int | None:
    """The id of today's run if it is ours to do now, else None: too early, at work, or done."""
    if at.astimezone(clock.shop_zone()).time() < STARTS:
        return None
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [job, clock.local_date(at), at, at - LEASE])
        row = cursor.fetchone()
        return int(row[0]) if row else None


def finish(*, run_id: int, result: dict[str, Any], at: dt.datetime) -> None:
    """Note that the day's job is done, with its summary. The first to finish counts."""
    NightlyRun.objects.filter(pk=run_id, finished_at__isnull=True).update(
        finished_at=at, result=result
    )
