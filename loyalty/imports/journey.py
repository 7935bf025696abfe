"""The Journey export: six CSV files with their own column names, decimal money, local times.

Only reads: yields rows with integer fen and naive local times, in the files' order. A value that
cannot be read leaves its row out and is noted; a file that is not what it should be (missing, a
column missing, a row of another length, not UTF-8) refuses the whole.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TypeVar

from django.utils.translation import gettext_lazy as _

from loyalty.imports.problems import Problems
from loyalty.money import MoneyTextError, parse_yuan
from members.errors import Refusal

# Column widths of ours that the values must fit.
NUMBER_MAX = 64
CODE_MAX = 32
SKU_MAX = 40
NAME_MAX = 120
BRAND_MAX = 80
QUANTITY_DIGITS = 12

FILES: dict[str, tuple[str, ...]] = {
    "customers": ("Customer No", "Age", "Income", "Household", "Kids"),
    "products": ("SKU", "Name", "Category", "Department", "Brand"),
    "receipt_lines": (
        "Customer No",
        "Receipt No",
        "Shop",
        "Sold at",
        "SKU",
        "Qty",
        "Paid",
        "Discount",
    ),
    "campaigns": ("Campaign", "Type", "Starts", "Ends"),
    "campaign_targets": ("Campaign", "Customer No"),
    "coupon_redemptions": ("Customer No", "Campaign", "Coupon", "Redeemed on"),
}

Row = TypeVar("Row")


class Customer(NamedTuple):
    """``traits`` are what little is known, as (column, value)."""

    row: int
    no: str
    traits: tuple[tuple[str, str], ...]


class Article(NamedTuple):
    row: int
    sku: str
    name: str
    category: str
    department: str
    brand: str


class ReceiptLine(NamedTuple):
    """``paid_fen`` is what was paid for the whole line, ``discount_fen`` what was taken off
    before; ``customer_no`` is empty for a guest. ``sold_at`` is the shop's local time, naive."""

    row: int
    customer_no: str
    receipt_no: str
    shop: str
    sold_at: dt.datetime
    sku: str
    quantity: int
    paid_fen: int
    discount_fen: int


class Campaign(NamedTuple):
    row: int
    no: str
    kind: str
    starts: dt.date
    ends: dt.date


class Target(NamedTuple):
    row: int
    campaign: str
    customer_no: str


class Redemption(NamedTuple):
    row: int
    customer_no: str
    campaign: str
    coupon: str
    day: dt.date


@dataclass(slots=True)
class JourneyFolder:
    """The six files. ``bad_receipts`` are those with a line that could not be read: a receipt is
    taken over whole or not at all, so they are known only when all lines have been read."""

    folder: Path
    problems: Problems = field(default_factory=Problems)
    bad_receipts: set[str] = field(default_factory=set)

    def check(self) -> None:
        """Refuse a folder that is none, lacks a file, or a file that lacks a column."""
        if not self.folder.is_dir():
            raise Refusal(
                "folder_missing",
                _("There is no folder %(folder)s. Give the folder that holds the CSV files.")
                % {"folder": self.folder},
            )
        for stem in FILES:
            with self._open(stem) as (name, lines):
                self._columns(stem, name, csv.reader(lines))

    def customers(self) -> Iterator[Customer]:
        def read(row: int, cells: Sequence[str]) -> Customer:
            number = _text(cells[0], NUMBER_MAX)
            known = zip(FILES["customers"][1:], cells[1:], strict=True)
            traits = tuple((column, _text(cell, 20)) for column, cell in known if cell.strip())
            return Customer(row, number, traits)

        return self._once("customers", read, lambda one: one.no)

    def articles(self) -> Iterator[Article]:
        def read(row: int, cells: Sequence[str]) -> Article:
            sku, name, category, department, brand = cells
            return Article(
                row,
                _text(sku, SKU_MAX),
                _text(name, NAME_MAX, empty=True),
                _text(category, BRAND_MAX, empty=True),
                _text(department, BRAND_MAX, empty=True),
                _text(brand, BRAND_MAX, empty=True),
            )

        return self._once("products", read, lambda one: one.sku)

    def lines(self) -> Iterator[ReceiptLine]:
        """Every line that can be read, those of a bad receipt too (see ``bad_receipts``)."""
        heads: dict[str, tuple[str, str, dt.datetime]] = {}

        def read(row: int, cells: Sequence[str]) -> ReceiptLine:
            customer, receipt, shop, sold_at, sku, quantity, paid, discount = cells
            line = ReceiptLine(
                row,
                _text(customer, NUMBER_MAX, empty=True),
                _text(receipt, NUMBER_MAX),
                _text(shop, CODE_MAX),
                _moment(sold_at),
                _text(sku, SKU_MAX),
                _quantity(quantity),
                _fen(paid),
                _fen(discount),
            )
            head = (line.customer_no, line.shop, line.sold_at)
            if heads.setdefault(line.receipt_no, head) != head:
                raise Refusal(
                    "receipt_mixed",
                    _("This receipt has another customer, shop or time in an earlier row."),
                )
            return line

        return self._rows(
            "receipt_lines", read, lambda cells: self.bad_receipts.add(cells[1].strip())
        )

    def campaigns(self) -> Iterator[Campaign]:
        def read(row: int, cells: Sequence[str]) -> Campaign:
            number, kind, starts, ends = cells
            campaign = Campaign(
                row,
                _text(number, CODE_MAX),
                _text(kind, CODE_MAX, empty=True),
                _day(starts),
                _day(ends),
            )
            if campaign.ends < campaign.starts:
                raise Refusal("dates_reversed", _("It ends before it starts."))
            return campaign

        return self._once("campaigns", read, lambda one: one.no)

    def targets(self) -> Iterator[Target]:
        def read(row: int, cells: Sequence[str]) -> Target:
            return Target(row, _text(cells[0], CODE_MAX), _text(cells[1], NUMBER_MAX))

        return self._once("campaign_targets", read, lambda one: one[1:])

    def redemptions(self) -> Iterator[Redemption]:
        """Equal rows are kept: the same coupon may have been redeemed twice on one day."""

        def read(row: int, cells: Sequence[str]) -> Redemption:
            customer, campaign, coupon, day = cells
            return Redemption(
                row,
                _text(customer, NUMBER_MAX),
                _text(campaign, CODE_MAX),
                _text(coupon, CODE_MAX),
                _day(day),
            )

        return self._rows("coupon_redemptions", read)

    # --- One file ---

    def file_name(self, stem: str) -> str:
        """The file's name as it lies in the folder: packed or plain."""
        for name in (f"{stem}.csv", f"{stem}.csv.gz"):
            if (self.folder / name).is_file():
                return name
        raise Refusal(
            "file_missing",
            _("There is no %(file)s.csv in %(folder)s. Put it there, or its .csv.gz.")
            % {"file": stem, "folder": self.folder},
        )

    def _once(
        self,
        stem: str,
        read: Callable[[int, Sequence[str]], Row],
        key: Callable[[Row], object],
    ) -> Iterator[Row]:
        seen: set[object] = set()

        def read_once(row: int, cells: Sequence[str]) -> Row:
            one = read(row, cells)
            if key(one) in seen:
                raise Refusal("row_twice", _("The same is in an earlier row; that one counts."))
            seen.add(key(one))
            return one

        return self._rows(stem, read_once)

    def _rows(
        self,
        stem: str,
        read: Callable[[int, Sequence[str]], Row],
        on_bad: Callable[[Sequence[str]], None] | None = None,
    ) -> Iterator[Row]:
        with self._open(stem) as (name, lines):
            reader = csv.reader(lines)
            columns, width = self._columns(stem, name, reader)
            pick = itemgetter(*columns)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != width:
                    raise Refusal(
                        "row_unreadable",
                        _(
                            "Row %(row)s of %(file)s has %(found)s columns instead of "
                            "%(expected)s. Mend the file; nothing was imported."
                        )
                        % {
                            "row": reader.line_num,
                            "file": name,
                            "found": len(cells),
                            "expected": width,
                        },
                    )
                picked = pick(cells)
                try:
                    one = read(reader.line_num, picked)
                except Refusal as error:
                    content = ",".join(cells)
                    self.problems.add(file=name, row=reader.line_num, error=error, content=content)
                    if on_bad:
                        on_bad(picked)
                    continue
                yield one

    def _columns(self, stem: str, name: str, reader: Iterator[list[str]]) -> tuple[list[int], int]:
        """Where our columns are in this file, and how many columns it has."""
        header = [cell.strip() for cell in next(reader, [])]
        missing = [column for column in FILES[stem] if column not in header]
        if missing:
            raise Refusal(
                "column_missing",
                _("%(file)s has no column %(columns)s. Its first row must name the columns.")
                % {"file": name, "columns": ", ".join(missing)},
            )
        return [header.index(column) for column in FILES[stem]], len(header)

    @contextmanager
    def _open(self, stem: str) -> Iterator[tuple[str, io.TextIOBase]]:
        name = self.file_name(stem)
        path = self.folder / name
        try:
            with (
                gzip.open(path) if name.endswith(".gz") else path.open("rb") as packed,
                io.TextIOWrapper(packed, encoding="utf-8-sig", newline="") as lines,
            ):
                yield name, lines
        except UnicodeDecodeError as error:
            raise Refusal(
                "file_not_utf8",
                _("%(file)s is not written in UTF-8. Export it again as UTF-8.") % {"file": name},
            ) from error
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise Refusal(
                "file_unreadable",
                _("%(file)s cannot be read (%(reason)s). Copy or export it again.")
                % {"file": name, "reason": error},
            ) from error


# --- One value ---


def _text(cell: str, limit: int, *, empty: bool = False) -> str:
    text = cell.strip()
    if not text and not empty:
        raise Refusal("value_missing", _("A value is missing."))
    if len(text) > limit:
        raise Refusal(
            "value_too_long",
            _("A value is longer than %(limit)s characters.") % {"limit": limit},
        )
    if "\0" in text:
        raise Refusal("value_unreadable", _("A value holds a character that is no text."))
    return text


@lru_cache(maxsize=4096)
def _fen(cell: str) -> int:
    try:
        return parse_yuan(cell)
    except MoneyTextError as error:
        raise Refusal(
            error.code,
            _("“%(value)s” is no amount of money from 0.00 up with two decimals.")
            % {"value": cell},
        ) from error


def _quantity(cell: str) -> int:
    text = cell.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= QUANTITY_DIGITS):
        raise Refusal(
            "quantity_unreadable",
            _("“%(value)s” is no quantity: a whole number from 0 up.") % {"value": cell},
        )
    return int(text)


@lru_cache(maxsize=4096)
def _moment(cell: str) -> dt.datetime:
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return dt.datetime.strptime(cell.strip(), form)  # noqa: DTZ007 (local, as written)
        except ValueError:
            continue
    raise Refusal(
        "time_unreadable",
        _("“%(value)s” is no local time like 2017-12-26 18:30:00.") % {"value": cell},
    )


def _day(cell: str) -> dt.date:
    return parse_day(cell.strip())


def parse_day(text: str) -> dt.date:
    """A day written as 2017-12-26. Raises Refusal ``date_unreadable``."""
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 (a calendar day)
    except ValueError as error:
        raise Refusal(
            "date_unreadable",
            _("“%(value)s” is no day like 2017-12-26.") % {"value": text},
        ) from error
