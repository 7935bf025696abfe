"""The table that `make bench` prints."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Report:
    """Rows of what was measured; those with a bar decide about the exit code."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    below: int = 0

    def tell(self, what: str, value: str) -> None:
        """A figure without a bar."""
        self.rows.append((what, value, "", ""))

    def judge(self, what: str, value: str, bar: str, *, is_met: bool) -> None:
        """A figure and the bar it has to reach."""
        self.rows.append((what, value, bar, "OK" if is_met else "BELOW"))
        self.below += not is_met

    def text(self) -> str:
        widths = [max(len(row[column]) for row in self.rows) for column in range(4)]
        what, value, bar, _verdict = widths
        return "\n".join(
            f"{row[0]:<{what}}  {row[1]:>{value}}  {row[2]:<{bar}}  {row[3]}".rstrip()
            for row in self.rows
        )
