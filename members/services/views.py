"""Lists with their filters, kept under a name: one's own, seen by nobody else."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.models import SavedView, Staff
from members.text import one_line

MOST = 12  # of one list
NAME, QUERY = 40, 1000  # characters


def keep(*, actor: Staff, page: str, name: str, query: str) -> SavedView:
    """Keep a list's filters (a query string) under a name; the same name again is overwritten.

    Refuses ``view_nameless``, ``view_too_long``, ``too_many_views``.
    """
    name = one_line(name)
    if not name:
        raise Refusal("view_nameless", _("Give it a name first."), field="name")
    if len(name) > NAME or len(query) > QUERY:
        raise Refusal("view_too_long", _("This is too long to be kept. Make the name shorter."))
    mine = SavedView.objects.filter(staff=actor, page=page)
    if mine.exclude(name=name).count() >= MOST:
        raise Refusal(
            "too_many_views",
            _("You keep %(most)s views of this list already. Take one away first.")
            % {"most": MOST},
        )
    view, _is_new = SavedView.objects.update_or_create(
        staff=actor, page=page, name=name, defaults={"query": query}
    )
    return view


def drop(*, actor: Staff, page: str, view_id: int) -> None:
    """Take one's own view away; one that is gone already is no fault."""
    SavedView.objects.filter(staff=actor, page=page, pk=view_id).delete()
