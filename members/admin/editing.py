"""Pages on which rows are written: told of others' changes, with an example beside the form."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from members import clock
from members.admin.base import OfficeAdmin, PlainFields, may_do, person_of, reads
from members.admin.forms import OfficeForm
from members.errors import Refusal
from members.models import Staff
from members.selectors.uses import uses_of
from members.services import rows
from members.text import row_number


class EditAdmin(PlainFields, OfficeAdmin):
    """A table whose rows are written here.

    ``keep`` and ``drop`` are the service calls; a page with an example beside its form gives
    ``preview_template`` and ``preview``.
    """

    form: Any = OfficeForm
    change_form_template = "admin/office_form.html"
    preview_template = ""
    # What putting out of use means here, for the page that asks.
    archive_words: Any = ""

    def keep(self, row: Any, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        """Store the row, with ``form.parts`` (what its tables hold); refuses by a Refusal."""
        names = [field.name for field in row._meta.many_to_many]
        relations = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
        rows.store(row=row, relations=relations, actor=actor, at=at)

    def drop(self, row: Any, *, actor: Staff, at: dt.datetime) -> bool:
        """Delete the row (True), or put it out of use (False)."""
        return rows.remove(row=row, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        """What the example needs, from a form that may be half filled in."""
        return {}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """What a service refuses after the form had nothing against it is shown in the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            # Nothing was stored: the same form once more, with what was typed and the reason.
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form_class = super().get_form(request, obj, change, **kwargs)
        form_class.refusal = getattr(request, "refusal", None)
        return form_class

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Waits for ``save_related``: the row and its parts are stored by one call."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        form.parts = [one.cleaned_data for part in formsets for one in part if _is_kept(one)]
        self.keep(form.instance, form, actor=person_of(request), at=clock.now())

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Boxes to tick: nobody knows what the Control key does to a list."""
        if db_field.name not in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", UnfoldAdminCheckboxSelectMultipleWidget())
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    # --- who only looks --------------------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may only look gets the same form, in the same words, and cannot write in it."""
        return may_do(request, self.change) or (reads(request) and may_do(request, self.see))

    # --- the example beside the form -------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        if not self.preview_template:
            return urls
        name = f"{self.opts.app_label}_{self.opts.model_name}_preview"
        wrap = self.admin_site.admin_view
        return [
            path("preview/", wrap(self.preview_view), name=name),
            path("<int:object_id>/preview/", wrap(self.preview_view), name=name),
            *urls,
        ]

    def preview_view(self, request: HttpRequest, object_id: int | None = None) -> HttpResponse:
        """The example for what is typed so far; nothing is stored."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        found = None
        if object_id is not None:
            found = self.get_queryset(request).filter(pk=object_id).first()
            if found is None:
                raise Http404
        form_class = self.get_form(request, found, change=found is not None)
        form_class.compares = False
        form = form_class(request.POST, instance=found)
        form.is_valid()
        context = {"form": form, "row": form.instance, **self.preview(form, at=clock.now())}
        # The form reads and checks; whatever it put into the row goes no further.
        with transaction.atomic():
            response = TemplateResponse(request, self.preview_template, context).render()
            transaction.set_rollback(True)
        return response

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        may_write = may_do(request, self.change)
        if not may_write:
            forms = [context["adminform"].form]
            for inline in context["inline_admin_formsets"]:
                inline.formset.extra = 0
                forms += inline.formset.forms
            for form in forms:
                for field in form.fields.values():
                    field.disabled = True
        shows = self.preview_template and may_do(request, self.change)
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_preview"
        more = {
            "preview_url": reverse(name, args=[obj.pk] if obj else []) if shows else "",
            "seen": getattr(context["adminform"].form, "seen", ""),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            "show_save": may_write,
        }
        return super().render_change_form(
            request, {**context, **more}, add=add, change=change, form_url=form_url, obj=obj
        )

    # --- deleting --------------------------------------------------------------------------------
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say what would happen, then do it: deleted where nothing uses it, else put out of use."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=row_number(object_id)).first()
        if row is None:
            raise Http404
        here = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        if request.method == "POST":
            name = str(row)
            try:
                is_gone = self.drop(row, actor=person_of(request), at=clock.now())
            except Refusal as refusal:
                messages.error(request, str(refusal.message))
                return redirect(request.path)
            said = (
                _("“%(name)s” is deleted.")
                if is_gone
                else _("“%(name)s” is in use, so it was put out of use instead of deleted.")
            )
            messages.success(request, said % {"name": name})
            return redirect(here)
        uses = uses_of(row)
        can_archive = hasattr(row, "is_active")
        asked = _("Put “%(name)s” out of use?") if uses and can_archive else _("Delete “%(name)s”?")
        context = {
            **self.admin_site.each_context(request),
            "title": asked % {"name": row},
            "opts": self.opts,
            "row": row,
            "uses": uses,
            "can_archive": can_archive,
            "archive_words": self.archive_words,
            "back": reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]
            ),
        }
        return TemplateResponse(request, "admin/remove.html", context)


def _is_kept(form: Any) -> bool:
    """Whether a line of a table was filled in and not struck out."""
    data = form.cleaned_data
    return bool(data) and not data.get("DELETE") and any(data.values())
