"""Settings: shops, tags, rules … stored and written down together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from members.errors import Refusal
from members.models import Staff
from members.selectors.uses import uses_of
from members.services import events

SECRET = frozenset({"password", "pin_hash", "last_login", "date_joined"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What hangs on a row and is stored with it: how it is read (JSON-ready), how it is written."""

    read: Callable[[], dict[str, Any]]
    write: Callable[[], None]


def store(
    *,
    row: models.Model,
    actor: Staff | None,
    at: dt.datetime,
    relations: Mapping[str, Iterable[models.Model]] | None = None,
    parts: Parts | None = None,
) -> None:
    """Store a row with its relations; one event with what was before and after, none if equal.

    The kind is ``row_added`` or ``row_changed``; secrets are never in it.
    """
    with transaction.atomic():
        before = None
        if row.pk is not None:
            old = type(row)._default_manager.filter(pk=row.pk).first()
            before = facts_of(old) if old is not None else None
            if before is not None and parts is not None:
                before |= parts.read()
        row.save()
        for name, related in (relations or {}).items():
            getattr(row, name).set(related)
        if parts is not None:
            parts.write()
        after = facts_of(row) | (parts.read() if parts is not None else {})
        if before == after:
            return
        changed = [name for name in after if before is None or before.get(name) != after[name]]
        events.record(
            kind="row_added" if before is None else "row_changed",
            at=at,
            staff_id=actor.pk if actor else None,
            data={
                **_name(row),
                "before": {name: before[name] for name in changed} if before else {},
                "after": {name: after[name] for name in changed},
            },
        )


def remove(*, row: models.Model, actor: Staff | None, at: dt.datetime) -> bool:
    """Delete what nothing uses (True); what is in use is put out of use instead (False).

    Refuses ``in_use`` where a thing has no such state.
    """
    with transaction.atomic():
        used_by = uses_of(row)
        if not used_by:
            facts = _name(row)
            row.delete()
            staff_id = actor.pk if actor else None
            events.record(kind="row_removed", at=at, staff_id=staff_id, data=facts)
            return True
        if not hasattr(row, "is_active"):
            raise Refusal(
                "in_use",
                _("This is in use and cannot be deleted: %(uses)s. Change these first.")
                % {"uses": "、".join(f"{name} {count}" for name, count in used_by)},
                status=409,
            )
        row.is_active = False
        store(row=row, actor=actor, at=at)
        return False


def _name(row: models.Model) -> dict[str, Any]:
    return {"model": row._meta.model_name, "id": row.pk, "name": str(row)}


def facts_of(row: models.Model) -> dict[str, Any]:
    """A row's own columns and relations, JSON-ready, without secrets."""
    facts: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.name not in SECRET:
            value = field.value_from_object(row)
            facts[field.name] = (
                value if isinstance(value, int | str | bool | None) else field.value_to_string(row)
            )
    for relation in row._meta.many_to_many:
        through: Any = relation.remote_field.through
        if relation.name not in ("groups", "user_permissions") and through._meta.auto_created:
            facts[relation.name] = sorted(getattr(row, relation.name).values_list("pk", flat=True))
    return facts
