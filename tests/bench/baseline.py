"""The yardstick: the rows of real sales, written by plain SQL through pgbench.

A script for each sample sale is made from what ``settle`` wrote for it, so that both write the
same rows: the INSERTs with the very same columns and values (ids and member apart), and the
UPDATEs of accounts, lots, figures, coupons and the key's answer.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.seed import STORED_EVERY

KEY = "lpad(to_hex(:key::bigint), 32, '0')::uuid"
KINDS = {2: "points", 1: "principal", 0: "bonus"}  # account id = 3 × member − this
# What belongs to an order by its ``order_id`` alone.
PARTS = ("loyalty_orderline", "loyalty_orderstep", "loyalty_tender", "loyalty_couponuse")


def find_pgbench() -> Path | None:
    """The machine's pgbench: PostgreSQL's wheel has none."""
    found = shutil.which("pgbench")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return Path(found) if found else (places[-1] if places else None)


class Expression(str):
    """SQL that stands in a script as it is."""


def _literal(value: Any) -> str:
    if isinstance(value, Expression):
        return value
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, dict | list):
        value = json.dumps(value)
    return "'" + str(value).replace("'", "''") + "'"


def _insert(table: str, row: dict[str, Any], other: dict[str, Expression]) -> str:
    columns = {name: value for name, value in row.items() if name != "id"} | other
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(map(_literal, columns.values()))
    return f"INSERT INTO {table} ({names}) VALUES ({values})"


class Sample:
    """One settled sale, read back from the database."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]], order_id: int) -> None:
        def rows(table: str, where: str = "order_id = %s") -> list[dict[str, Any]]:
            query = f"SELECT * FROM {table} WHERE {where} ORDER BY 1"
            return connection.execute(query.encode(), [order_id]).fetchall()

        self.order = rows("loyalty_order", "id = %s")[0]
        self.key = connection.execute(
            "SELECT * FROM loyalty_clientkey WHERE key = %s", [self.order["key"]]
        ).fetchall()[0]
        self.parts = {table: rows(table) for table in PARTS}
        self.lots = rows("loyalty_lot")
        self.entries = rows("loyalty_entry")
        self.events = rows("members_event", "(data->>'order')::bigint = %s")
        self.outbox = rows(
            "members_outbox",
            "event_id IN (SELECT id FROM members_event WHERE (data->>'order')::bigint = %s)",
        )


def script(sample: Sample, *, members: int) -> str:
    """The sale as a pgbench script, for members at random."""
    order = sample.order
    used = [row["coupon_id"] for row in sample.parts["loyalty_couponuse"]]
    every = STORED_EVERY if order["principal_fen"] or order["bonus_fen"] else 1
    lines = [
        f"\\set number random(1, {members // every})",
        f"\\set member :number * {every}",
        f"\\set coupon random(1, {members})",
        "\\set key random(1, 9000000000000000000)",
        "BEGIN;",
    ]

    def insert(table: str, row: dict[str, Any], back: str = "", **other: str) -> None:
        if row.get("member_id") is not None:
            other["member_id"] = ":member"
        statement = _insert(table, row, {k: Expression(v) for k, v in other.items()})
        lines.append(f"{statement} RETURNING id AS {back} \\gset" if back else f"{statement};")

    insert("loyalty_clientkey", {**sample.key, "response": None}, key=KEY)
    insert("loyalty_order", order, "the_order", key=KEY)
    for table, rows in sample.parts.items():
        for row in rows:
            coupon = row.get("coupon_id")
            other = {"coupon_id": f":coupon + {used.index(coupon)}"} if coupon else {}
            insert(table, row, order_id=":the_order", **other)
    if used:
        lines.append(
            "UPDATE loyalty_coupon SET uses_left = 0, status = 'used'"
            f" WHERE id >= :coupon AND id < :coupon + {len(used)};"
        )
    places = {}
    for number, row in enumerate(sample.lots):
        insert("loyalty_lot", row, f"lot_{number}", order_id=":the_order")
        places[row["id"]] = f":lot_{number}"
    for row in sample.entries:
        if row["lot_id"] not in places:  # drawn, not new
            of_points = row["lot_id"] == order["member_id"]
            places[row["lot_id"]] = ":member" if of_points else f":number + {members}"
        account = f":member * 3 - {order['member_id'] * 3 - row['account_id']}"
        lot = places[row["lot_id"]]
        insert("loyalty_entry", row, account_id=account, lot_id=lot, order_id=":the_order")
    lines += _updates(sample, places, members=members)
    for row in sample.events:
        insert("members_event", row, "event")
        for waiting in sample.outbox:
            if waiting["event_id"] == row["id"]:
                insert("members_outbox", waiting, event_id=":event")
    response = _literal(sample.key["response"])
    lines.append(f"UPDATE loyalty_clientkey SET response = {response} WHERE key = {KEY};")
    lines.append("COMMIT;")
    return "\n".join(lines) + "\n"


def _updates(sample: Sample, places: dict[int, str], *, members: int) -> list[str]:
    """What a sale changes of the member: accounts, drawn lots, figures."""
    order = sample.order
    if order["member_id"] is None:
        return []
    accounts: Counter[int] = Counter()
    lots: Counter[tuple[int, str]] = Counter()
    new = {row["id"] for row in sample.lots}
    for row in sample.entries:
        offset = order["member_id"] * 3 - row["account_id"]
        accounts[offset] += row["delta"]
        if row["lot_id"] not in new:
            lots[row["lot_id"], KINDS[offset]] += row["delta"]
    lines = [
        f"UPDATE loyalty_account SET balance = balance + {delta} WHERE id = :member * 3 - {offset};"
        for offset, delta in accounts.items()
    ]
    for lot in {lot for lot, _kind in lots}:
        changes = ", ".join(
            f"{kind}_left = {kind}_left + {delta}"
            for (of, kind), delta in lots.items()
            if of == lot
        )
        lines.append(f"UPDATE loyalty_lot SET {changes} WHERE id = {places[lot]};")
    lines.append(
        "UPDATE loyalty_memberstats SET orders_count = orders_count + 1,"
        f" last_order_at = {_literal(order['at'])},"
        f" net_fen = net_fen + {order['other_fen'] + order['principal_fen']},"
        f" basis_fen = basis_fen + {order['basis_fen']}, category_weeks = category_weeks"
        " WHERE member_id = :member;"
    )
    return lines


def run(
    program: Path,
    url: str,
    scripts: Sequence[Path],
    *,
    clients: int,
    seconds: int,
    protocol: str,
    seed: int,
) -> float:
    """Transactions a second of all scripts in turn; raises when one fails.

    ``seed`` makes the random numbers; two runs with the same one would write the same keys.
    """
    command = [str(program), "--no-vacuum", f"--random-seed={seed}", f"--protocol={protocol}"]
    command += [f"--client={clients}", "--jobs=2", f"--time={seconds}"]
    command += [f"--file={file}@1" for file in scripts]
    done = subprocess.run([*command, url], capture_output=True, text=True)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: ([0-9]+)", done.stdout, re.MULTILINE)
    if done.returncode or not found or (failed and failed[1] != "0"):
        raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]}{done.stdout[-500:]}")
    return float(found[1])
