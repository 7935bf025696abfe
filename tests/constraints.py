"""What the database must refuse by itself, and a way to see by which constraint it did."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.db.models.fields import PositiveIntegerRelDbTypeMixin
from psycopg import Error as DriverError


@dataclass(frozen=True)
class Bad:
    """A bad value: ``values`` written over the good row, or over a copy of it."""

    constraint: str
    model: type[Model]
    values: dict[str, Any]
    is_copy: bool = False

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{self.constraint}: {'copy ' if self.is_copy else ''}{words}"

    def store(self, row: Model) -> None:
        """Write it past all services and model methods."""
        if not self.is_copy:
            assert self.model._default_manager.filter(pk=row.pk).update(**self.values) == 1
            return
        twin = copy.copy(row)
        if not self.model._meta.pk.is_relation:
            twin.pk = None
        for name, value in self.values.items():
            setattr(twin, name, value)
        self.model._default_manager.bulk_create([twin])


def change(model: type[Model], constraint: str, **values: Any) -> Bad:
    """The good row with these columns changed."""
    return Bad(constraint, model, values)


def twin(model: type[Model], constraint: str, **values: Any) -> Bad:
    """A second row like the good one, but for these columns."""
    return Bad(constraint, model, values, is_copy=True)


def positive_fields(app: str) -> list[tuple[type[Model], str]]:
    """The columns of an app that take no negative numbers."""
    return [
        (model, field.name)
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.local_fields
        if isinstance(field, PositiveIntegerRelDbTypeMixin)
    ]


def declared(app: str) -> set[str]:
    """All constraints of an app's models: their names, and "Model.field" for a unique field."""
    found: set[str] = set()
    for model in apps.get_app_config(app).get_models():
        found |= {constraint.name for constraint in model._meta.constraints}
        found |= {
            f"{model.__name__}.{field.name}"
            for field in model._meta.local_fields
            if field.unique and not field.primary_key
        }
    return found


def triggers(app: str) -> set[str]:
    """The names of all triggers on an app's models."""
    return {
        trigger.name
        for model in apps.get_app_config(app).get_models()
        for trigger in getattr(model._meta, "triggers", [])
    }


def refused_by(store: Callable[[], object]) -> str | None:
    """Store a bad value; the constraint that refused it, as ``declared`` names it, or None.

    Deferred constraints are asked at once.
    """
    try:
        with transaction.atomic():
            store()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        cause = error.__cause__
        assert isinstance(cause, DriverError)
        return _named(cause.diag.table_name or "", cause.diag.constraint_name or "")
    return None


def _named(table: str, constraint: str) -> str:
    """A unique field's constraint has a name of the database's own: told by its column."""
    model = {model._meta.db_table: model for model in apps.get_models()}.get(table)
    if model is not None and constraint not in {c.name for c in model._meta.constraints}:
        with connection.cursor() as cursor:
            known: dict[str, Any] = connection.introspection.get_constraints(cursor, table)
        found = known.get(constraint, {})
        if found.get("unique") and len(found["columns"]) == 1:
            for field in model._meta.local_fields:
                if field.column == found["columns"][0]:
                    return f"{model.__name__}.{field.name}"
    return constraint
