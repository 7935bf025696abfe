"""Seal the ledger in runs of entries: a hash of each run, chained to the one before.

A hash in each entry would make every sale wait for the one before; runs are sealed at night. Ids
are taken before their transaction ends, so a run is sealed only through the last entry that was
noted the night before: what was under way then has long ended.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from django.db import connection
from django.db.models import Max

from loyalty.models import Entry, LedgerSeal, NightlyRun
from loyalty.selectors.reconciliation.seals import content_of

RUN = 10_000  # ids a seal covers at most: a text of about 1 MB


def seal(*, through: int, at: dt.datetime) -> int:
    """Seal what is not sealed yet of the entries with ids through ``through``; return how many
    seals were made. Two at once make the same ones."""
    last = LedgerSeal.objects.order_by("-first_id").first()
    first_id = last.last_id + 1 if last else 1
    chain = last.chain if last else ""
    made = 0
    while first_id <= through:
        last_id = min(first_id + RUN - 1, through)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {content_of('%s', '%s')}", [first_id, last_id] * 2)
            entries, content = cursor.fetchone()
        chain = hashlib.sha256((chain + content).encode()).hexdigest()
        LedgerSeal.objects.bulk_create(
            [
                LedgerSeal(
                    first_id=first_id,
                    last_id=last_id,
                    entries=entries,
                    content=content,
                    chain=chain,
                    at=at,
                )
            ],
            ignore_conflicts=True,
        )
        made += 1
        first_id = last_id + 1
    return made


def nightly(*, at: dt.datetime) -> dict[str, Any]:
    """Seal through what the last night noted, and note where the ledger stands now.

    The result: ``noted`` for the night to come, ``seals`` made, and the newest ``seal`` (hex).
    """
    before = (
        NightlyRun.objects.filter(job=NightlyRun.Job.RECONCILE, finished_at__isnull=False)
        .order_by("-local_date")
        .first()
    )
    noted = (before.result or {}).get("ledger", {}).get("noted", 0) if before else 0
    made = seal(through=noted, at=at)
    newest = LedgerSeal.objects.order_by("-first_id").first()
    return {
        "noted": Entry.objects.aggregate(last=Max("pk"))["last"] or 0,
        "seals": made,
        "through": newest.last_id if newest else 0,
        "seal": newest.chain if newest else "",
    }
