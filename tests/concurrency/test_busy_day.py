"""Money is never made or lost: 16 threads × 500 mixed operations, a tenth with repeated keys."""

from __future__ import annotations

import itertools

import pytest

from tests.concurrency.crowd import Outcome, is_found_out
from tests.concurrency.floor import READERS, busy_day
from tests.conftest import LiveDatabase

THREADS, OPERATIONS = 16, 500


@pytest.mark.long
def test_nothing_is_made_or_lost(live_db: LiveDatabase) -> None:
    floor, outcome = busy_day(threads=THREADS, operations=OPERATIONS)
    assert outcome.problems == []
    # It was what it says it is: most was done, some was refused, some was sent twice.
    answers = [answer for _request, answer in floor.answers]
    assert len(answers) + floor.refused.total() == THREADS * OPERATIONS
    assert len(answers) > THREADS * OPERATIONS * 0.7
    assert sum(answer["replayed"] for answer in answers) > THREADS * OPERATIONS * 0.05
    assert len(floor.reads) >= READERS


def test_without_locks_it_is_found_out(live_db: LiveDatabase) -> None:
    rounds = itertools.count()

    def scenario() -> Outcome:
        return busy_day(threads=THREADS, operations=6, round_number=next(rounds))[1]

    assert is_found_out(scenario)
