"""The whole year, where the folder exists: counted here by hand, imported, rung up, repeated."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import Count, Sum
from django.utils import translation

from loyalty.models import Order, OrderLine, PastRedemption, PastTarget, Product, Refund
from members.models import Member, Shop
from tests import factories
from tests.conftest import LiveDatabase
from tests.loyalty.imports.folders import BEFORE, take_over, whole
from tests.loyalty.imports.servers import counter


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def lines_of(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "receipt_lines.csv.gz", "rt", encoding="utf-8", newline="") as packed:
        return list(csv.DictReader(packed))


def paid_by_receipt(lines: list[dict[str, str]]) -> dict[str, int]:
    """Fen by receipt number."""
    paid: Counter[str] = Counter()
    for line in lines:
        paid[line["Receipt No"]] += int(Decimal(line["Paid"]) * 100)
    return dict(paid)


def check_import(folder: Path, lines: list[dict[str, str]]) -> None:
    early = [line for line in lines if line["Sold at"] < BEFORE]
    paid = paid_by_receipt(early)
    discount = sum(Decimal(line["Discount"]) for line in early) * 100
    assert (len(paid), sum(paid.values())) == (30882, 90860724)
    assert dict(Order.objects.values_list("external_no", "base_fen")) == paid
    assert Order.objects.aggregate(Sum("gross_fen"), Sum("base_fen")) == {
        "gross_fen__sum": sum(paid.values()) + discount,
        "base_fen__sum": sum(paid.values()),
    }
    assert Order.objects.filter(is_valid=False).count() == sum(not fen for fen in paid.values())
    assert OrderLine.objects.count() == len(early)
    assert Member.objects.count() == len(rows(folder / "customers.csv")) == 493
    assert Shop.objects.exclude(code="main").count() == len({x["Shop"] for x in lines}) == 222
    known = {row["SKU"] for row in rows(folder / "products.csv")}
    assert Product.objects.filter(is_placeholder=False).count() == len(known)
    unknown = {line["SKU"] for line in lines} - known
    placeholders = Product.objects.filter(is_placeholder=True)
    assert {product.sku for product in placeholders} == unknown
    assert len(unknown) == 12
    assert PastTarget.objects.count() == len(rows(folder / "campaign_targets.csv"))
    assert PastRedemption.objects.count() == len(rows(folder / "coupon_redemptions.csv")) == 420


def ring(folder: Path, url: str, first_day: str) -> list[str]:
    out = StringIO()
    options = [f"--url={url}", "--username=zhou", f"--password={factories.PASSWORD}"]
    with translation.override("en"):
        call_command("ring_up", str(folder), f"--from={first_day}", *options, stdout=out)
    return [line for line in out.getvalue().splitlines() if " / " not in line]


def state() -> tuple[object, ...]:
    return (
        Order.objects.aggregate(Count("id"), Sum("gross_fen"), Sum("refunded_base_fen")),
        Refund.objects.count(),
    )


@pytest.mark.long
def test_the_whole_year(live_db: LiveDatabase) -> None:
    folder = whole()
    lines = lines_of(folder)
    factories.owner()
    summary = take_over(folder, zone="America/New_York")
    assert summary.problems.found == []
    check_import(folder, lines)
    assert not take_over(folder, zone="America/New_York").is_new

    with counter() as url:
        ring(folder, url, BEFORE)
        paid = paid_by_receipt(lines)
        rung = dict(Order.objects.values_list("external_no", "base_fen"))
        assert rung == paid
        assert len(rung) == 31428
        assert Refund.objects.count() == 53
        after = state()
        assert ring(folder, url, "2017-12-31")[1:3] == ["Receipts: 139", "Orders made: 0"]
        assert state() == after
    call_command("reconcile", stdout=StringIO())
