"""The back office: who gets in, its first page, and the search that is everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.forms import AuthenticationForm as AnyActive
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from config.admin import home, palette, programs
from loyalty.counter.access import BY_PIN
from members import clock
from members.models import Staff

# A library's own page would be in English, unstyled and open to every owner: we show our own.
OURS = frozenset({"members", "loyalty", "campaigns", "analytics"})


class LoginForm(AuthenticationForm):
    """Everybody who works here may sign in; what they see there is by their role."""

    def confirm_login_allowed(self, user: Any) -> None:
        AnyActive.confirm_login_allowed(self, user)


class OfficeSite(UnfoldAdminSite):
    login_form = LoginForm
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: Iterable[type[Model]] = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else model_or_iterable
        )
        ours = [model for model in models if model._meta.app_label in OURS]
        if ours:
            super().register(ours, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        by_password = not request.session.get(BY_PIN)
        return isinstance(request.user, Staff) and request.user.is_active and by_password

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        # Asked only by the page that shows it.
        return {**super().each_context(request), "programs": programs.look}

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        assert isinstance(request.user, Staff)
        context = {
            **self.each_context(request),
            **home.page(request.user, at=clock.now()),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/home.html", context)

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the palette shows for the words typed so far: pages first, then members."""
        assert isinstance(request.user, Staff)
        words = request.GET.get("s", "").strip()
        pages = self.get_sidebar_list(request)
        found = palette.find(words, pages=pages, actor=request.user)
        return TemplateResponse(request, "admin/palette_results.html", {"found": found})
