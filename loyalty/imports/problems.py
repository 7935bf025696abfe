"""Rows that could not be taken over: counted, explained, and written to a file to work through."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.functional import Promise

from members.errors import Refusal

# Office programs take a cell that starts with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
HEADER = ("File", "Row", "Code", "Problem", "Content")


@dataclass(frozen=True, slots=True)
class Problem:
    """One row left out. ``row`` counts as an editor does: the header is row 1."""

    file: str
    row: int
    code: str
    message: str
    content: str


@dataclass(slots=True)
class Problems:
    """All rows left out by one import."""

    found: list[Problem] = field(default_factory=list)

    def add(self, *, file: str, row: int, error: Refusal, content: str = "") -> None:
        self.note(file=file, row=row, code=error.code, message=error.message, content=content)

    def note(
        self, *, file: str, row: int, code: str, message: str | Promise, content: str = ""
    ) -> None:
        self.found.append(Problem(file, row, code, str(message), content))

    def write(self, *, folder: Path) -> Path:
        """Write them beside ``folder``, or to the machine's temporary folder; returns the path."""
        name = f"{folder.name}-left-out.csv"
        try:
            return self._write_to(folder.parent / name)
        except OSError:
            return self._write_to(Path(tempfile.gettempdir()) / name)

    def _write_to(self, path: Path) -> Path:
        with path.open("w", encoding="utf-8-sig", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(HEADER)
            for one in self.found:
                cells = (one.file, str(one.row), one.code, one.message, one.content)
                writer.writerow([defused(cell) for cell in cells])
        return path


def defused(cell: str) -> str:
    """The cell as text that no office program runs: an apostrophe before a formula's first sign."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
