"""What a check is, and how its statement is put together.

A check is one statement, so it sees one moment even while the tills go on. Each row it returns
is a difference: member id, subject id, what differs, what is stored, what it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Check:
    """``name`` is stable; ``label`` says in words what was found; ``subject`` is what the
    subject ids of its rows number."""

    name: str
    label: Promise
    subject: str
    sql: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be. Amounts as text: fen, points, dates or words."""

    check: str
    member_id: int | None
    subject: str
    subject_id: int | None
    what: str
    stored: str | None
    recomputed: str | None


def differing(
    source: str,
    columns: Sequence[tuple[str, str, str]],
    *,
    member: str,
    subject: str,
    relation: str = "IS DISTINCT FROM",
) -> str:
    """A statement that compares columns of the rows of ``source`` (WITH …, FROM …, JOIN …).

    ``columns`` are (what, stored, recomputed) as SQL. ``relation`` between stored and recomputed
    is what makes a difference. Rows are first sifted whole, since nearly all are right.
    """
    start, _, rest = source.rpartition("FROM ROWS ")
    any_differs = " OR ".join(f"{stored} {relation} {right}" for _w, stored, right in columns)
    values = ", ".join(
        f"('{what}', ({stored})::text, ({right})::text, {stored} {relation} {right})"
        for what, stored, right in columns
    )
    return (
        f"{start} SELECT {member}, {subject}, k.what, k.stored, k.recomputed FROM {rest}"
        f" CROSS JOIN LATERAL (VALUES {values}) AS k(what, stored, recomputed, differs)"
        f" WHERE ({any_differs}) AND k.differs"
    )
