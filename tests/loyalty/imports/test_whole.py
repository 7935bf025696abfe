"""The whole folder, where it exists: counted here by hand and compared with what was imported."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import Count, Sum

from loyalty.models import Order, OrderLine, PastRedemption, PastTarget, Product
from members.models import Member, Shop
from tests.loyalty.imports.folders import BEFORE, take_over, whole

pytestmark = pytest.mark.django_db


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_whole_year() -> None:
    folder = whole()
    with gzip.open(folder / "receipt_lines.csv.gz", "rt", encoding="utf-8", newline="") as packed:
        lines = list(csv.DictReader(packed))
    early = [line for line in lines if line["Sold at"] < BEFORE]
    paid: Counter[str] = Counter()
    for line in early:
        paid[line["Receipt No"]] += int(Decimal(line["Paid"]) * 100)
    discount = sum(Decimal(line["Discount"]) for line in early) * 100
    known = {row["SKU"] for row in rows(folder / "products.csv")}

    summary = take_over(folder, zone="America/New_York")

    assert summary.problems.found == []
    assert (len(paid), sum(paid.values())) == (30882, 90860724)
    orders = Order.objects.aggregate(Count("id"), Sum("base_fen"), Sum("gross_fen"))
    assert orders == {
        "id__count": len(paid),
        "base_fen__sum": sum(paid.values()),
        "gross_fen__sum": sum(paid.values()) + discount,
    }
    stored = dict(Order.objects.values_list("external_no", "base_fen"))
    assert stored == dict(paid)
    assert Order.objects.filter(is_valid=False).count() == sum(not fen for fen in paid.values())
    assert OrderLine.objects.count() == len(early)
    assert Member.objects.count() == len(rows(folder / "customers.csv")) == 493
    assert Shop.objects.count() == len({line["Shop"] for line in lines}) == 222
    assert Product.objects.filter(is_placeholder=False).count() == len(known)
    unknown = {line["SKU"] for line in lines} - known
    placeholders = Product.objects.filter(is_placeholder=True)
    assert {product.sku for product in placeholders} == unknown
    assert len(unknown) == 12
    assert PastTarget.objects.count() == len(rows(folder / "campaign_targets.csv"))
    assert PastRedemption.objects.count() == len(rows(folder / "coupon_redemptions.csv")) == 420

    again = take_over(folder, zone="America/New_York")
    assert not again.is_new
    assert Order.objects.count() == len(paid)

    rest = take_over(folder, zone="America/New_York", before="2018-12-31")
    assert rest.added["orders"] == 546
    assert Order.objects.count() == 31428
    total = sum(Decimal(line["Paid"]) for line in lines) * 100
    assert Order.objects.aggregate(Sum("base_fen")) == {"base_fen__sum": total}
