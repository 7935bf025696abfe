"""For the back office's own templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.views.main import ChangeList
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext as _

from config.admin import sidebar
from config.admin.empty import FIRST_STEPS, NOTHING, FirstStep

register = template.Library()


@register.simple_tag
def first_step(cl: ChangeList) -> FirstStep | None:
    """What a list without rows asks for; None where a search or filter hides what there is."""
    if is_narrowed(cl):
        return None
    return FIRST_STEPS.get(cl.opts.model_name or "", NOTHING)


@register.simple_tag(takes_context=True)
def trail(context: Context) -> list[tuple[str, str]]:
    """(words, address) from the page's group at the left down to what is on it.

    In the words of the sidebar: a page is called what one pressed to get there.
    """
    opts, title = context.get("opts"), str(context.get("title") or "")
    if opts is None:
        return [(title, "")]
    table = f"admin:{opts.app_label}_{opts.model_name}_changelist"
    here = reverse(table)
    group, name = sidebar.place_of(table) or (None, opts.verbose_name_plural)
    parts = [(str(group), "")] if group and group != name else []
    parts.append((str(name), here))
    if context.get("cl") is not None or context["request"].path == here:
        return parts
    original = context.get("original")
    if original is not None:
        # Of the one sheet of settings there is no name to say.
        is_one = str(original) == str(opts.verbose_name)
        return parts if is_one else [*parts, (str(original), "")]
    whose: Any = context.get("kept") or (context.get("back") and context.get("member"))
    whose = context.get("subtitle") or whose
    if whose:
        parts.append((str(whose), str(context["back"])))
    return [*parts, (_("New") if context.get("add") else title, "")]


@register.filter
def is_narrowed(cl: ChangeList | None) -> bool:
    """Whether a search or a filter hides some of a list's rows."""
    return bool(cl and (cl.query or cl.get_filters_params()))


@register.filter
def grouped(number: int) -> str:
    """12,345: in threes in every language, as the tills of the country write it."""
    return f"{number:,}"
