"""Articles and their categories."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter

from loyalty.admin.fields import YuanField
from loyalty.admin.planning import RuleAdmin, RuleForm
from loyalty.models import Category, Product
from loyalty.money import format_yuan
from loyalty.services import rule_changes, rule_checks
from members.models import Staff
from members.text import name_key


class ProductForm(RuleForm):
    price_fen = YuanField(label=lazy("price"), required=False)

    class Meta:
        model = Product
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "barcode" in data:
            data["barcode"] = (data["barcode"] or "").strip() or None
        return data

    def check(self) -> None:
        rule_checks.check_product(self.instance)


@admin.register(Product)
class ProductAdmin(RuleAdmin):
    change = "rules"
    form = ProductForm
    archive_words = lazy("It is no longer found at the counter; old purchases keep it.")
    list_display = ("sku", "name", "category", "price", "barcode", "is_active")
    list_display_links = ("sku", "name")
    list_filter = (("category", RelatedDropdownFilter), ("is_active", BooleanRadioFilter))
    list_select_related = ("category",)
    search_fields = ("name", "pinyin__istartswith", "sku__istartswith", "barcode__exact")
    search_help_text = lazy("Name, its initials, SKU or barcode")
    ordering = ("sku",)
    fields = ("sku", "name", "category", "price_fen", "barcode", "brand", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        found: QuerySet[Product] = super().get_queryset(request)
        return found

    @admin.display(description=lazy("price"), ordering="price_fen")
    def price(self, row: Product) -> str:
        return "–" if row.price_fen is None else format_yuan(row.price_fen)

    def keep(self, row: Product, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        row.pinyin = name_key(row.name, length=120)
        row.is_placeholder = False
        rule_changes.save_product(product=row, actor=actor, at=at)


class CategoryForm(RuleForm):
    class Meta:
        model = Category
        fields = ("name", "parent")

    def check(self) -> None:
        rule_checks.check_category(self.instance)


@admin.register(Category)
class CategoryAdmin(RuleAdmin):
    change = "rules"
    form = CategoryForm
    fields = ("name", "parent")
    list_display = ("name", "parent", "articles")
    list_select_related = ("parent",)
    search_fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        found: QuerySet[Category] = (
            super().get_queryset(request).annotate(articles_count=Count("product"))
        )
        return found

    @admin.display(description=lazy("articles"), ordering="articles_count")
    def articles(self, row: Any) -> str:
        return f"{row.articles_count:,}"

    def keep(self, row: Category, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        rule_changes.save_category(category=row, actor=actor, at=at)

    def drop(self, row: Category, *, actor: Staff, at: dt.datetime) -> bool:
        return rule_changes.retire(row=row, actor=actor, at=at)
