"""The programs behind the pages, in plain words: which are at work, and what to do if not."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from config import health

NAMES: dict[str, Promise] = {
    "database": lazy("Database"),
    "cache": lazy("Memory (Valkey)"),
    "worker": lazy("Worker: does the tasks"),
    "beat": lazy("Clock: asks for them in time"),
}


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    is_well: bool


def look() -> list[Program]:
    """All of them; asks each, and waits a fraction of a second at most."""
    found = health.parts()
    return [Program(str(name), found[part] == "ok") for part, name in NAMES.items()]
