"""Where a row is used: asked before it is deleted, and said to whoever wants to."""

from __future__ import annotations

from typing import Any

from django.db import models

COUNTED = 1000  # counting on would take long; a reader is told "1,000+"


def uses_of(row: models.Model) -> list[tuple[str, str]]:
    """(what uses it, how many, "1,000+" from ``COUNTED`` on), nothing for a row that may go.

    What is a part of the row (deleted together with it) is no use of it.
    """
    found = []
    # Hidden ones too: a foreign key without a name backwards is a use all the same.
    for relation in row._meta.get_fields(include_hidden=True):
        model: Any = relation.related_model
        is_theirs = relation.auto_created and not relation.concrete and relation.is_relation
        if not is_theirs or model._meta.auto_created:
            continue
        through: Any = getattr(relation, "through", None)
        if relation.many_to_many and through is not None and not through._meta.auto_created:
            continue  # counted by the rows in between
        if relation.one_to_many and getattr(relation, "on_delete", None) is models.CASCADE:
            continue
        rows = model._default_manager.filter(**{relation.field.name: row})[:COUNTED]  # type: ignore[union-attr]
        count = rows.count()
        if count:
            number = f"{count:,}+" if count >= COUNTED else str(count)
            # What hangs on a member one to one is, to a reader, the member.
            whose: Any = getattr(model._meta.pk, "related_model", None) or model
            found.append((str(whose._meta.verbose_name_plural), number))
    return found
