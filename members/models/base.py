"""Triggers shared by every append-only table."""

from __future__ import annotations

import pgtrigger

REFUSE = "RAISE EXCEPTION 'append-only: % of % refused', TG_OP, TG_TABLE_NAME;"


def append_only(name: str) -> list[pgtrigger.Trigger]:
    """Triggers that refuse UPDATE, DELETE and TRUNCATE of a table, whoever asks.

    Row triggers do not see TRUNCATE, so it has a statement trigger of its own.
    """
    return [
        pgtrigger.Trigger(
            name=f"{name}_no_change",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=REFUSE,
        ),
        pgtrigger.Trigger(
            name=f"{name}_no_truncate",
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            level=pgtrigger.Statement,
            func=REFUSE,
        ),
    ]
