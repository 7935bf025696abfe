"""A web worker collects garbage seldom, and leaves alone what loading made."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
from config import gunicorn
assert gc.get_freeze_count() == 0
gunicorn.post_worker_init(None)
assert gc.get_freeze_count() > 1000
assert gc.get_threshold() == (50_000, 10, 10)
assert gc.isenabled()
made = []
made.append(made)
del made
assert gc.collect() == 1
"""


def test_a_worker_begins_with_what_was_loaded_set_aside() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
