"""Quotes and settled sales over HTTP, beside two yardsticks: plain SQL and a bare view."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.bench import baseline, load, sales
from tests.bench.load import Conversation, Run, percentile
from tests.bench.report import Report
from tests.bench.stand import FEW_NAME, MANY_NAME, Stand

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CLIENTS = 8
PROTOCOLS = ("simple", "prepared")

# The bars of docs/bench.md.
OF_SQL, OF_VIEW = 0.10, 0.25
SETTLE_P99_MS, QUOTE_P95_MS, QUOTE_GROWTH = 60.0, 25.0, 1.3

Way = Callable[[sales.Till, Iterator[dict[str, Any]]], Conversation]


class Bench:
    """Measures against two databases, with ``few`` and with ``many`` members."""

    def __init__(self, stand: Stand, pgbench: Path, report: Report, *, few: int, many: int) -> None:
        self.stand = stand
        self.pgbench = pgbench
        self.report = report
        self.few, self.many = few, many
        self.till = sales.Till()
        self.position = 0  # in the endless row of carts
        # The seed of the next run of pgbench: never an earlier one's, also on a kept folder.
        self.written = time.time_ns() // 1_000_000_000

    # --- Quote ---

    def quotes(self) -> None:
        """One client, few and many members in turn, so that both see the same machine."""
        self.say("Quotes")
        found = {self.few: Run(), self.many: Run()}
        with (
            self.stand.web(FEW_NAME) as port_few,
            self.stand.web(MANY_NAME) as port_many,
        ):
            places = ((port_few, self.few), (port_many, self.many))
            for turn in range(2 * ROUNDS + 1):
                for port, members in places:
                    talk = sales.quoting(
                        self.till, sales.carts(members=members, start=1000 + turn * 500)
                    )
                    run = load.run(port, [talk], seconds=2)
                    if turn:  # the first round warms up
                        found[members].add(run)
            self.say("Sales of two seconds, to be reconciled")
            self.fail_on(load.run(port_few, self.talks(sales.settling, self.few), seconds=2))
        self.stand.manage(FEW_NAME, "reconcile")
        few, many = (
            percentile(found[members].latencies["quote"], 0.95) for members in (self.few, self.many)
        )
        self.fail_on(found[self.few], found[self.many])
        middle = percentile(found[self.many].latencies["quote"], 0.50)
        self.report.tell("quote p50", f"{middle:.1f} ms")
        self.report.judge(
            "quote p95", f"{many:.1f} ms", f"≤ {QUOTE_P95_MS:.0f} ms", is_met=many <= QUOTE_P95_MS
        )
        self.report.tell(f"quote p95 at {self.few:,} members", f"{few:.1f} ms")
        self.report.judge(
            f"quote p95, {self.many:,} : {self.few:,} members",
            f"{many / few:.2f} ×",
            f"≤ {QUOTE_GROWTH} ×",
            is_met=many <= few * QUOTE_GROWTH,
        )

    # --- Settle ---

    def settles(self) -> None:
        """Sales through the web server in turn with a bare view, then the same rows in plain SQL.

        Both writers have their rounds to themselves, each after a CHECKPOINT: what one of them
        has left to be written must not be paid by the other.
        """
        total, pairs, views, nothing = Run(), Run(), Run(), Run()
        rates: dict[str, list[float]] = {"settle": [], "view": []}
        with (
            self.stand.web(MANY_NAME) as port,
            self.stand.web(MANY_NAME, settings="tests.bench.bare_settings") as bare,
        ):
            self.say("Settling sales, in turn with a bare view")
            load.run(port, self.talks(sales.settling), seconds=3)  # warms up
            load.run(bare, self.readers("/members/{member}"), seconds=1)
            self.checkpoint()
            for _round in range(2 * ROUNDS):
                run = load.run(port, self.talks(sales.settling), seconds=5)
                rates["settle"].append(run.rate("settle"))
                total.add(run)
                run = load.run(bare, self.readers("/members/{member}"), seconds=3)
                rates["view"].append(run.count / run.seconds)
                views.add(run)
                pairs.add(load.run(port, self.talks(sales.selling), seconds=2))
                nothing.add(load.run(bare, self.readers("/nothing"), seconds=1))
            scripts = self.scripts(port)
        self.say("The same rows by plain SQL")
        self.checkpoint()
        for _round in range(ROUNDS):
            for protocol, clients in itertools.product(PROTOCOLS, (4, 8)):
                rates.setdefault(f"sql {protocol} {clients}", []).append(
                    self.write_by_sql(scripts, clients=clients, protocol=protocol)
                )
        self.fail_on(total, pairs, views, nothing)
        self.tell_rounds(rates)
        self.judge_settles({name: median(found) for name, found in rates.items()}, total)
        self.report.tell("quote, then settle: sales", f"{pairs.rate('settle'):.0f} /s")
        cost = nothing.client_seconds / nothing.count * 1e6
        self.report.tell("client's own time a request", f"{cost:.0f} µs")
        self.report.tell("a view that does nothing", f"{nothing.count / nothing.seconds:.0f} /s")

    def checkpoint(self) -> None:
        with psycopg.connect(self.stand.postgres.url(MANY_NAME), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def tell_rounds(self, rates: dict[str, list[float]]) -> None:
        for name, found in rates.items():
            print(f"  {name}: " + " ".join(f"{rate:.0f}" for rate in found), flush=True)

    def judge_settles(self, rates: dict[str, float], total: Run) -> None:
        report, settle = self.report, rates["settle"]
        report.tell("settle over HTTP", f"{settle:.0f} /s")
        latencies = total.latencies["settle"]
        for name, share in (("p50", 0.50), ("p95", 0.95)):
            report.tell(f"settle {name}", f"{percentile(latencies, share):.1f} ms")
        p99 = percentile(latencies, 0.99)
        report.judge(
            "settle p99", f"{p99:.1f} ms", f"≤ {SETTLE_P99_MS:.0f} ms", is_met=p99 <= SETTLE_P99_MS
        )
        for name, rate in rates.items():
            if name.startswith("sql"):
                report.tell(f"the same rows by {name} clients, pgbench", f"{rate:.0f} /s")
        best = max(rate for name, rate in rates.items() if name.endswith(" 4"))
        report.judge(
            "settle : plain SQL with 4 clients",
            f"{settle / best:.1%}",
            f"≥ {OF_SQL:.0%}",
            is_met=settle >= best * OF_SQL,
        )
        report.tell("a bare DRF view with one read", f"{rates['view']:.0f} /s")
        report.judge(
            "settle : bare view",
            f"{settle / rates['view']:.1%}",
            f"≥ {OF_VIEW:.0%}",
            is_met=settle >= rates["view"] * OF_VIEW,
        )

    def talks(self, way: Way, members: int = 0) -> list[Conversation]:
        """One conversation for each client, each with members of its own."""
        members = members or self.many
        starts = [self.position + client * members // CLIENTS for client in range(CLIENTS)]
        self.position += 5000  # nobody sells more in one go
        return [way(self.till, sales.carts(members=members, start=start)) for start in starts]

    def readers(self, path: str) -> list[Conversation]:
        return [sales.reading(path, members=self.many) for _client in range(CLIENTS)]

    def scripts(self, port: int) -> list[Path]:
        """A pgbench script for each sale of one round of the mix."""
        orders: list[int] = []
        source = sales.carts(members=self.many, start=self.position)
        sample = itertools.islice(source, len(sales.PATTERN))
        self.position += len(sales.PATTERN)
        talk = sales.settling(self.till, sample, heard=lambda body: orders.append(body["order"]))
        self.fail_on(load.run(port, [talk], seconds=60))
        files = []
        url = self.stand.postgres.url(MANY_NAME)
        with psycopg.connect(url, row_factory=dict_row) as connection:
            for number, order in enumerate(orders):
                file = self.stand.folder / f"sale-{number:02}.sql"
                sale = baseline.Sample(connection, order)
                file.write_text(baseline.script(sale, members=self.many), "utf-8")
                files.append(file)
        return files

    def write_by_sql(self, scripts: list[Path], *, clients: int, protocol: str) -> float:
        self.written += 1
        return baseline.run(
            self.pgbench,
            self.stand.postgres.url(MANY_NAME),
            scripts,
            clients=clients,
            seconds=4,
            protocol=protocol,
            seed=self.written,
        )

    def say(self, text: str) -> None:
        print(f"{text} …", flush=True)

    def fail_on(self, *runs: Run) -> None:
        failures = [failure for run in runs for failure in run.failures]
        if failures:
            raise SystemExit("\n".join([f"{len(failures)} requests failed:", *failures[:5]]))
