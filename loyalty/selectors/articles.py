"""Finding an article the way a cashier does: by barcode, by SKU, by a part of its name."""

from __future__ import annotations

from django.db.models import Q

from loyalty.models import Product
from members.text import name_key, plain

LIMIT = 8


def by_barcode(text: str) -> Product | None:
    return Product.objects.filter(barcode=plain(text), is_active=True).first()


def by_sku(text: str) -> Product | None:
    return Product.objects.filter(sku=plain(text), is_active=True).first()


def search(text: str, *, limit: int = LIMIT) -> list[Product]:
    """Articles on sale whose name has this part, or whose pinyin initials start with it."""
    words = plain(text)
    if not words:
        return []
    found = Q(name__icontains=words)
    key = name_key(words, length=120)
    if key and words.isascii():
        found |= Q(pinyin__startswith=key)
    articles = Product.objects.filter(found, is_active=True, is_placeholder=False)
    return list(articles.order_by("sku")[:limit])
