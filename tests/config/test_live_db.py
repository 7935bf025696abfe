"""The tests' own database fixture does what the others rely on."""

import subprocess
import sys
import threading

import psycopg
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from tests.conftest import LiveDatabase


def test_commits_are_seen_by_threads_and_other_processes(live_db: LiveDatabase) -> None:
    called: list[str] = []
    with transaction.atomic():
        ContentType.objects.create(app_label="probe", model="probe")
        transaction.on_commit(lambda: called.append("committed"))
    assert called == ["committed"]

    seen: list[bool] = []

    def look() -> None:
        seen.append(ContentType.objects.filter(app_label="probe").exists())
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [True]

    script = (
        "import os, psycopg; print(psycopg.connect(os.environ['DATABASE_URL']).execute("
        "\"SELECT count(*) FROM django_content_type WHERE app_label = 'probe'\").fetchone()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=live_db.env, capture_output=True, text=True
    )
    assert done.stdout.strip() == "1", done.stderr


def test_the_next_test_finds_nothing_of_it(live_db: LiveDatabase) -> None:
    assert not ContentType.objects.filter(app_label="probe").exists()
    with psycopg.connect(live_db.url) as other:
        row = other.execute("SELECT current_database()").fetchone()
    assert row == (live_db.name,)


def test_a_rolled_back_test_uses_another_database(db: None) -> None:
    assert connection.settings_dict["NAME"].startswith("huitou_")
