"""Cut twenty households out of the Journey folder: python tests/data/cut_journey.py FROM TO.

Deterministic: the same folder gives the same bytes. The households were chosen for their dirt:
articles that are not in the list (620, 650, 1605), receipts of 0.00 (20, 100, 270, 855, 1070,
1225, 1450, 2435), a paid line of quantity 0 (325, 830), 89,638 units of fuel (630), redemptions
without a receipt that day (490, 1990, 2455), a first receipt after 25 December (60), and members
with one receipt only (10, 1645).
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from pathlib import Path

HOUSEHOLDS = frozenset(
    {10, 20, 60, 100, 270, 325, 490, 620, 630, 650, 830, 855, 1070, 1225, 1450, 1605, 1645}
    | {1990, 2435, 2455}
)


def read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    packed = path.with_name(f"{path.name}.gz")
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    reader = csv.DictReader(io.StringIO(raw.decode(), newline=""))
    rows = list(reader)
    return list(reader.fieldnames or []), rows


def is_chosen(row: dict[str, str]) -> bool:
    return int(row["Customer No"]) in HOUSEHOLDS


def as_bytes(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def cut(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    columns, lines = read(source / "receipt_lines.csv")
    lines = [line for line in lines if is_chosen(line)]
    packed = gzip.compress(as_bytes(columns, lines), compresslevel=9, mtime=0)
    (target / "receipt_lines.csv.gz").write_bytes(packed)
    skus = {line["SKU"] for line in lines}
    for name in ("customers", "products", "campaigns", "campaign_targets", "coupon_redemptions"):
        columns, rows = read(source / f"{name}.csv")
        if name == "products":
            rows = [row for row in rows if row["SKU"] in skus]
        elif "Customer No" in columns:
            rows = [row for row in rows if is_chosen(row)]
        (target / f"{name}.csv").write_bytes(as_bytes(columns, rows))


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
