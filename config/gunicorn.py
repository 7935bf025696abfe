"""Gunicorn's hooks; its options are arguments of `manage.py up`."""

import gc
from typing import Any

from prometheus_client import multiprocess

# New objects between two looks for cycles. Python's 700 means several looks in every request,
# which find next to nothing and took an eighth of a sale's time.
COLLECT_EVERY = 50_000


def post_worker_init(_worker: Any) -> None:
    """What loading has made stays for good: it is looked through once, and then no more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)


def child_exit(_server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
