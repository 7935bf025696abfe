from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Category(models.Model):
    """A kind of article; may lie in another one."""

    name = models.CharField(_("name"), max_length=80)
    parent = models.ForeignKey(
        "self", models.PROTECT, verbose_name=_("lies in"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="category_name_not_empty"),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")),
                name="category_not_own_parent",
            ),
            models.UniqueConstraint(
                fields=["name", "parent"], name="category_unique", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """An article the shop sells. A placeholder stands for a SKU that an import did not know."""

    sku = models.CharField(_("SKU"), max_length=40, unique=True)
    barcode = models.CharField(_("barcode"), max_length=40, null=True, blank=True, unique=True)
    name = models.CharField(_("name"), max_length=120)
    pinyin = models.CharField(max_length=120, blank=True, editable=False)
    brand = models.CharField(_("brand"), max_length=80, blank=True)
    category = models.ForeignKey(
        Category, models.PROTECT, verbose_name=_("category"), null=True, blank=True
    )
    price_fen = models.BigIntegerField(_("price"), null=True, blank=True)
    is_placeholder = models.BooleanField(default=False)
    is_active = models.BooleanField(_("on sale"), default=True)

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ["sku"]
        constraints = [
            models.CheckConstraint(condition=~Q(sku=""), name="product_sku_not_empty"),
            models.CheckConstraint(
                condition=Q(price_fen__isnull=True) | Q(price_fen__gte=0),
                name="product_price_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.sku


class MemberPrice(models.Model):
    """What one article costs a member of one tier."""

    benefit = models.ForeignKey(
        "loyalty.Benefit", models.CASCADE, related_name="member_prices", db_index=False
    )
    product = models.ForeignKey(Product, models.PROTECT, verbose_name=_("article"))
    price_fen = models.BigIntegerField(_("member price"))

    class Meta:
        verbose_name = _("member price")
        verbose_name_plural = _("member prices")
        constraints = [
            models.UniqueConstraint(fields=["benefit", "product"], name="memberprice_unique"),
            models.CheckConstraint(condition=Q(price_fen__gte=0), name="memberprice_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} {self.price_fen}"
