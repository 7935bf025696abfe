"""The back office as an owner opens it: lists of a shop's size, members found among many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from members import clock
from tests.bench import load, seed
from tests.bench.load import Conversation, Run, percentile
from tests.bench.report import Report
from tests.bench.rules import OWNER
from tests.bench.stand import EMPTY_NAME, MANY_NAME, Stand

NAME = "bench_office"
SHOP_MEMBERS = 5000
ROUNDS = 20
LIST_P95_MS, SEARCH_P95_MS = 300.0, 200.0
STRIDE = 7919  # a prime: neighbours in time are far apart in the tables
LISTS = {
    "members": "members_member",
    "purchases": "loyalty_order",
    "coupons": "loyalty_coupon",
    "top-ups": "loyalty_topup",
    "ledger": "loyalty_entry",
    "audit trail": "members_event",
}


class Owner:
    """A signed-in owner's browser: a session, and pages asked for by it."""

    def __init__(self) -> None:
        browser = Client()
        browser.force_login(
            get_user_model().objects.get(username=OWNER), backend="members.backends.StaffBackend"
        )
        self.session = browser.session.session_key

    def get(self, label: str, path: str) -> tuple[str, bytes]:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        return label, f"{head}Cookie: huitou_session={self.session}\r\n\r\n".encode()

    def opening(self, pages: Sequence[tuple[str, str]]) -> Conversation:
        for label, path in pages:
            yield self.get(label, path)


def measure(stand: Stand, report: Report, *, many: int) -> None:
    """One person at a time: the lists of 5,000 members, then searches among all there are."""
    print("The back office: lists and searches …", flush=True)
    if stand.postgres.create_database(NAME, template=EMPTY_NAME):
        at = clock.now().replace(microsecond=0)
        seed.seed(stand.postgres.url(NAME), members=SHOP_MEMBERS, at=at)
    owner = Owner()
    with stand.web(NAME) as port:
        lists = _measured(port, owner, list(_lists()))
    _judge(report, "list", f"of {SHOP_MEMBERS:,} members", lists, LIST_P95_MS)
    with stand.web(MANY_NAME) as port:
        searches = _measured(port, owner, list(_searches(many)))
    _judge(report, "search", f"among {many:,} members", searches, SEARCH_P95_MS)


def _lists() -> Iterator[tuple[str, str]]:
    """Each list, in every second round a later page of it."""
    for number in range(ROUNDS):
        for label, table in LISTS.items():
            page = f"?p={number % 5 + 1}" if number % 2 else ""
            yield label, reverse(f"admin:{table}_changelist") + page


def _searches(many: int) -> Iterator[tuple[str, str]]:
    """As people type: last four digits, phone, card number, initials, name."""
    palette, members = reverse("admin:search"), reverse("admin:members_member_changelist")
    numbers = (number * STRIDE % many + 1 for number in itertools.count(1))
    for number in itertools.islice(numbers, ROUNDS):
        asked = {
            "last four digits": f"{number % 10000:04d}",
            "phone": f"139{number:08d}",
            "card number": f"9012{number:012d}",
            "initials": ("wxm", "lq", "zw", "ly", "cj")[number % 5],
            "name": ("王小敏", "李强", "张伟", "刘洋", "陈静")[number % 5],
            "nobody’s name": ("欧阳娜娜", "zzz")[number % 2],
        }
        for label, words in asked.items():
            yield label, f"{palette}?s={quote(words)}"
            yield f"{label}, as a list", f"{members}?q={quote(words)}"


def _measured(port: int, owner: Owner, pages: Sequence[tuple[str, str]]) -> Run:
    kinds = len({label for label, _path in pages})
    load.run(port, [owner.opening(pages[: 2 * kinds])], seconds=600)  # warms up
    run = load.run(port, [owner.opening(pages)], seconds=600)
    if run.failures:
        raise SystemExit("\n".join(["pages failed:", *run.failures[:5]]))
    return run


def _judge(report: Report, what: str, where: str, run: Run, bar_ms: float) -> None:
    for label, latencies in run.latencies.items():
        report.tell(f"{what} p95: {label}", f"{percentile(latencies, 0.95):.1f} ms")
    every = [value for latencies in run.latencies.values() for value in latencies]
    p95 = percentile(every, 0.95)
    report.judge(
        f"{what} p95, {where}", f"{p95:.1f} ms", f"≤ {bar_ms:.0f} ms", is_met=p95 <= bar_ms
    )
