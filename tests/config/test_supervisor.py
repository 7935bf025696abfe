"""Order, restarts and pauses; with real processes where it is about processes."""

import os
import signal
import sys
from pathlib import Path

import pytest

from config import supervisor as module
from config.embedded import CannotStart
from config.embedded.process import wait_until
from config.supervisor import Program, Supervisor


class Fake:
    def __init__(self, name: str, story: list[str], *, comes_up: bool = True) -> None:
        self.name = name
        self.story = story
        self.comes_up = comes_up
        self.alive = False

    def start(self) -> None:
        self.story.append(f"start {self.name}")
        if not self.comes_up:
            raise CannotStart(f"{self.name} does not start")
        self.alive = True

    def stop(self) -> None:
        self.story.append(f"stop {self.name}")
        self.alive = False

    def is_alive(self) -> bool:
        return self.alive


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("config.supervisor.time.monotonic", lambda: now[0])
    return now


def test_parts_start_in_order_and_stop_in_the_opposite_one() -> None:
    story: list[str] = []
    supervisor = Supervisor(story.append)
    for name in ("database", "web", "worker"):
        supervisor.start(name, Fake(name, story))
    supervisor.stop()
    assert story == [
        "start database",
        "start web",
        "start worker",
        "stop worker",
        "stop web",
        "stop database",
    ]


def test_a_part_that_does_not_start_at_first_is_told_and_stopped() -> None:
    story: list[str] = []
    supervisor = Supervisor(story.append)
    with pytest.raises(CannotStart, match="web does not start"):
        supervisor.start("web", Fake("web", story, comes_up=False))
    supervisor.stop()
    assert story == ["start web", "stop web"]


def test_the_pause_doubles_while_a_part_keeps_dying(seconds: list[float]) -> None:
    said: list[str] = []
    story: list[str] = []
    supervisor = Supervisor(said.append)
    web = Fake("web", story)
    supervisor.start("Web server", web)
    pauses = []
    for _time in range(8):
        web.alive = False
        supervisor.look()
        before = seconds[0]
        while not web.alive:
            seconds[0] += 0.25
            supervisor.look()
        pauses.append(seconds[0] - before)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert said[0] == "Web server stopped and is started again in 0.5 s."
    seconds[0] += module.STEADY
    web.alive = False
    supervisor.look()
    assert said[-1] == "Web server stopped and is started again in 0.5 s."


def test_a_failed_restart_is_said_and_tried_again(seconds: list[float]) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    part = Fake("database", [])
    supervisor.start("PostgreSQL", part)
    part.alive, part.comes_up = False, False
    supervisor.look()
    seconds[0] += 0.5
    supervisor.look()
    assert said[-1] == "database does not start"
    part.comes_up = True
    supervisor.look()
    seconds[0] += 1
    supervisor.look()
    assert part.alive


def test_a_killed_process_comes_back_and_its_last_words_are_told(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import time\nprint('I was here', flush=True)\ntime.sleep(60)\n"
    )
    said: list[str] = []
    supervisor = Supervisor(said.append)
    program = Program(
        ["sleeper"],
        env=dict(os.environ),
        log=tmp_path / "log",
        cwd=tmp_path,
        stopping=[(signal.SIGTERM, 5)],
    )
    assert program.command == [sys.executable, "-m", "sleeper"]
    supervisor.start("Sleeper", program)
    try:
        assert program.process is not None
        first = program.process.pid
        assert wait_until(lambda: (tmp_path / "log").read_text() == "I was here\n", 10)
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: not program.is_alive(), 5)
        supervisor.watch(0.9)
        assert program.is_alive()
        assert program.process.pid != first
        assert said == [
            "Sleeper stopped and is started again in 0.5 s. "
            f"Its last words: I was here (all in {tmp_path / 'log'})"
        ]
    finally:
        supervisor.stop()
    assert not program.is_alive()
