"""What a counter page needs beside its own data."""

from __future__ import annotations

import uuid

from django import template
from django.urls import reverse

register = template.Library()


@register.simple_tag
def new_sale_url() -> str:
    """The address of a sale that nobody has begun yet."""
    return reverse("counter:sale", args=[uuid.uuid4()])
