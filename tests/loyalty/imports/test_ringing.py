"""Receipts rung up through a running counter: sums equal, once each, whatever the line does."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, Sum
from django.utils import translation

from loyalty.imports import ringing
from loyalty.imports.journey import JourneyFolder
from loyalty.imports.ringing import Receipt, Rung, Till, receipts_from, ring_up
from loyalty.models import ClientKey, Entry, MemberStats, Order, Refund
from members.errors import Refusal
from members.models import Event, Member
from tests import factories
from tests.conftest import LiveDatabase
from tests.loyalty.imports.folders import BEFORE, CUT, take_over
from tests.loyalty.imports.servers import counter

FIRST_DAY = dt.date(2017, 12, 26)


@pytest.fixture
def url(live_db: LiveDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(ringing, "PAUSE", 0)
    factories.owner()
    take_over(CUT)
    with counter() as address:
        yield address


def receipts() -> list[Receipt]:
    return receipts_from(JourneyFolder(CUT), FIRST_DAY)


def silent(text: str) -> None:
    pass


def ring(url: str, *, every: int = 10, transport: httpx.BaseTransport | None = None) -> Rung:
    with httpx.Client(base_url=url, trust_env=False, transport=transport) as http:
        till = Till(http)
        till.log_in(username="zhou", password=factories.PASSWORD)
        return ring_up(receipts=receipts(), till=till, refund_every=every, progress=silent)


def counts() -> tuple[int, ...]:
    rung = Order.objects.filter(is_imported=False)
    tables = (Refund, ClientKey, Entry, Event)
    return rung.count(), *(model.objects.count() for model in tables)


class Line(httpx.HTTPTransport):
    """A connection that does as a test wants with each request."""

    def __init__(self, act: Callable[[httpx.Request], httpx.Response | None]) -> None:
        super().__init__()
        self.act = act

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.act(request) or super().handle_request(request)


def run(url: str, *more: str, password: str = factories.PASSWORD) -> str:
    out = StringIO()
    with translation.override("en"):
        call_command(
            "ring_up",
            str(CUT),
            f"--from={BEFORE}",
            f"--url={url}",
            "--username=zhou",
            f"--password={password}",
            *more,
            stdout=out,
        )
    return out.getvalue()


def test_all_are_rung_up_and_the_sums_are_the_files(url: str) -> None:
    lines = run(url).splitlines()
    assert lines == [
        "  29 receipts to ring up",
        "Receipts: 29",
        "Orders made: 29",
        "Orders that were there already: 0",
        "Receipts that cannot be read: 0",
        "Sum by the file: ¥1,267.55",
        "Sum by the counter: ¥1,267.55",
        "Paid after discounts: ¥1,267.55",
        "Refunds made: 4",
        "Refunds that were there already: 0",
        "Refunds expected: ¥3.78",
        "Refunds by the counter: ¥3.78",
    ]
    rung = Order.objects.filter(is_imported=False)
    assert rung.aggregate(Count("id"), Sum("gross_fen"), Sum("refunded_base_fen")) == {
        "id__count": 29,
        "gross_fen__sum": 126755,
        "refunded_base_fen__sum": 378,
    }
    assert Order.objects.count() == 1078
    # Rung up in its own shop, on the member's card, by the owner; worth a point a yuan.
    order = rung.get(external_no="41439912955")
    member = Member.objects.get(external_no="855")
    assert (order.shop.code, order.member) == ("382", member)
    assert order.staff is not None
    assert order.staff.username == "zhou"
    assert order.points_earned == order.base_fen // 100
    stats = MemberStats.objects.get(member=member)
    of_member = Order.objects.filter(member=member)
    assert stats.orders_count == of_member.filter(is_valid=True).count()
    # The receipt of 0.00 is kept, and counts as nothing.
    nothing = rung.get(base_fen=0)
    assert (nothing.external_no, nothing.is_valid) == ("41479532353", False)
    call_command("reconcile", stdout=StringIO())


def test_a_repeat_changes_nothing(url: str) -> None:
    ring(url)
    before = counts()
    lines = run(url).splitlines()
    assert lines[2:4] == ["Orders made: 0", "Orders that were there already: 29"]
    assert lines[8:10] == ["Refunds made: 0", "Refunds that were there already: 4"]
    assert counts() == before
    assert before[:3] == (29, 4, 33)


def test_one_unit_or_half_a_line_goes_back(url: str) -> None:
    rung = ring(url, every=1)
    # Of every receipt but the one of 0.00.
    assert (rung.refunds, rung.receipts) == (28, 29)
    assert rung.refund_expected_fen == rung.refunded_fen
    assert Refund.objects.aggregate(Sum("base_fen")) == {"base_fen__sum": rung.refunded_fen}
    call_command("reconcile", stdout=StringIO())


def test_a_lost_answer_is_asked_for_again(url: str) -> None:
    """The server has settled, the answer never came: the same key again, one order."""
    lost: set[str] = set()
    server = httpx.HTTPTransport()

    def act(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/counter/api/settle":
            return None
        key = json.loads(request.content)["key"]
        if key in lost:
            return None
        lost.add(key)
        server.handle_request(request).read()
        raise httpx.ReadError("connection lost", request=request)

    rung = ring(url, transport=Line(act))
    server.close()
    assert (rung.made, rung.replayed) == (0, 29)
    assert rung.agrees
    assert Order.objects.filter(is_imported=False).count() == 29
    assert len(lost) == 29


def test_a_changed_quote_is_asked_for_again(url: str) -> None:
    changed: list[str] = []

    def act(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/counter/api/settle" or changed:
            return None
        changed.append(json.loads(request.content)["key"])
        quote = {"error": {"code": "quote_changed", "message": "look again"}}
        return httpx.Response(409, json=quote, request=request)

    rung = ring(url, transport=Line(act))
    assert (rung.made, rung.agrees, len(changed)) == (29, True, 1)


def test_a_server_that_restarts_is_waited_for(url: str) -> None:
    failures = iter([502, 503, 409, 504])

    def act(request: httpx.Request) -> httpx.Response | None:
        status = next(failures, 0)
        if not status:
            return None
        busy = {"error": {"code": "busy", "message": "wait"}} if status == 409 else None
        return httpx.Response(status, json=busy, request=request)

    assert ring(url, transport=Line(act)).agrees


def test_a_refusal_names_the_receipt_and_the_rest_can_follow(url: str) -> None:
    member = Member.objects.get(external_no="60")
    Member.objects.filter(pk=member.pk).update(status="frozen")
    with pytest.raises(CommandError) as error:
        run(url)
    assert str(error.value).startswith("Receipt 41426896872: ")
    assert str(error.value).endswith("[member_frozen]")
    assert Order.objects.filter(is_imported=False).count() == 13
    Member.objects.filter(pk=member.pk).update(status="active")
    rung = ring(url)
    assert (rung.made, rung.replayed, rung.agrees) == (16, 13, True)


def test_a_receipt_that_was_imported_is_refused(url: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command(
            "ring_up",
            str(CUT),
            "--from=2017-12-20",
            f"--url={url}",
            "--username=zhou",
            f"--password={factories.PASSWORD}",
            stdout=StringIO(),
        )
    assert str(error.value).endswith("[receipt_known]")
    assert not Order.objects.filter(is_imported=False).exists()


def test_sums_that_differ_are_an_error(url: str) -> None:
    ring(url, every=0)
    key = uuid.uuid5(ringing.KEYS, "settle 41439912955")
    row = ClientKey.objects.get(key=key)
    row.response = {**(row.response or {}), "gross_fen": 1}
    row.save()
    with pytest.raises(CommandError) as error:
        run(url)
    assert str(error.value) == "The sums differ from the file's. [sums_differ]"
    assert error.value.returncode == 1


def test_a_wrong_password(url: str) -> None:
    with pytest.raises(CommandError) as error:
        run(url, password="guessed")
    assert str(error.value).endswith("[login_failed]")
    assert Order.objects.filter(is_imported=False).count() == 0


def test_a_shop_the_login_does_not_serve(url: str) -> None:
    factories.cashier()
    with httpx.Client(base_url=url, trust_env=False) as http:
        till = Till(http)
        till.log_in(username="lin", password=factories.PASSWORD)
        with pytest.raises(Refusal) as refusal:
            till.enter_shop("382")
    assert refusal.value.code == "shop_unknown"


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringing, "PAUSE", 0)

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    http = httpx.Client(base_url="http://till.test", transport=httpx.MockTransport(refuse))
    with http, pytest.raises(Refusal) as refusal, translation.override("en"):
        Till(http).log_in(username="zhou", password="any")
    assert refusal.value.code == "server_unreachable"
    assert (
        str(refusal.value.message)
        == "The counter at http://till.test does not answer (connection refused). Start it first."
    )


def test_another_site(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<h1>It works!</h1>", request=request)

    http = httpx.Client(base_url="http://till.test", transport=httpx.MockTransport(answer))
    with http, pytest.raises(Refusal) as refusal:
        Till(http).log_in(username="zhou", password="any")
    assert refusal.value.code == "server_failed"


@pytest.mark.parametrize(
    ("folder", "day", "code"),
    [(Path("/nowhere"), BEFORE, "folder_missing"), (CUT, "tomorrow", "date_unreadable")],
)
def test_a_wrong_folder_or_day(folder: Path, day: str, code: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("ring_up", str(folder), f"--from={day}", "--password=any", stdout=StringIO())
    assert str(error.value).endswith(f"[{code}]")
