"""The house rules that a machine can check: sizes, and one place that reads the clock."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
APPS = ("config", "members", "loyalty", "campaigns", "analytics")
LONGEST_MODULE = 400
LONGEST_FUNCTION = 70
CLOCK = "members/clock.py"
# Seconds on the wall, for signs of life and log lines: never a fact about money or members.
READERS = {
    "now": {"timezone", "datetime", "dt"},
    "utcnow": {"datetime"},
    "today": {"date", "datetime"},
    "localdate": {"timezone"},
    "localtime": {"timezone"},
}
IN_SQL = {"Now", "TransactionNow", "CurrentTimestamp"}


def modules() -> Iterator[Path]:
    for app in APPS:
        for path in sorted((BASE / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def name_of(path: Path) -> str:
    return path.relative_to(BASE).as_posix()


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        name_of(path): count
        for path in modules()
        if (count := len(path.read_text("utf-8").splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_no_function_is_longer_than_70_lines() -> None:
    long = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or node.lineno) - node.lineno + 1
                if count > LONGEST_FUNCTION:
                    long[f"{name_of(path)}:{node.name}"] = count
    assert long == {}


def clock_readings(source: str) -> list[int]:
    """Lines that read the clock, or let the database read it."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and "functions" in (node.module or ""):
            lines += [node.lineno for alias in node.names if alias.name in IN_SQL]
        if isinstance(node, ast.keyword) and node.arg in ("auto_now", "auto_now_add"):
            lines.append(node.value.lineno)
        # Called or handed on (default=timezone.now): both read the clock.
        if isinstance(node, ast.Attribute) and node.attr in READERS:
            owner = node.value
            name = getattr(owner, "id", None) or getattr(owner, "attr", None)
            if name in READERS[node.attr]:
                lines.append(node.lineno)
    return sorted(lines)


def test_only_the_clock_reads_the_clock() -> None:
    found = {
        name_of(path): lines
        for path in modules()
        if name_of(path) != CLOCK and (lines := clock_readings(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "from django.utils import timezone\ntimezone.now()",
        "import datetime\ndatetime.datetime.now()",
        "import datetime as dt\ndt.date.today()",
        "f = DateTimeField(default=timezone.now)",
        "f = DateTimeField(auto_now_add=True)",
        "from django.db.models.functions import Now",
    ],
)
def test_the_rule_sees_each_way_to_read_it(source: str) -> None:
    assert len(clock_readings(source)) == 1


def test_the_clock_of_members_is_allowed_at_the_edges() -> None:
    assert clock_readings("from members import clock\nclock.now()") == []
