"""Panels that other apps registered, rendered on the server: ``{% panels "card" member at %}``."""

from __future__ import annotations

import datetime as dt
from typing import Any

import structlog
from django import template
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from members import registry
from members.models import Member

register = template.Library()
log = structlog.get_logger(__name__)


@register.simple_tag(takes_context=True)
def panels(
    context: RequestContext, place: str, member: Member | None, at: dt.datetime
) -> SafeString:
    """All panels of a place for a member. One that fails is left out: the card stays."""
    if member is None:
        return SafeString("")
    request: Any = context.get("request")
    parts = []
    for panel in registry.panels_of(place):
        try:
            shown = panel.render(member, request, at)
            if shown is not None:
                parts.append(render_to_string(shown.template, shown.context, request))
        except Exception as error:  # whatever another app raises: this page is not its own
            log.error("panel_failed", place=place, panel=panel.name, exc_info=error)
    return mark_safe("".join(parts))  # noqa: S308 (rendered templates)
