"""Card faces: pictures, colours, slogan, with the card beside the form; unreadable is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminFileFieldWidget

from loyalty.admin.planning import RuleAdmin, RuleForm
from loyalty.card.face import bounds, deep, shop_name, veil, veil_css
from loyalty.models import Tier
from members import colours
from members.errors import Refusal
from members.models import CardFace, Shop, Staff
from members.pictures import FORMATS, MAX_UPLOAD_BYTES, Written
from members.services import faces

PICTURES = ("logo", "background")


def _picture_input(part: str) -> UnfoldAdminFileFieldWidget:
    return UnfoldAdminFileFieldWidget(
        {
            "accept": ",".join(f"image/{name.lower()}" for name in FORMATS),
            # For js/admin.js: what is too heavy is said before it is sent, and shown at once.
            "data-picture": part,
            "data-max-bytes": MAX_UPLOAD_BYTES,
            "data-too-heavy": _(
                "This file is larger than 5 MB. Save the picture smaller, or take another one."
            ),
        }
    )


class FaceForm(RuleForm):
    logo_file = forms.FileField(
        label=lazy("logo"),
        required=False,
        help_text=lazy("PNG, JPEG or WebP, at most 5 MB. One with a clear ground looks best."),
    )
    no_logo = forms.BooleanField(label=lazy("take the logo off"), required=False)
    background_file = forms.FileField(
        label=lazy("background"),
        required=False,
        help_text=lazy("A picture behind the text. It is veiled in your colour as far as needed."),
    )
    no_background = forms.BooleanField(label=lazy("take the background off"), required=False)

    class Meta:
        model = CardFace
        fields = ("name", "brand_colour", "text_colour", "slogan")
        widgets = {
            "brand_colour": UnfoldAdminColorInputWidget(),
            "text_colour": UnfoldAdminColorInputWidget(),
        }

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.pictures: dict[str, Written | None] = {}
        for part in PICTURES:
            if f"{part}_file" in self.fields:
                self.fields[f"{part}_file"].widget = _picture_input(part)

    def more_state(self) -> dict[str, Any]:
        return {part: getattr(self.instance, f"{part}_id") for part in PICTURES}

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for part in PICTURES:
            file = data.get(f"{part}_file")
            if file is not None:
                try:
                    self.pictures[part] = faces.read_picture(file, part=part)
                except Refusal as refusal:
                    self._take(refusal)
            elif data.get(f"no_{part}"):
                self.pictures[part] = None
        return data

    def check(self) -> None:
        faces.check_face(self.instance)


@admin.register(CardFace)
class CardFaceAdmin(RuleAdmin):
    change = "rules"
    form = FaceForm
    preview_template = "admin/face_preview.html"
    list_display = ("name", "look", "slogan", "tier_names")
    search_fields = ("name",)
    ordering = ("name",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What is not there cannot be taken off."""
        fields = ["name", "brand_colour", "text_colour", "slogan"]
        for part in PICTURES:
            fields.append(f"{part}_file")
            if obj is not None and getattr(obj, f"{part}_id"):
                fields.append(f"no_{part}")
        return fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[CardFace]:
        rows: QuerySet[CardFace] = super().get_queryset(request).prefetch_related("tier_set")
        return rows

    @admin.display(description=lazy("look"))
    def look(self, row: CardFace) -> SafeString:
        return format_html(
            '<span class="ht-swatch" style="background:{};color:{}">{}</span>',
            row.brand_colour,
            row.text_colour,
            _("card"),
        )

    @admin.display(description=lazy("tiers"))
    def tier_names(self, row: Any) -> str:
        return "、".join(tier.name for tier in row.tier_set.all()) or "–"

    def keep(self, row: CardFace, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        faces.save_face(face=row, changes=form.pictures, actor=actor, at=at)

    def pictures_of(self, form: Any) -> list[Written]:
        return [written for written in form.pictures.values() if written is not None]

    def drop(self, row: CardFace, *, actor: Staff, at: dt.datetime) -> bool:
        return faces.remove_face(face=row, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        row: CardFace = form.instance
        tier = Tier.objects.filter(face_id=row.pk).first() if row.pk else None
        shown = {
            "shop": shop_name(list(Shop.objects.filter(is_active=True))),
            "tier": tier,
            "contrast": None,
            "is_readable": False,
        }
        if not all(colours.HEX.fullmatch(one) for one in (row.brand_colour, row.text_colour)):
            return shown
        found = faces.contrast(row)
        return (
            shown
            | _colours(row, form)
            | {
                "contrast": f"{found:.1f}",
                "is_readable": found >= colours.CONTRAST,
                "better": faces.readable_text(row),
            }
        )


def _colours(row: CardFace, form: Any) -> dict[str, Any]:
    """What the pictures of a card are drawn with. ``any_veil`` is for one that was only chosen."""
    ground, ink = colours.parse_hex(row.brand_colour), colours.parse_hex(row.text_colour)
    kept = {
        part: getattr(row, f"{part}_id") if not form.cleaned_data.get(f"no_{part}") else None
        for part in PICTURES
    }
    any_step = veil(ground, ink)
    step = any_step
    if kept["background"] and row.background is not None:
        step = veil(ground, ink, bounds(row.background))
    return {
        "deep": colours.as_hex(deep(ground, ink)),
        "veil": veil_css(ground, step),
        "any_veil": veil_css(ground, any_step),
        "seen_percent": 100 - step * 100 // colours.STEPS,
        **{
            part: reverse("card:image", args=[sha256]) if sha256 else ""
            for part, sha256 in kept.items()
        },
    }
