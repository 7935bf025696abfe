"""Kinds of coupons: the form, a live coupon beside it, and an example by the real calculator."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from loyalty.admin import rule_words, sentence
from loyalty.admin.fields import MOST_BUDGET_FEN, TimesField, YuanField, ZheField
from loyalty.admin.planning import RuleAdmin, RuleForm
from loyalty.card.presenters import worth
from loyalty.models import CouponTemplate
from loyalty.selectors import coupons
from loyalty.services import examples, rule_changes, rule_checks
from loyalty.settlement.types import Refused
from loyalty.templatetags.money import brief_yuan
from members.models import Staff

Kind = CouponTemplate.Kind
THRESHOLD = frozenset({"threshold_fen", "threshold_on_list"})
# What each kind is made of; the rest goes back to what it is by itself.
PARTS: dict[str, frozenset[str]] = {
    Kind.AMOUNT_OFF: THRESHOLD | {"amount_fen"},
    Kind.PERCENT: THRESHOLD | {"rate_pm", "cap_fen"},
    Kind.EXCHANGE: THRESHOLD,
    Kind.PASS: frozenset({"uses"}),
    Kind.NTH_UNIT: THRESHOLD | {"nth_n", "rate_pm"},
    Kind.MULTIPLIER: THRESHOLD | {"multiplier_pm"},
}
BY_ITSELF: dict[str, Any] = {
    "amount_fen": 0,
    "rate_pm": 1000,
    "cap_fen": None,
    "threshold_fen": 0,
    "threshold_on_list": False,
    "nth_n": 0,
    "multiplier_pm": 1000,
    "uses": 1,
}
SHORTEST, LONGEST = 7, 15  # days: outside of these a coupon is forgotten, or never reached


class TemplateForm(RuleForm):
    amount_fen = YuanField(label=lazy("amount off"), required=False, empty_is_zero=True)
    rate_pm = ZheField(
        label=lazy("discount"), required=False, help_text=lazy("8.5折: of ¥100 pay ¥85")
    )
    cap_fen = YuanField(label=lazy("takes off at most"), required=False)
    threshold_fen = YuanField(
        label=lazy("from a purchase of"),
        required=False,
        empty_is_zero=True,
        help_text=lazy(
            "After the member discount; once filled in, you may have it at list price instead."
            " Empty: any purchase."
        ),
    )
    budget_fen = YuanField(
        label=lazy("budget"),
        required=False,
        max_fen=MOST_BUDGET_FEN,
        help_text=lazy(
            "The most that all coupons of this kind may take off together. Each one given counts at"
            " once with the most it can take off, used or not. Empty: no limit."
        ),
    )
    multiplier_pm = TimesField(label=lazy("points times"), required=False, hide_one=True)

    class Meta:
        model = CouponTemplate
        fields = "__all__"
        help_texts = {
            "threshold_on_list": lazy(
                "The list prices of the goods count, whatever the member discount takes off."
            )
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        parts = PARTS.get(data.get("kind", ""), frozenset())
        for name, plain in BY_ITSELF.items():
            if name in self.fields and (name not in parts or data.get(name) is None):
                data[name] = plain
                if name in self.errors and name not in parts:
                    del self.errors[name]
        if not data.get("threshold_fen") and "threshold_fen" not in self.errors:
            data["threshold_on_list"] = False  # without a threshold the box is not on the page
        if data.get("scope") == "categories" and not data.get("categories"):
            self.add_error("categories", _("Choose at least one category."))
        if data.get("scope") == "products" and not data.get("products"):
            self.add_error("products", _("Choose at least one article."))
        if "code" in data:
            data["code"] = (data["code"] or "").strip().upper() or None
        return data

    def check(self) -> None:
        rule_checks.check_template(self.instance)


@admin.register(CouponTemplate)
class CouponTemplateAdmin(RuleAdmin):
    change = "rules"
    form = TemplateForm
    preview_template = "admin/coupon_preview.html"
    list_before_template = "admin/coupons_before.html"
    archive_words = lazy("No new ones are given; those in members’ hands stay usable.")
    list_display = ("name", "effect", "validity", "given", "budget", "in_hand", "used", "is_active")
    list_filter = (("kind", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter))
    search_fields = ("name", "code", "label")
    autocomplete_fields = ("products",)
    ordering = ("-is_active", "-pk")
    conditional_fields = {
        "amount_fen": "kind == 'amount_off'",
        "rate_pm": "kind == 'percent' || kind == 'nth_unit'",
        "cap_fen": "kind == 'percent'",
        "threshold_fen": "kind != 'pass'",
        "threshold_on_list": "kind != 'pass' && threshold_fen",
        "nth_n": "kind == 'nth_unit'",
        "multiplier_pm": "kind == 'multiplier'",
        "uses": "kind == 'pass'",
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
                    "amount_fen",
                    "rate_pm",
                    "cap_fen",
                    "threshold_fen",
                    "threshold_on_list",
                    "nth_n",
                    "multiplier_pm",
                    "uses",
                    "valid_days",
                )
            },
        ),
        (lazy("On its face"), {"classes": ["collapse"], "fields": ("label", "hint")}),
        (
            lazy("Where and when"),
            {
                "classes": ["collapse"],
                "fields": (
                    "scope",
                    "categories",
                    "products",
                    "shops",
                    "time_from",
                    "time_to",
                    "first_order_only",
                    "valid_from",
                    "valid_to",
                ),
            },
        ),
        (
            lazy("How many, and with what"),
            {
                "classes": ["collapse"],
                "fields": (
                    "stackable",
                    "not_with_member_discount",
                    "stock",
                    "budget_fen",
                    "per_member_limit",
                    "code",
                    "is_active",
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[CouponTemplate]:
        rows: QuerySet[CouponTemplate] = (
            super()
            .get_queryset(request)
            .annotate(
                active_count=Count("coupon", filter=Q(coupon__status="active")),
                used_count=Count("coupon", filter=Q(coupon__status="used")),
            )
        )
        return rows

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?line=满100减20 7天`` fills the form in."""
        read = sentence.read(request.GET.get("line", ""))
        return {"kind": Kind.AMOUNT_OFF, "valid_days": 14, **read}

    @admin.display(description=lazy("what it does"))
    def effect(self, row: CouponTemplate) -> str:
        return rule_words.coupon_words(row)

    @admin.display(description=lazy("validity"))
    def validity(self, row: CouponTemplate) -> str:
        return rule_words.validity_words(row)

    @admin.display(description=lazy("given"), ordering="issued_count")
    def given(self, row: CouponTemplate) -> str:
        return f"{row.issued_count:,}" + (f" / {row.stock:,}" if row.stock else "")

    @admin.display(description=lazy("budget"), ordering="budget_fen")
    def budget(self, row: CouponTemplate) -> str:
        if row.budget_fen is None:
            return "–"
        return f"{brief_yuan(row.budget_used_fen)} / {brief_yuan(row.budget_fen)}"

    @admin.display(description=lazy("usable now"))
    def in_hand(self, row: Any) -> str:
        return f"{row.active_count:,}"

    @admin.display(description=lazy("used"))
    def used(self, row: Any) -> str:
        if not row.issued_count:
            return "–"
        return f"{row.used_count:,} ({row.used_count * 100 // row.issued_count}%)"

    def keep(self, row: CouponTemplate, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        relations = {
            name: form.cleaned_data[name]
            for name in ("categories", "products", "shops")
            if name in form.cleaned_data
        }
        rule_changes.save_template(template=row, actor=actor, at=at, **relations)

    def drop(self, row: CouponTemplate, *, actor: Staff, at: dt.datetime) -> bool:
        return rule_changes.retire(row=row, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        row, data = form.instance, form.cleaned_data
        scope = {"categories": data.get("categories"), "products": data.get("products")}
        ids = [one.pk for one in scope.get(row.scope) or ()]
        shown: list[examples.Example] = []
        if not form.errors:
            rule = examples.template_rule(row, ids=ids, uses=row.uses)
            try:
                shown = examples.coupon_examples(rule=rule, at=at)
            except Refused:
                shown = []
        return {
            "worth": worth(row) if not form.errors else None,
            "effect": rule_words.coupon_words(row) if not form.errors else "",
            "validity": rule_words.validity_words(row) if not form.errors else "",
            "examples": [rule_words.example_view(one) for one in shown],
            "budget": _budget(row) if not form.errors else [],
            "hints": _hints(row),
        }


def _budget(row: CouponTemplate) -> list[str]:
    """How far the budget goes; one statement more for what was really given away."""
    if row.budget_fen is None:
        return []
    taken_off_fen = coupons.taken_off(row.pk) if row.issued_count else 0
    used_fen = coupons.budget_used(row) if row.issued_count else 0
    return rule_words.budget_words(row, used_fen=used_fen, taken_off_fen=taken_off_fen)


def _hints(row: CouponTemplate) -> list[str]:
    """What is allowed and seldom wise."""
    hints = []
    if row.valid_days is not None and not SHORTEST <= row.valid_days <= LONGEST:
        hints.append(
            _("Coupons valid for %(from)s to %(to)s days bring back the most customers.")
            % {"from": SHORTEST, "to": LONGEST}
        )
    if row.kind == Kind.AMOUNT_OFF and row.amount_fen and not row.threshold_fen:
        hints.append(_("Without a threshold the cheapest article may cost nothing."))
    return hints
