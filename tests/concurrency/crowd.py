"""Many at once: real threads, each with a connection of its own, let go at the same moment."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from django.db import connection

from loyalty import locks
from members.errors import Refusal

Answer = dict[str, Any]
Work = Callable[[], Any]


@dataclass
class Outcome:
    """What a crowd came to. ``problems`` is what must stay empty."""

    answers: list[Answer] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.problems.append(f"{what}: {found!r} instead of {wanted!r}")


def together(works: Sequence[Work]) -> Outcome:
    """Run all of them at the same moment. Anything raised but a Refusal is a problem."""
    outcome = Outcome()
    start = threading.Barrier(len(works))
    threads = [threading.Thread(target=_run, args=(work, start, outcome)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def _run(work: Work, start: threading.Barrier, outcome: Outcome) -> None:
    try:
        connection.ensure_connection()
        start.wait(60)
        answer = work()
        if isinstance(answer, dict):
            outcome.answers.append(answer)
    except Refusal as refusal:
        outcome.refused[refusal.code] += 1
    except Exception as error:
        outcome.problems.append(_told(error))
    finally:
        connection.close()


def _told(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line} ({last.name})"


@contextmanager
def without_locks() -> Iterator[None]:
    """The product itself, its locks taken out: what it would be without them."""
    with (
        patch.object(locks, "FOR_UPDATE", ""),
        patch.object(locks, "claim_key", lambda **_: None),
    ):
        yield


def is_found_out(scenario: Callable[[], Outcome], *, rounds: int = 5) -> list[str]:
    """The problems that show when a scenario runs without locks; a race may need some rounds."""
    for _round in range(rounds):
        with without_locks():
            outcome = scenario()
        if outcome.problems:
            return outcome.problems
    return []
