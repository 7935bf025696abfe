"""Benefits: who gets what when, with an example for each tier beside the form."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from loyalty.admin import rule_words
from loyalty.admin.fields import TimesField, YuanField, ZheField
from loyalty.admin.planning import RuleAdmin, RuleForm
from loyalty.models import Benefit, MemberPrice
from loyalty.services import examples, rivals, rule_changes, rule_checks
from loyalty.settlement.types import Refused
from members.admin.base import OfficeInline
from members.models import Staff
from members.text import plain

Kind = Benefit.Kind
PARTS: dict[str, frozenset[str]] = {
    Kind.PERCENT: frozenset({"rate_pm", "only_stored_value"}),
    Kind.MEMBER_PRICE: frozenset(),
    Kind.NTH_UNIT: frozenset({"nth_n", "rate_pm"}),
    Kind.AMOUNT_OFF: frozenset({"amount_fen", "threshold_fen", "stacks"}),
    Kind.MULTIPLIER: frozenset({"multiplier_pm"}),
    Kind.SPECIAL: frozenset({"text", "quota", "quota_period", "stops_when_overdue"}),
}
BY_ITSELF: dict[str, Any] = {
    "rate_pm": 1000,
    "nth_n": 0,
    "amount_fen": 0,
    "threshold_fen": 0,
    "multiplier_pm": 1000,
    "text": "",
    "stacks": False,
    "only_stored_value": False,
    "stops_when_overdue": True,
}
WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7}


class DaysField(forms.CharField):
    """Days of the month or weekdays as people list them: "1, 15" or "周六周日"."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = plain(str(value or ""))
        for sign, number in WEEKDAYS.items():
            text = text.replace(sign, f" {number} ")
        parts = re.split(r"[\s,、;；周星期日号]+", text)
        days = [part for part in parts if part]
        if not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in days):
            raise ValidationError(_("List the days as numbers, like 1, 15."), code="days")
        return sorted({int(part) for part in days})

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or []))
        except ValidationError:
            return True


class BenefitForm(RuleForm):
    rate_pm = ZheField(
        label=lazy("discount"), required=False, help_text=lazy("8.5折: of ¥100 pay ¥85")
    )
    amount_fen = YuanField(label=lazy("amount off"), required=False, empty_is_zero=True)
    threshold_fen = YuanField(label=lazy("from a purchase of"), required=False, empty_is_zero=True)
    multiplier_pm = TimesField(label=lazy("points times"), required=False, hide_one=True)
    return_days = forms.IntegerField(
        label=lazy("to be brought back within days"),
        required=False,
        min_value=1,
        max_value=365,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=lazy("For what is lent, such as a book. Empty: it is kept."),
    )
    days = DaysField(
        label=lazy("days"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=lazy("Days of the month like 1, 15, or weekdays 1 to 7."),
    )

    class Meta:
        model = Benefit
        fields = "__all__"

    def more_state(self) -> dict[str, Any]:
        return {
            "prices": sorted(self.instance.member_prices.values_list("product_id", "price_fen"))
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        parts = PARTS.get(data.get("kind", ""), frozenset())
        for name, by_itself in BY_ITSELF.items():
            if name in self.fields and (name not in parts or data.get(name) is None):
                data[name] = by_itself
                if name not in parts:  # what is asked for and cannot be read stays an error
                    self.errors.pop(name, None)
        if data.get("kind") != Kind.SPECIAL:
            data["return_days"] = None
            self.errors.pop("return_days", None)
        if data.get("when") not in ("monthdays", "weekdays"):
            data["days"] = []
            self.errors.pop("days", None)
        if data.get("scope") == "categories" and not data.get("categories"):
            self.add_error("categories", _("Choose at least one category."))
        if data.get("scope") == "products" and not data.get("products"):
            self.add_error("products", _("Choose at least one article."))
        data["quota"] = data.get("quota") or 0
        return data

    def check(self) -> None:
        rule_checks.check_benefit(self.instance)


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    price_fen = YuanField(label=lazy("member price"))

    class Meta:
        model = MemberPrice
        fields = ("product", "price_fen")


class PriceInline(OfficeInline):
    model = MemberPrice
    form = PriceForm
    autocomplete_fields = ("product",)
    verbose_name_plural = lazy("Member prices")


@admin.register(Benefit)
class BenefitAdmin(RuleAdmin):
    change = "rules"
    form = BenefitForm
    preview_template = "admin/benefit_preview.html"
    archive_words = lazy("From then on it is no longer given.")
    inlines = (PriceInline,)
    list_display = ("name", "effect", "for_whom", "when_words", "is_active")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("tiers", RelatedDropdownFilter),
        ("is_active", BooleanRadioFilter),
    )
    search_fields = ("name", "text")
    autocomplete_fields = ("products",)
    ordering = ("-is_active", "rank", "pk")
    conditional_fields = {
        "rate_pm": "kind == 'percent' || kind == 'nth_unit'",
        "only_stored_value": "kind == 'percent'",
        "nth_n": "kind == 'nth_unit'",
        "amount_fen": "kind == 'amount_off'",
        "threshold_fen": "kind == 'amount_off'",
        "stacks": "kind == 'amount_off'",
        "multiplier_pm": "kind == 'multiplier'",
        "text": "kind == 'special'",
        "return_days": "kind == 'special'",
        "stops_when_overdue": "kind == 'special' && return_days",
        "days": "when == 'monthdays' || when == 'weekdays'",
        "date_from": "when == 'dates'",
        "date_to": "when == 'dates'",
        "categories": "scope == 'categories'",
        "products": "scope == 'products'",
    }
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "kind",
                    "rate_pm",
                    "nth_n",
                    "amount_fen",
                    "threshold_fen",
                    "multiplier_pm",
                    "text",
                    "return_days",
                    "stops_when_overdue",
                    "only_stored_value",
                    "stacks",
                    "tiers",
                    "when",
                    "days",
                    "date_from",
                    "date_to",
                )
            },
        ),
        (
            lazy("What it touches, and where"),
            {
                "classes": ["collapse"],
                "fields": (
                    "scope",
                    "categories",
                    "products",
                    "shops",
                    "tags",
                    "time_from",
                    "time_to",
                    "first_order_only",
                ),
            },
        ),
        (
            lazy("How often, and in which order"),
            {"classes": ["collapse"], "fields": ("quota", "quota_period", "rank", "is_active")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Benefit]:
        rows: QuerySet[Benefit] = super().get_queryset(request).prefetch_related("tiers", "tags")
        return rows

    @admin.display(description=lazy("what it does"))
    def effect(self, row: Benefit) -> str:
        return rule_words.coupon_words(row)

    @admin.display(description=lazy("for whom"))
    def for_whom(self, row: Benefit) -> str:
        names = [tier.name for tier in row.tiers.all()] + [tag.name for tag in row.tags.all()]
        return "、".join(names) or _("all members")

    @admin.display(description=lazy("when"))
    def when_words(self, row: Benefit) -> str:
        return rule_words.when_words(row)

    def keep(self, row: Benefit, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        relations = {
            name: form.cleaned_data[name]
            for name in ("categories", "products", "shops", "tiers", "tags")
            if name in form.cleaned_data
        }
        prices = [(line["product"], line["price_fen"]) for line in form.parts]
        rule_changes.save_benefit(
            benefit=row,
            prices=prices if row.kind == Kind.MEMBER_PRICE else [],
            actor=actor,
            at=at,
            **relations,
        )

    def drop(self, row: Benefit, *, actor: Staff, at: dt.datetime) -> bool:
        return rule_changes.retire(row=row, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        row, data = form.instance, form.cleaned_data
        if form.errors:
            return {"effect": "", "examples": []}
        scope = {"categories": data.get("categories"), "products": data.get("products")}
        rule = examples.benefit_rule(
            row,
            ids=[one.pk for one in scope.get(row.scope) or ()],
            tier_ids=[tier.pk for tier in data.get("tiers") or ()],
            prices=list(row.member_prices.values_list("product_id", "price_fen")) if row.pk else (),
        )
        try:
            shown = examples.benefit_examples(rule=rule, at=at)
        except Refused:
            shown = []
        others = examples.current_snapshot(at)["benefits"]
        return {
            "conflicts": [
                rule_words.rival_words(row.name, one)
                for one in rivals.rivals(_with_its_days(rule, row, data), others)
            ],
            "effect": rule_words.coupon_words(row),
            "lending": _lending_sentences(row),
            "when_words": rule_words.when_words(row),
            "examples": [rule_words.example_view(one) for one in shown],
        }


def _lending_sentences(row: Benefit) -> list[str]:
    """What happens with what is lent."""
    if not row.return_days:
        return []
    found = [_("The counter and the card show until when it is to come back.")]
    if row.stops_when_overdue:
        found.append(_("Who has something overdue is lent nothing more by this benefit."))
    return found


def _with_its_days(rule: dict[str, Any], row: Benefit, data: dict[str, Any]) -> dict[str, Any]:
    """The rule on its own days and in its own shops: an example is of any."""
    return rule | {
        "when": row.when,
        "days": list(row.days),
        "date_from": row.date_from.isoformat() if row.date_from else None,
        "date_to": row.date_to.isoformat() if row.date_to else None,
        "shops": [shop.pk for shop in data.get("shops") or ()],
    }
