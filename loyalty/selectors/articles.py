"""Finding an article the way a cashier does: by barcode, by SKU, by a part of its name."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models import Count, Q

from loyalty.models import Order, Product
from members.models import Shop
from members.store import StoreError
from members.text import name_key, plain

LIMIT = 8
TILES = 12
TILES_FROM = 200  # of the shop's newest orders
TILES_KEPT_S = 600


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


def tiles(shop: Shop) -> list[Product]:
    """What this shop sells most these days, then by SKU, to be tapped; worked out now and then."""
    key = f"tiles:{shop.pk}"
    try:
        ids: list[int] | None = cache.get(key)
    except StoreError:
        return []  # only a convenience: not worth ranking the sales anew for every page
    on_sale = Product.objects.filter(is_active=True, is_placeholder=False, price_fen__gt=0)
    if ids is None:
        newest = Order.objects.filter(shop=shop).order_by("-local_date", "-pk")
        sold = on_sale.filter(orderline__order__in=newest.values("pk")[:TILES_FROM])
        ranked = sold.annotate(times=Count("pk")).order_by("-times", "pk")
        ids = list(ranked.values_list("pk", flat=True)[:TILES])
        rest = on_sale.exclude(pk__in=ids).order_by("sku").values_list("pk", flat=True)
        ids += list(rest[: TILES - len(ids)])
        cache.set(key, ids, TILES_KEPT_S)
    found = on_sale.in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]
