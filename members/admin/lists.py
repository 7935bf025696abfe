"""Lists draw quickly: what Unfold works out anew for each row is worked out once for a page."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from unfold.admin import checkbox
from unfold.templatetags import unfold_list

_headers = unfold_list.result_headers
_boxes: dict[str, str] = {}
_PLACE = "\x00"


def draw_heads_once() -> None:
    """The heads of the columns are asked for by every row, and one of them is a template."""
    unfold_list.result_headers = _heads_of


def _heads_of(changelist: Any) -> list[dict[str, Any]]:
    if not hasattr(changelist, "drawn_heads"):
        changelist.drawn_heads = list(_headers(changelist))
        for head in changelist.drawn_heads:
            if isinstance(head["text"], Promise):  # every cell says it: put into words once
                head["text"] = str(head["text"])
    heads: list[dict[str, Any]] = changelist.drawn_heads
    return heads


def select_box(row: Model) -> SafeString:
    """The box to tick in front of a row: the same but for its number, and drawn once."""
    language = get_language() or ""
    if language not in _boxes:
        _boxes[language] = checkbox.render(ACTION_CHECKBOX_NAME, _PLACE)
    return mark_safe(_boxes[language].replace(_PLACE, escape(str(row.pk))))  # noqa: S308
