"""Rules that hold from a date: the field on each rule's form, and what waits for its day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from loyalty.admin.changes import Change, Names, columns, model_of
from loyalty.admin.events_words import thing_words
from loyalty.models import PlannedChange
from loyalty.selectors.planned import waiting
from loyalty.services import planned
from members import clock
from members.admin.base import may_do, person_of
from members.admin.editing import EditAdmin
from members.admin.forms import OfficeForm
from members.errors import Refusal
from members.models import Staff
from members.pictures import Written

FROM = "effective_from"
VERSIONS = "admin:loyalty_ruleset_changelist"


def from_field() -> forms.DateField:
    """The day from which a change holds; empty: at once."""
    return forms.DateField(
        label=lazy("holds from"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput({"type": "date", "class": "ht-field"}, format="%Y-%m-%d"),
        help_text=lazy("Empty: at once. A day to come: from midnight, without anybody’s help."),
    )


class FromForm(forms.Form):
    """The day alone, for a page whose rows are forms of their own."""

    effective_from = from_field()


class RuleForm(OfficeForm):
    """A rule's form; its change may wait for a day."""

    effective_from = from_field()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if "rank" in self.fields:
            self.fields["rank"].label = _("Sequence")
        if FROM in self.fields:
            tomorrow = clock.local_date(clock.now()) + dt.timedelta(days=1)
            self.fields[FROM].widget.attrs["min"] = tomorrow.isoformat()


class RuleAdmin(EditAdmin):
    """A table of rules: written at once, or kept for a day to come."""

    form: Any = RuleForm

    def prepare(self, row: Any, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        """What the row needs before it is stored or planned."""

    def pictures_of(self, form: Any) -> list[Written]:
        """What was uploaded with the form."""
        return []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = list(super().get_fieldsets(request, obj))
        if may_do(request, self.change):
            found.append((None, {"fields": (FROM,)}))
        return found

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        actor, at = person_of(request), clock.now()
        self.prepare(form.instance, form, actor=actor, at=at)
        day = form.cleaned_data.get(FROM)
        if day is None:
            super().save_related(request, form, formsets, change)
            return

        def store() -> None:
            super(RuleAdmin, self).save_related(request, form, formsets, change)

        request.planned = planned.plan(  # type: ignore[attr-defined]
            rows=[form.instance],
            store=store,
            from_date=day,
            actor=actor,
            at=at,
            pictures=self.pictures_of(form),
        )

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return tell_planned(request) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return tell_planned(request) or super().response_change(request, obj)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            context["waiting"] = views(waiting(str(self.opts.model_name), obj.pk))
            context["may_rule"] = may_do(request, "rules")
        return super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )


def tell_planned(request: HttpRequest) -> HttpResponse | None:
    """Where a planned change leads: to the list of what waits. None where nothing was planned."""
    change: PlannedChange | None = getattr(request, "planned", None)
    if change is None:
        return None
    messages.success(
        request,
        _("%(what)s: changes on %(day)s at midnight. Until then everything stays as it is.")
        % {"what": _what(change), "day": date_format(change.from_date)},
    )
    return redirect(VERSIONS)


def _what(change: PlannedChange) -> str:
    return thing_words({"model": change.kind, "name": change.name})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A planned change for the page. ``pictures`` are the addresses of those to come, ``problem``
    is why it could not be applied."""

    change: PlannedChange
    what: str
    differences: list[Change]
    pictures: list[str]
    problem: str


def views(changes: list[PlannedChange]) -> list[Waiting]:
    names = Names()
    return [
        Waiting(
            change=change,
            what=_what(change),
            differences=[
                one
                for line in change.lines
                for one in columns(
                    line["name"], model_of(change.kind), line["before"], line["after"], names
                )
                if line["before"] or one.after != "–"
            ],
            pictures=[
                reverse("card:image", args=[line["after"][part]])
                for line in change.lines
                for part in ("logo", "background")
                if line["after"].get(part)
            ],
            problem=str(change.problem.get(get_language() or "", "")),
        )
        for change in changes
    ]


def cancel_view(request: HttpRequest, change_id: int) -> HttpResponse:
    """Call a planned change off, or put away one that could not be applied."""
    if request.method != "POST" or not may_do(request, "rules"):
        raise PermissionDenied
    try:
        change = planned.cancel(change_id=change_id, actor=person_of(request), at=clock.now())
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("%(what)s: called off.") % {"what": _what(change)})
    return redirect(VERSIONS)
