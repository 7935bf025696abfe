"""Card faces: colours and slogan, with the card beside the form; unreadable ones are refused."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.widgets import UnfoldAdminColorInputWidget

from loyalty.card.face import shop_name
from loyalty.counter import accent
from loyalty.models import Tier
from members.admin.editing import EditAdmin
from members.admin.forms import OfficeForm
from members.errors import Refusal
from members.models import CardFace, Shop


def contrast(face: CardFace) -> float:
    """How far the text stands out from the face; 1 to 21."""
    return accent.contrast(accent.parse_hex(face.brand_colour), accent.parse_hex(face.text_colour))


def readable_text(face: CardFace) -> str:
    """The text colour, white or black, that stands out most."""
    ground = accent.parse_hex(face.brand_colour)
    return max(
        ("#FFFFFF", "#12100E"), key=lambda text: accent.contrast(ground, accent.parse_hex(text))
    )


HEX = re.compile("#[0-9A-Fa-f]{6}")


class FaceForm(OfficeForm):
    class Meta:
        model = CardFace
        fields = ("name", "brand_colour", "text_colour", "slogan")
        widgets = {
            "brand_colour": UnfoldAdminColorInputWidget(),
            "text_colour": UnfoldAdminColorInputWidget(),
        }

    def check(self) -> None:
        for name in ("brand_colour", "text_colour"):
            if not HEX.fullmatch(getattr(self.instance, name)):
                raise Refusal("colour_unreadable", _("Write a colour like #7A4B2A."), field=name)
        found = contrast(self.instance)
        if found < accent.CONTRAST:
            raise Refusal(
                "contrast_too_low",
                _(
                    "This text cannot be read on this colour (contrast %(found)s,"
                    " %(needed)s is needed). %(better)s would be readable."
                )
                % {
                    "found": f"{found:.1f}",
                    "needed": accent.CONTRAST,
                    "better": readable_text(self.instance),
                },
                field="text_colour",
            )


@admin.register(CardFace)
class CardFaceAdmin(EditAdmin):
    change = "rules"
    form = FaceForm
    preview_template = "admin/face_preview.html"
    list_display = ("name", "look", "slogan", "tier_names")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "brand_colour", "text_colour", "slogan")

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

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        row: CardFace = form.instance
        are_colours = HEX.fullmatch(row.brand_colour) and HEX.fullmatch(row.text_colour)
        found = contrast(row) if are_colours else None
        deep = (
            accent.as_hex(
                accent.mix(accent.parse_hex(row.brand_colour), (0, 0, 0), accent.STEPS // 5)
            )
            if found is not None
            else ""
        )
        tier = Tier.objects.filter(face_id=row.pk).first() if row.pk else None
        return {
            "contrast": None if found is None else f"{found:.1f}",
            "is_readable": found is not None and found >= accent.CONTRAST,
            "better": readable_text(row) if found is not None else "",
            "deep": deep,
            "shop": shop_name(list(Shop.objects.filter(is_active=True))),
            "tier": tier,
        }
