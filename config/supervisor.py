"""Starts parts in order, brings back what dies, stops them in the opposite order."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from config.embedded.process import CannotStart, end, last_line, spawn

LOOK_EVERY = 0.2  # seconds
FIRST_PAUSE = 0.5  # seconds before the first restart; doubles up to LONGEST_PAUSE
LONGEST_PAUSE = 30.0
STEADY = 60.0  # a part that ran this long gets the first pause again


class Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def is_alive(self) -> bool: ...


class Program:
    """One of our own processes: web server, worker or beat."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        cwd: Path,
        stopping: Sequence[tuple[int, float]],
    ) -> None:
        self.command = [sys.executable, "-m", *command]
        self.env = env
        self.log = log
        self.cwd = cwd
        self.stopping = stopping
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = spawn(self.command, env=self.env, log=self.log, cwd=str(self.cwd))

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, self.stopping)
            self.process = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class _Watched:
    name: str
    part: Part
    started_at: float = 0.0  # seconds, monotonic
    restart_at: float | None = None
    pause: float = FIRST_PAUSE


class Supervisor:
    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.enough = threading.Event()
        self._watched: list[_Watched] = []

    def start(self, name: str, part: Part) -> None:
        """Start a part that must come up now (CannotStart otherwise), and watch it from now on."""
        # Watched before it is started: an interrupted start is stopped like all others.
        watched = _Watched(name, part, started_at=time.monotonic())
        self._watched.append(watched)
        part.start()

    def look(self) -> None:
        """Bring back what died, each after its pause."""
        for watched in self._watched:
            now = time.monotonic()
            if watched.restart_at is None:
                if not watched.part.is_alive():
                    self._plan(watched, now)
            elif now >= watched.restart_at:
                self._bring_back(watched)

    def watch(self, seconds: float | None = None) -> None:
        """Look after the parts until `enough` is set, or for that long."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.enough.wait(LOOK_EVERY):
            self.look()
            if deadline is not None and time.monotonic() >= deadline:
                return

    def stop(self) -> None:
        for watched in reversed(self._watched):
            watched.part.stop()
        self._watched.clear()

    def _plan(self, watched: _Watched, now: float) -> None:
        if now - watched.started_at >= STEADY:
            watched.pause = FIRST_PAUSE
        log = getattr(watched.part, "log", None)
        reason = last_line(log)[:300] if isinstance(log, Path) else ""
        self.say(
            f"{watched.name} stopped and is started again in {watched.pause:g} s."
            + (f" Its last words: {reason} (all in {log})" if reason else "")
        )
        watched.restart_at = now + watched.pause
        watched.pause = min(watched.pause * 2, LONGEST_PAUSE)

    def _bring_back(self, watched: _Watched) -> None:
        watched.restart_at = None
        watched.started_at = time.monotonic()
        try:
            watched.part.start()
        except CannotStart as error:
            self.say(str(error))
