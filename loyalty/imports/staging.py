"""What was read, copied into temporary tables as it is, for statements over whole sets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _

from loyalty.imports.journey import NAME_MAX, JourneyFolder
from members.text import name_key

Progress = Callable[[str], None]

TABLES = {
    "import_customer": "row int, no text PRIMARY KEY",
    "import_trait": "customer_no text, tag text",
    "import_article": "sku text PRIMARY KEY, name text, pinyin text, brand text,"
    " department text, category text, category_id bigint",
    "import_shop": "code text PRIMARY KEY, row int",
    "import_sku": "sku text PRIMARY KEY, row int",
    "import_receipt": "id int PRIMARY KEY, row int, no text, customer_no text, shop text,"
    " at timestamptz, local_date date",
    "import_line": "receipt int, index int, sku text, quantity bigint, paid bigint,"
    " discount bigint",
    "import_campaign": "no text PRIMARY KEY, kind text, starts date, ends date",
    "import_target": "row int, campaign text, customer_no text",
    "import_redemption": "row int, campaign text, customer_no text, coupon text, day date,"
    " number int",
    "import_new_member": "id bigint PRIMARY KEY, customer_no text",
    "import_new_order": "id bigint PRIMARY KEY, receipt int UNIQUE, member_id bigint",
}
SAID_EVERY = 50_000  # lines read between two words of progress


@dataclass(slots=True)
class Staged:
    """What lies in the temporary tables, by count; ``later`` are receipts from the day on."""

    customers: int = 0
    receipts: int = 0
    lines: int = 0
    later: int = 0
    left_out: int = 0


def make_tables() -> None:
    """Fresh temporary tables; they vanish with the transaction."""
    with connection.cursor() as cursor:
        for name, columns in TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
            cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")


def drop_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {', '.join(TABLES)}")


def fill(source: JourneyFolder, *, before: dt.date, zone: ZoneInfo, progress: Progress) -> Staged:
    """Copy everything readable into the temporary tables; receipts only from before ``before``.

    ``zone`` says what the local times mean. A time that the clock skipped counts as if the
    clock had not been moved yet; of an hour that came twice the first is meant.
    """
    staged = Staged()
    traits: list[tuple[str, str]] = []

    def customers() -> Iterable[Sequence[object]]:
        for one in source.customers():
            traits.extend((one.no, f"{column} {value}") for column, value in one.traits)
            staged.customers += 1
            yield one.row, one.no

    _copy("import_customer", "row, no", customers())
    _copy("import_trait", "customer_no, tag", traits)
    _copy(
        "import_article",
        "sku, name, pinyin, brand, department, category",
        (
            (
                a.sku,
                a.name or a.sku,
                name_key(a.name, length=NAME_MAX),
                a.brand,
                a.department,
                a.category,
            )
            for a in source.articles()
        ),
    )
    _receipts(source, before, zone, progress, staged)
    _copy(
        "import_campaign",
        "no, kind, starts, ends",
        ((c.no, c.kind, c.starts, c.ends) for c in source.campaigns()),
    )
    _copy("import_target", "row, campaign, customer_no", source.targets())
    _redemptions(source)
    with connection.cursor() as cursor:
        for name in TABLES:
            cursor.execute(f"ANALYZE {name}")
    return staged


@dataclass(slots=True)
class _Seen:
    """What the lines name, with the first row that named it; receipts by their own number."""

    shops: dict[str, int] = field(default_factory=dict)
    skus: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, tuple[int, int, str, str, dt.datetime]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    later: set[str] = field(default_factory=set)


def _receipts(
    source: JourneyFolder, before: dt.date, zone: ZoneInfo, progress: Progress, staged: Staged
) -> None:
    seen = _Seen()
    _copy(
        "import_line",
        "receipt, index, sku, quantity, paid, discount",
        _lines(source, before, progress, seen),
    )
    # Shops and articles of later receipts too, so that these can be rung up.
    _copy("import_shop", "code, row", seen.shops.items())
    _copy("import_sku", "sku, row", seen.skus.items())
    good = [
        (number, row, no, customer or None, shop, sold_at.replace(tzinfo=zone), sold_at.date())
        for no, (number, row, customer, shop, sold_at) in seen.receipts.items()
        if no not in source.bad_receipts
    ]
    _copy("import_receipt", "id, row, no, customer_no, shop, at, local_date", good)
    staged.receipts = len(good)
    staged.lines = sum(seen.lengths[entry[2]] for entry in good)
    staged.later = len(seen.later - source.bad_receipts)
    staged.left_out = len(source.bad_receipts)


def _lines(
    source: JourneyFolder, before: dt.date, progress: Progress, seen: _Seen
) -> Iterable[Sequence[object]]:
    for count, line in enumerate(source.lines(), start=1):
        if count % SAID_EVERY == 0:
            progress(_("%(count)s lines") % {"count": f"{count:,}"})
        seen.shops.setdefault(line.shop, line.row)
        seen.skus.setdefault(line.sku, line.row)
        no = line.receipt_no
        if line.sold_at.date() >= before:
            seen.later.add(no)
            continue
        head = seen.receipts.get(no)
        if head is None:
            head = (len(seen.receipts), line.row, line.customer_no, line.shop, line.sold_at)
            seen.receipts[no] = head
        index = seen.lengths.get(no, 0)
        seen.lengths[no] = index + 1
        yield head[0], index, line.sku, line.quantity, line.paid_fen, line.discount_fen


def _redemptions(source: JourneyFolder) -> None:
    numbers: dict[tuple[object, ...], int] = {}

    def rows() -> Iterable[Sequence[object]]:
        for one in source.redemptions():
            key = one[1:]
            number = numbers.get(key, 0)
            numbers[key] = number + 1
            yield one.row, one.campaign, one.customer_no, one.coupon, one.day, number

    _copy("import_redemption", "row, campaign, customer_no, coupon, day, number", rows())


def _copy(table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
