"""What every page of the back office shares: who may see it, who may change it, in which shops."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, TabularInline

from members.admin.lists import select_box
from members.models import Staff
from members.services.staff import may, staff_shops


def person_of(request: HttpRequest) -> Staff:
    """Whoever is signed in; the site lets nobody else through."""
    if not isinstance(request.user, Staff):
        raise Http404
    return request.user


def may_do(request: HttpRequest, action: str) -> bool:
    """Whether the person's role allows the action; no action is allowed to nobody."""
    return bool(action) and isinstance(request.user, Staff) and may(request.user, action)


def reads(request: HttpRequest) -> bool:
    """Whether the request only asks for a page."""
    return request.method in ("GET", "HEAD")


class OfficeAdmin(ModelAdmin):
    """A table seen by whoever may do ``see`` and changed by whoever may do ``change``.

    ``shop_lookup`` is the way from a row to its shop: anybody but the owner finds only rows of
    their own shops, and of another shop's there is no page (404, not "forbidden").
    """

    see = "report"
    change = ""
    shop_lookup = ""
    addable = True

    actions: Any = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # the count of every choice is a statement of its own
    list_per_page = 50
    list_filter_sheet = True
    list_filter_submit = True
    list_fullwidth = True
    compressed_fields = False
    warn_unsaved_form = True

    @admin.display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> str:
        return select_box(obj)

    # --- who ---------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_do(request, self.see)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, self.see)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, self.change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.addable and may_do(request, self.change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, self.change)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        person = person_of(request)
        if self.shop_lookup and person.role != Staff.Role.OWNER:
            rows = rows.filter(**{f"{self.shop_lookup}__in": staff_shops(person)})
        return rows

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404

    # --- how it is stored ----------------------------------------------------------------------
    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """The row; held until the end of the request where it is about to be changed."""
        if request.method == "POST" and transaction.get_connection().in_atomic_block:
            found = super().get_object(request, object_id, from_field)
            if found is not None:
                self.model._default_manager.select_for_update().get(pk=found.pk)
        return super().get_object(request, object_id, from_field)

    # --- the trail is kept as events -----------------------------------------------------------
    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[Any]:
        return []

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return None

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404


class PlainFields:
    """Fields without the small buttons that open another form in a window of its own."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        inner = getattr(field.widget, "widget", None) if field is not None else None
        if inner is not None and hasattr(field.widget, "can_add_related"):
            field.widget = inner
        return field


class OfficeInline(PlainFields, TabularInline):
    """Lines of a row, written together with it."""

    change = "rules"
    extra = 1
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, "report")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, self.change)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, self.change) or (reads(request) and may_do(request, "report"))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_do(request, self.change)


class ReadOnlyAdmin(OfficeAdmin):
    """A table nobody changes by hand: what stands in it is a fact."""

    addable = False
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
