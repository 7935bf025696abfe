"""The house: shops, who works there, and tags."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminPasswordToggleWidget

from members.admin.editing import EditAdmin
from members.admin.forms import OfficeForm
from members.models import Shop, Staff, Tag
from members.services import staff_changes


@admin.register(Shop)
class ShopAdmin(EditAdmin):
    see = change = "shops"
    archive_words = lazy("Nothing can be sold there any more; its past stays.")
    list_display = ("name", "code", "address", "phone", "people", "is_active")
    search_fields = ("name", "code")
    ordering = ("-is_active", "code")
    fields = ("name", "code", "address", "phone", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shop]:
        rows: QuerySet[Shop] = super().get_queryset(request).annotate(people_count=Count("staff"))
        return rows

    @admin.display(description=lazy("staff"))
    def people(self, row: Any) -> int:
        return int(row.people_count)


class StaffForm(OfficeForm):
    new_password = forms.CharField(
        label=lazy("new password"),
        required=False,
        widget=UnfoldAdminPasswordToggleWidget({"autocomplete": "new-password"}),
        help_text=lazy("Empty: stays as it is."),
    )
    new_pin = forms.CharField(
        label=lazy("new PIN"),
        required=False,
        max_length=6,
        widget=UnfoldAdminPasswordToggleWidget({"autocomplete": "off", "inputmode": "numeric"}),
        help_text=lazy("4 to 6 digits, to take over a shared counter. Empty: stays as it is."),
    )

    class Meta:
        model = Staff
        fields = ("display_name", "username", "role", "shops", "member", "is_active", "is_test")
        help_texts = {
            "username": lazy("To sign in with, for example xiaolin: letters and digits, no blanks.")
        }

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.instance.pk is None and "new_password" in self.fields:
            password = self.fields["new_password"]
            password.label = _("First password")
            password.help_text = _("At least 8 characters. The person can change it later.")
            password.widget.is_required = True
            self.fields["new_pin"].help_text = _("4 to 6 digits, to take over a shared counter.")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.instance.pk is None and not data.get("new_password"):
            self.add_error("new_password", ValidationError(_("Choose a first password.")))
        return data


@admin.register(Staff)
class StaffAdmin(EditAdmin):
    see = change = "staff"
    form = StaffForm
    archive_words = lazy("The person can no longer sign in; what they did stays under their name.")
    list_display = (
        "called",
        "username",
        "role",
        "shop_names",
        "has_pin",
        "last_login",
        "is_active",
    )
    list_display_links = ("called", "username")
    list_filter = (
        ("role", ChoicesDropdownFilter),
        ("shops", RelatedDropdownFilter),
        ("is_active", BooleanRadioFilter),
    )
    search_fields = ("display_name", "username")
    autocomplete_fields = ("member",)
    ordering = ("-is_active", "username")
    fieldsets = (
        (None, {"fields": ("display_name", "username", "role", "shops")}),
        (lazy("How they sign in"), {"fields": ("new_password", "new_pin")}),
        (lazy("More"), {"classes": ["collapse"], "fields": ("member", "is_active", "is_test")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Staff]:
        rows: QuerySet[Staff] = super().get_queryset(request).prefetch_related("shops")
        return rows

    @admin.display(description=pgettext_lazy("of a person", "name"), ordering="display_name")
    def called(self, row: Staff) -> str:
        return str(row)

    @admin.display(description=lazy("shops"))
    def shop_names(self, row: Staff) -> str:
        if row.role == Staff.Role.OWNER:
            return _("all shops")
        return "、".join(shop.name for shop in row.shops.all()) or "–"

    @admin.display(description=lazy("PIN"))
    def has_pin(self, row: Staff) -> str:
        return _("set") if row.pin_hash else "–"

    def keep(self, row: Staff, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        data = form.cleaned_data
        staff_changes.save_staff(
            person=row,
            shops=data.get("shops", ()),
            password=data.get("new_password", ""),
            pin=data.get("new_pin", ""),
            actor=actor,
            at=at,
        )

    def drop(self, row: Staff, *, actor: Staff, at: dt.datetime) -> bool:
        """People are never deleted: what they did stands under their name."""
        row.is_active = False
        staff_changes.save_staff(person=row, shops=row.shops.all(), actor=actor, at=at)
        return False


@admin.register(Tag)
class TagAdmin(EditAdmin):
    see = "edit_member"
    change = "edit_member"
    list_display = ("name", "kind", "members")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "kind")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        rows: QuerySet[Tag] = super().get_queryset(request).annotate(count=Count("members"))
        return rows

    @admin.display(description=lazy("members"), ordering="count")
    def members(self, row: Any) -> str:
        return f"{row.count:,}"
