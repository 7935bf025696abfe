"""Folders and rows that cannot be taken over: a code, a sentence, and nothing half done."""

from __future__ import annotations

import gzip
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import translation

from loyalty.imports.problems import HEADER, defused
from loyalty.imports.receipts import IMPORTING
from loyalty.models import Order, PastRedemption, PastTarget, Product
from members.errors import Refusal
from members.models import Event, Member, Shop
from tests.loyalty.imports.folders import CUT, SMALL, rows_of, small, take_over
from tests.servers import database_url

pytestmark = pytest.mark.django_db

LINES = SMALL["receipt_lines"]


def nothing_changed() -> bool:
    return not any(model.objects.exists() for model in (Member, Shop, Product, Order, Event))


def refused(folder: Path, **how: str) -> Refusal:
    with pytest.raises(Refusal) as refusal, translation.override("en"):
        take_over(folder, **how)  # type: ignore[arg-type]
    assert nothing_changed()
    return refusal.value


@pytest.mark.parametrize("before", ["", "26.12.2017", "2017-13-01", "20171226", "2017-12-26 00:00"])
def test_bad_date(before: str) -> None:
    error = refused(CUT, before=before)
    assert error.code == "date_unreadable"
    assert str(error.message) == f"“{before}” is no day like 2017-12-26."


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe", "GMT+25"])
def test_unknown_zone(zone: str) -> None:
    error = refused(CUT, zone=zone)
    assert error.code == "zone_unknown"
    assert (
        str(error.message) == f"There is no time zone “{zone}”. Write it like Asia/Shanghai or UTC."
    )


def test_no_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere").code == "folder_missing"


def test_another_folder(tmp_path: Path) -> None:
    error = refused(tmp_path)
    assert error.code == "file_missing"
    assert (
        str(error.message)
        == f"There is no customers.csv in {tmp_path}. Put it there, or its .csv.gz."
    )


@pytest.mark.parametrize("stem", list(SMALL))
def test_missing_file(tmp_path: Path, stem: str) -> None:
    assert refused(small(tmp_path, **{stem: None})).code == "file_missing"


@pytest.mark.parametrize("stem", list(SMALL))
def test_missing_column(tmp_path: Path, stem: str) -> None:
    header, _newline, rest = SMALL[stem].partition("\n")
    last = header.split(",")[-1]
    content = header.replace(last, "Something") + "\n" + rest
    error = refused(small(tmp_path, **{stem: content}))
    assert error.code == "column_missing"
    assert (
        str(error.message)
        == f"{stem}.csv has no column {last}. Its first row must name the columns."
    )


def test_empty_file(tmp_path: Path) -> None:
    assert refused(small(tmp_path, products="")).code == "column_missing"


def test_a_row_of_another_length(tmp_path: Path) -> None:
    error = refused(small(tmp_path, receipt_lines=LINES + "7,R3,S1,2017-03-03 10:00:00,A1,3\n"))
    assert error.code == "row_unreadable"
    assert str(error.message) == (
        "Row 5 of receipt_lines.csv has 6 columns instead of 8. "
        "Mend the file; nothing was imported."
    )


def test_another_encoding(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "products.csv").write_bytes((SMALL["products"] + "B9,茶,,,\n").encode("gb18030"))
    assert refused(folder).code == "file_not_utf8"


def test_a_broken_archive(tmp_path: Path) -> None:
    folder = small(tmp_path, receipt_lines=None)
    packed = gzip.compress((LINES * 500).encode())
    (folder / "receipt_lines.csv.gz").write_bytes(packed[: len(packed) // 2])
    assert refused(folder).code == "file_unreadable"
    (folder / "receipt_lines.csv.gz").write_bytes(b"PK no gzip")
    assert refused(folder).code == "file_unreadable"


def test_another_import_at_the_same_time(tmp_path: Path) -> None:
    folder = small(tmp_path)
    other = psycopg.connect(database_url(connection.settings_dict["NAME"]))
    with other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORTING])
        error = refused(folder)
    assert (error.code, str(error.message)) == (
        "import_running",
        "Another import is running. Wait until it has ended.",
    )
    assert take_over(folder).is_new


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("7,R9,S1,2017-03-03 10:00:00,A1,1,-1.00,0.00", "amount_negative"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,1,1.005,0.00", "amount_decimals"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,1,10000000000.00,0.00", "amount_too_large"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,1,abc,0.00", "amount_unreadable"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,1,1e3,0.00", "amount_unreadable"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,1,1.00,-0.10", "amount_negative"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,-1,1.00,0.00", "quantity_unreadable"),
        ("7,R9,S1,2017-03-03 10:00:00,A1,1.5,1.00,0.00", "quantity_unreadable"),
        ("7,R9,S1,2017-02-29 10:00:00,A1,1,1.00,0.00", "time_unreadable"),
        ("7,R9,S1,2017-03-03,A1,1,1.00,0.00", "time_unreadable"),
        ("7,R9,,2017-03-03 10:00:00,A1,1,1.00,0.00", "value_missing"),
        ("7,R9,S1,2017-03-03 10:00:00,,1,1.00,0.00", "value_missing"),
        (f"7,R9,S1,2017-03-03 10:00:00,{'A' * 41},1,1.00,0.00", "value_too_long"),
        ("7,R9,S1,2017-03-03 10:00:00,A\0,1,1.00,0.00", "value_unreadable"),
        ("8,R9,S1,2017-03-03 10:00:00,A1,1,1.00,0.00", "receipt_mixed"),
        ("7,R9,S2,2017-03-03 10:00:00,A1,1,1.00,0.00", "receipt_mixed"),
        ("7,R9,S1,2017-03-03 10:00:01,A1,1,1.00,0.00", "receipt_mixed"),
    ],
)
def test_a_receipt_with_a_bad_line_is_left_out_whole(tmp_path: Path, row: str, code: str) -> None:
    good = "7,R9,S1,2017-03-03 10:00:00,A1,1,5.00,0.00\n"
    folder = small(tmp_path, receipt_lines=LINES + good + row + "\n")
    summary = take_over(folder)
    assert [(one.file, one.row, one.code) for one in summary.problems.found] == [
        ("receipt_lines.csv", 6, code)
    ]
    assert summary.found.left_out == 1
    assert list(Order.objects.order_by("id").values_list("external_no", "base_fen")) == [
        ("R1", 350),
        ("R2", 99),
    ]
    # Mended and imported again, only the receipt that was left out is added.
    (folder / "receipt_lines.csv").write_text(LINES + good, "utf-8")
    assert take_over(folder).added["orders"] == 1
    assert Order.objects.get(external_no="R9").base_fen == 500


def test_unknown_customers_and_campaigns(tmp_path: Path) -> None:
    folder = small(
        tmp_path,
        receipt_lines=LINES + "99,R9,S1,2017-03-03 10:00:00,A1,1,5.00,0.00\n",
        campaign_targets=SMALL["campaign_targets"] + "1,99\n2,7\n",
        coupon_redemptions=SMALL["coupon_redemptions"] + "99,1,5000,2017-03-01\n",
    )
    summary = take_over(folder)
    assert [(one.file, one.row, one.code, one.content) for one in summary.problems.found] == [
        ("receipt_lines.csv", 5, "customer_unknown", "99"),
        ("campaign_targets.csv", 3, "customer_unknown", "99"),
        ("campaign_targets.csv", 4, "campaign_unknown", "2"),
        ("coupon_redemptions.csv", 3, "customer_unknown", "99"),
    ]
    assert Order.objects.count() == 2
    assert (PastTarget.objects.count(), PastRedemption.objects.count()) == (1, 1)


def test_rows_that_come_twice(tmp_path: Path) -> None:
    folder = small(
        tmp_path,
        customers=SMALL["customers"] + "7,,,,\n",
        products=SMALL["products"] + "A1,Other,,,\n",
        campaigns=SMALL["campaigns"] + "1,Type A,2017-01-01,2017-02-01\n",
        campaign_targets=SMALL["campaign_targets"] + "1,7\n",
        coupon_redemptions=SMALL["coupon_redemptions"] + "7,1,5000,2017-03-01\n",
    )
    summary = take_over(folder)
    assert [(one.file, one.code) for one in summary.problems.found] == [
        ("customers.csv", "row_twice"),
        ("products.csv", "row_twice"),
        ("campaigns.csv", "row_twice"),
        ("campaign_targets.csv", "row_twice"),
    ]
    assert Product.objects.get(sku="A1").name == "Tea"
    # The same coupon may be redeemed twice on one day.
    rows = PastRedemption.objects.order_by("row").values_list("coupon_no", "row")
    assert list(rows) == [("5000", 0), ("5000", 1)]
    assert take_over(folder).added["redemptions"] == 0


def test_a_guest_receipt(tmp_path: Path) -> None:
    row = ",R9,S1,2017-03-03 10:00:00,A1,1,5.00,0.00\n"
    take_over(small(tmp_path, receipt_lines=LINES + row), with_points=True)
    order = Order.objects.get(external_no="R9")
    assert (order.member, order.base_fen, order.points_earned) == (None, 500, 0)


def test_the_hour_that_the_clock_skips(tmp_path: Path) -> None:
    """02:30 on 12 March 2017 does not exist in New York: it is half an hour after 02:00 EST."""
    row = "7,R9,S1,2017-03-12 02:30:00,A1,1,5.00,0.00\n"
    take_over(small(tmp_path, receipt_lines=LINES + row), zone="America/New_York")
    order = Order.objects.get(external_no="R9")
    assert order.at.isoformat() == "2017-03-12T07:30:00+00:00"
    assert order.local_date.isoformat() == "2017-03-12"


def test_columns_in_another_order_and_more_of_them(tmp_path: Path) -> None:
    lines = "\ufeffPaid,Discount,Till,Customer No,Receipt No,Shop,Sold at,SKU,Qty\r\n"
    lines += "1.00,0.20,3,7,R1,S1,2017-03-01 10:00:00,A1,3\r\n"
    take_over(small(tmp_path, receipt_lines=lines))
    line = Order.objects.get(external_no="R1").lines.get()
    assert (line.quantity, line.base_fen, line.list_fen) == (3, 100, 120)


# --- The command ---


def run(folder: Path, *more: str) -> str:
    out = StringIO()
    with translation.override("en"):
        call_command(
            "import_receipts", str(folder), "--before=2017-12-26", "--tz=UTC", *more, stdout=out
        )
    return out.getvalue()


def test_the_command_tells_what_it_did(tmp_path: Path) -> None:
    folder = small(tmp_path)
    assert run(folder, "--points").splitlines() == [
        "  Reading receipts …",
        "  Adding articles and members …",
        "  Adding orders …",
        "  Working out members' figures …",
        "  Giving points …",
        "  Committing …",
        "Read: 2 receipts with 3 lines; 0 later receipts wait.",
        "Added:",
        "          2  members",
        "          1  shops",
        "          2  categories",
        "          1  articles",
        "          1  placeholders for unknown articles",
        "          0  placeholders named",
        "          2  orders",
        "          3  order lines",
        "          1  campaigns",
        "          1  campaign targets",
        "          1  redemptions",
        "Paid: ¥4.49",
        "Points given: 3",
    ]
    assert run(folder).splitlines()[-1] == "Everything was there already: 0 new rows."


def test_the_command_refuses_with_sentence_and_code(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        run(tmp_path)
    assert str(error.value) == (
        f"There is no customers.csv in {tmp_path}. Put it there, or its .csv.gz. [file_missing]"
    )
    assert error.value.returncode == 1
    assert nothing_changed()


def test_the_command_lists_the_rows_left_out(tmp_path: Path) -> None:
    row = '=cmd|x,R9,S1,2017-03-03 10:00:00,A1,1,"1,0",0.00\n'
    folder = small(tmp_path, receipt_lines=LINES + row)
    with pytest.raises(CommandError) as error:
        run(folder)
    path = tmp_path / "export-left-out.csv"
    assert str(error.value) == f"1 rows were left out; see {path}. Mend them and import again."
    assert error.value.returncode == 3
    assert Order.objects.count() == 2
    assert rows_of(path) == [
        list(HEADER),
        [
            "receipt_lines.csv",
            "5",
            "amount_unreadable",
            "“1,0” is no amount of money from 0.00 up with two decimals.",
            "'=cmd|x,R9,S1,2017-03-03 10:00:00,A1,1,1,0,0.00",
        ],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas_are_defused(start: str) -> None:
    assert defused(f"{start}1+1") == f"'{start}1+1"
    assert defused(f"1{start}1") == f"1{start}1"
