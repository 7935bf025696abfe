"""Every event that the services record has its sentence in the timeline."""

from __future__ import annotations

import ast
from pathlib import Path

from loyalty.admin.events_words import TELLERS

BASE = Path(__file__).resolve().parents[2]


def kinds_recorded() -> set[str]:
    """Kinds written out where an event is recorded."""
    found: set[str] = set()
    for file in (f for app in ("members", "loyalty") for f in (BASE / app).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in ("record", "record_many", "_record"):
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "kind"]
            for value in given or node.args[:1]:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found.add(value.value)
    return found


def test_every_event_is_told() -> None:
    kinds = kinds_recorded()
    assert {"settled", "frozen", "points_expired", "demo_filled"} <= kinds
    assert kinds - set(TELLERS) == set()
