"""Forms of the back office: nobody overwrites what somebody else has changed meanwhile."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.forms.models import model_to_dict
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from members.errors import Refusal

SEEN = "seen"


class OfficeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that carries a mark of what it was filled in from.

    Where the row has another mark when it is stored, somebody changed it in between: the second
    one is told what it says now, and nothing is overwritten. The page holds the row while it
    compares, so two at the same moment are told apart too.
    """

    # What a service refused when these words were stored before; an example compares nothing.
    refusal: Refusal | None = None
    compares = True

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for field in self.fields.values():
            field.label = capfirst(field.label) if field.label else field.label
            # Of many there is no empty choice.
            if (
                isinstance(field, forms.ModelChoiceField)
                and field.empty_label
                and not field.required
            ):
                field.empty_label = pgettext("of a choice", "none")
        self.stored = self._state()
        self.seen = mark_of(self.stored)

    def _state(self) -> dict[str, Any]:
        """What the row says in the database: its own columns, and what hangs on it."""
        if self.instance.pk is None:
            return {}
        columns = model_to_dict(self.instance, fields=list(self.fields))
        return {name: _plain(value) for name, value in columns.items()} | self.more_state()

    def more_state(self) -> dict[str, Any]:
        """What else is edited here together with the row."""
        return {}

    def check(self) -> None:
        """Refuse, by a Refusal, what nobody could explain. The row holds what was typed."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.compares and self.instance.pk is not None and self.data.get(SEEN, "") != self.seen:
            self.add_error(None, told(self.differing()))
        return data

    def differing(self) -> list[str]:
        """What is stored and was typed otherwise, field by field, as the form would say it."""
        words = []
        for name, field in self.fields.items():
            value = field.prepare_value(self.stored.get(name))
            if name in self.stored and _typed(value) != _typed(self[name].data):
                said = _said(field, value) or "–"
                words.append(_("%(field)s: %(value)s") % {"field": field.label, "value": said})
        return words

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if any(name != NON_FIELD_ERRORS for name in self.errors):
            return
        try:
            self.check()
        except Refusal as refusal:
            # The database's own word for the same thing helps nobody.
            self.errors.pop(NON_FIELD_ERRORS, None)
            self._take(refusal)
        if self.refusal is not None:
            self._take(self.refusal)

    def _take(self, refusal: Refusal) -> None:
        field = refusal.field if refusal.field in self.fields else None
        self.add_error(field, str(refusal.message))


def told(differing: list[str]) -> str:
    """To the second one of two who changed the same."""
    return _(
        "Somebody changed this while you had it open, so nothing was stored."
        " It says now: %(values)s. Check what you typed and save again."
    ) % {"values": " · ".join(differing) or "–"}


def _typed(value: Any) -> list[str]:
    """What a field holds, whether it comes out of a row or out of a browser."""
    values = value if isinstance(value, list | tuple) else [value]
    # Nought is something: it is not left out as False is, which it equals.
    return sorted(str(one) for one in values if one is not None and one is not False and one != "")


def _said(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ModelChoiceField):
        keys = value if isinstance(value, list) else [value]
        rows = field.queryset.filter(pk__in=[key for key in keys if key]) if field.queryset else ()
        return "、".join(str(row) for row in rows)
    if isinstance(field, forms.ChoiceField):
        return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def mark_of(state: dict[str, Any]) -> str:
    """A short mark of a state; equal states have equal marks."""
    text = json.dumps(state, sort_keys=True, cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, list | tuple | set):
        return sorted((_plain(part) for part in value), key=str)
    return value
