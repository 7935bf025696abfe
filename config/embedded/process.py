"""What both servers share: whom they run as, how they are started and how they end."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
POLL = 0.05  # seconds between two looks at a child


class CannotStart(Exception):
    """Something stands in the way; the text is one sentence for the person at the keyboard."""


def unprivileged() -> pwd.struct_passwd | None:
    """The account a root process hands its servers to; None where we are a plain user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres "
        "nor a user nobody. Run Huitou as a plain user."
    )


def _die_with_parent(number: int) -> Callable[[], None] | None:
    """On Linux a child follows its parent even when the parent is killed outright."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)

    return ask


def spawn(
    command: Sequence[str],
    *,
    account: pwd.struct_passwd | None = None,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    cwd: str = "/",
    farewell: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child in its own process group, so that a Ctrl-C reaches the supervisor alone."""
    output = log.open("ab") if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            list(command),
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_die_with_parent(farewell),
        )
    finally:
        if not isinstance(output, int):
            output.close()


def end(process: subprocess.Popen[bytes], steps: Sequence[tuple[int, float]]) -> None:
    """Send each signal in turn and give it that many seconds, until the process is gone."""
    for number, seconds in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait()


def pid_is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_until(ready: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again; False when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        if ready():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)


def last_line(log: Path) -> str:
    """The end of a log, for a sentence that says why; empty if there is none."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read; whole or not at all."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    unfinished.replace(file)
