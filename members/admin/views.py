"""A list's filters, kept under a name above it. The filters themselves stand in the address."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import path, reverse
from django.urls.resolvers import URLPattern

from members.admin.base import person_of
from members.errors import Refusal
from members.models import SavedView
from members.services import views
from members.text import row_number

PASSING = ("p", "all", "e", "_changelist_filters")  # not part of what one looks at


class SavedViewsMixin:
    """For a table's admin: put ``admin/saved_views.html`` above the list."""

    list_before_template = "admin/saved_views.html"

    def _page(self) -> str:
        opts = self.opts  # type: ignore[attr-defined]
        return f"{opts.app_label}_{opts.model_name}"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        own = path("views/", wrap(self.save_view), name=f"{self._page()}_views")
        urls: list[URLPattern] = [own, *super().get_urls()]  # type: ignore[misc]
        return urls

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        query = plain_query(request.GET.urlencode())
        here = reverse(f"admin:{self._page()}_changelist")
        mine = SavedView.objects.filter(staff=person_of(request), page=self._page())
        kept = [(view, f"{here}?{view.query}", view.query == query) for view in mine]
        extra = {
            "views": kept,
            "views_url": reverse(f"admin:{self._page()}_views"),
            "views_query": query,
            "may_keep_view": bool(query) and not any(is_here for _v, _url, is_here in kept),
        }
        return super().changelist_view(  # type: ignore[misc]
            request, {**(extra_context or {}), **extra}
        )

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the filters under a name, or take a name away."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        here = reverse(f"admin:{self._page()}_changelist")
        if request.method != "POST":
            return redirect(here)
        person = person_of(request)
        query = plain_query(request.POST.get("query", ""))
        gone = request.POST.get("remove", "")
        if gone:
            views.drop(actor=person, page=self._page(), view_id=row_number(gone))
        else:
            name = request.POST.get("name", "")
            try:
                views.keep(actor=person, page=self._page(), name=name, query=query)
            except Refusal as refusal:
                messages.error(request, str(refusal.message))
        return redirect(f"{here}?{query}" if query else here)


def plain_query(text: str) -> str:
    """A query string without what only says where in the list one is."""
    query = QueryDict(text, mutable=True)
    for name in PASSING:
        query.pop(name, None)
    return query.urlencode()
