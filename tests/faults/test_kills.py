"""Said is kept: kill -9 under load, restart, retry of the unknown: all is there, once."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded.process import wait_until
from tests import invariants
from tests.conftest import LiveDatabase
from tests.faults.house import TILLS, House, Till, furnish, open_house
from tests.servers import quick_place

WARM = 25  # answers before the first kill, and after each


@pytest.fixture
def house(live_db: LiveDatabase) -> Iterator[tuple[House, list[int]]]:
    members = furnish()
    with tempfile.TemporaryDirectory(prefix="ht-", dir=quick_place()) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may run as another account than ours
        with open_house(folder, live_db) as opened:
            yield opened, members


def kill_under_load(
    house: House, members: list[int], kill: Callable[[], None], *, times: int
) -> list[Till]:
    """Tills at work; kill so many times; let them go on after each."""
    enough = threading.Event()
    tills = [Till(house, member, enough) for member in members]
    for till in tills:
        till.log_in()
    threads = [threading.Thread(target=till.work) for till in tills]
    for thread in threads:
        thread.start()

    def answered() -> int:
        return sum(len(till.answers) for till in tills)

    def goes_on(more: int) -> bool:
        wanted = answered() + more
        return wait_until(lambda: answered() >= wanted or any(t.problems for t in tills), 30)

    try:
        assert goes_on(WARM)
        for _time in range(times):
            kill()
            assert goes_on(WARM)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    return tills


def check_kept_once(house: House, tills: list[Till]) -> None:
    assert [till.problems for till in tills] == [[]] * TILLS
    assert [till.refused for till in tills] == [[]] * TILLS
    assert sum(till.unknown for till in tills) > 0, "nothing was in the air at the kill"
    answers = {key: answer for till in tills for key, answer in till.answers.items()}
    sales = {key: a["order"] for key, a in answers.items() if "to_pay_fen" in a}
    top_ups = {key: a["top_up"] for key, a in answers.items() if "top_up" in a}
    refunds = {key: a["refund"] for key, a in answers.items() if "refund" in a}
    assert len(sales) + len(top_ups) + len(refunds) == len(answers)
    # As many rows as answers, each under its key: nothing is missing, nothing is there twice.
    assert {str(k): o for k, o in house.ask("SELECT key, id FROM loyalty_order")} == sales
    assert {str(k): t for k, t in house.ask("SELECT key, id FROM loyalty_topup")} == top_ups
    kept = house.ask("SELECT id, other_fen, base_fen FROM loyalty_refund ORDER BY id")
    told = [answers[key] for key in sorted(refunds, key=lambda key: refunds[key])]
    assert kept == [(a["refund"], a["other_fen"], a["base_fen"]) for a in told]
    with psycopg.connect(house.postgres.url("shop")) as connection:
        assert invariants.broken(connection.cursor()) == []
    reconciled = house.reconcile()
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr


def check_answers_stand(till: Till) -> None:
    """What was said is said again: the last answers, asked for by their keys."""
    till.log_in()
    for key in list(till.answers)[-3:]:
        path, body = till.paths[key]
        again = till.client.post(
            path, json={**body, "key": key}, headers={"X-CSRFToken": till.token}
        )
        assert again.json() == {**till.answers[key], "replayed": True}
    till.client.close()


def test_kill_9_of_the_database(house: tuple[House, list[int]]) -> None:
    opened, members = house
    tills = kill_under_load(opened, members, opened.kill_postgres, times=3)
    check_kept_once(opened, tills)
    check_answers_stand(tills[0])


def test_kill_9_of_a_web_worker(house: tuple[House, list[int]]) -> None:
    opened, members = house
    tills = kill_under_load(opened, members, opened.kill_a_web_worker, times=3)
    check_kept_once(opened, tills)
    check_answers_stand(tills[0])
