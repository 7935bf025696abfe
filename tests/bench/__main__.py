"""`make bench`. BENCH_MEMBERS=n for fewer members, KEEP=1 to keep the folder for a look.

Exits 1 when a figure is below its bar or cannot be measured.
"""

from __future__ import annotations

import os
import sys
import time

import django

from tests.bench import baseline
from tests.bench.report import Report
from tests.bench.stand import EMPTY_NAME, FEW_NAME, MANY_NAME, Stand, open_stand

MEMBERS = int(os.environ.get("BENCH_MEMBERS", "1000000"))
FEW = 10_000


def main() -> int:
    began = time.monotonic()
    pgbench = baseline.find_pgbench()
    if pgbench is None:
        print("pgbench is missing: install PostgreSQL's client programs (Debian: postgresql).")
        return 1
    report = Report()
    with open_stand(keep=os.environ.get("KEEP") == "1") as stand:
        prepare(stand)
        from tests.bench import counter, office  # these need Django to be set up
        from tests.bench.measure import Bench

        bench = Bench(stand, pgbench, report, few=FEW, many=MEMBERS)
        bench.quotes()
        bench.settles()
        counter.measure(stand, report)
        office.measure(stand, report, many=MEMBERS)
    print(f"\n{MEMBERS:,} members, {os.cpu_count()} cores", flush=True)
    print(report.text())
    print(f"took {time.monotonic() - began:.0f} s")
    return 1 if report.below else 0


def prepare(stand: Stand) -> None:
    """Three databases: migrated and open for business, with few members, with many."""
    os.environ.update(stand.env(EMPTY_NAME))
    django.setup()
    from django.db import connections

    from members import clock
    from tests.bench import rules, seed

    print(f"Seeding {FEW:,} and {MEMBERS:,} members …", flush=True)
    at = clock.now().replace(microsecond=0)
    if stand.postgres.create_database(EMPTY_NAME):
        stand.manage(EMPTY_NAME, "migrate", "--verbosity", "0")
        stand.manage(EMPTY_NAME, "collectstatic", "--no-input", "--verbosity", "0")
        rules.open_shop(at)
    connections["default"].close()
    for name, members in ((FEW_NAME, FEW), (MANY_NAME, MEMBERS)):
        if stand.postgres.create_database(name, template=EMPTY_NAME):
            seed.seed(stand.postgres.url(name), members=members, at=at)


if __name__ == "__main__":
    sys.exit(main())
