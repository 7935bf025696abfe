"""For the back office's own templates."""

from __future__ import annotations

from django import template
from django.contrib.admin.views.main import ChangeList

from config.admin.empty import FIRST_STEPS, NOTHING, FirstStep

register = template.Library()


@register.simple_tag
def first_step(cl: ChangeList) -> FirstStep | None:
    """What a list without rows asks for; None where a search or filter hides what there is."""
    if cl.query or cl.get_filters_params():
        return None
    return FIRST_STEPS.get(cl.opts.model_name or "", NOTHING)
