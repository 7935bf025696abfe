"""Gunicorn's hooks; its options are arguments of `manage.py up`."""

import gc
from typing import Any

from prometheus_client import multiprocess


def post_worker_init(_worker: Any) -> None:
    """What loading has made stays for good: it is looked through once, and then no more."""
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
