"""Folders to import: the cut of twenty households, the whole where it exists, and small ones."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
from pathlib import Path

import pytest

from loyalty.imports.receipts import Summary, import_receipts

AT = dt.datetime(2026, 5, 20, 2, 0, tzinfo=dt.UTC)
BEFORE = "2017-12-26"
CUT = Path(__file__).parents[2] / "data" / "journey"
WHOLE = Path(__file__).parents[4] / "shared" / "data" / "journey"

SMALL = {
    "customers": "Customer No,Age,Income,Household,Kids\n7,45-54,,2,\n8,,,,\n",
    "products": "SKU,Name,Category,Department,Brand\nA1,Tea,DRINKS,GROCERY,Own\n",
    "receipt_lines": (
        "Customer No,Receipt No,Shop,Sold at,SKU,Qty,Paid,Discount\n"
        "7,R1,S1,2017-03-01 10:00:00,A1,3,1.00,0.20\n"
        "7,R1,S1,2017-03-01 10:00:00,B2,1,2.50,0.00\n"
        "8,R2,S1,2017-03-02 23:30:00,A1,1,0.99,0.00\n"
    ),
    "campaigns": "Campaign,Type,Starts,Ends\n1,Type B,2017-03-01,2017-04-01\n",
    "campaign_targets": "Campaign,Customer No\n1,7\n",
    "coupon_redemptions": "Customer No,Campaign,Coupon,Redeemed on\n7,1,5000,2017-03-01\n",
}


def whole() -> Path:
    """The whole folder. Where it is missing the test is skipped; on CI that is a failure."""
    if not WHOLE.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("../shared/data/journey must lie beside the repository on CI")
        pytest.skip("../shared/data/journey is not on this machine")
    return WHOLE


def small(folder: Path, **changed: str | None) -> Path:
    """A folder of two customers and two receipts; a file given as None is not written."""
    home = folder / "export"
    home.mkdir()
    for stem, content in {**SMALL, **changed}.items():
        if content is not None:
            (home / f"{stem}.csv").write_text(content, encoding="utf-8")
    return home


def take_over(
    folder: Path, *, before: str = BEFORE, zone: str = "UTC", with_points: bool = False
) -> Summary:
    return import_receipts(
        folder=folder,
        before=before,
        zone=zone,
        with_points=with_points,
        actor=None,
        at=AT,
        progress=lambda text: None,
    )


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
