from io import StringIO

import pytest
from django.core.management import call_command

from config.health import forget_reports, report_alive

pytestmark = pytest.mark.django_db


def test_it_names_what_runs_what_does_not_and_what_to_do() -> None:
    forget_reports()
    report_alive("worker")
    out = StringIO()
    call_command("doctor", stdout=out)
    told = out.getvalue()
    assert "  supervisor   not running; `make run` starts it\n" in told
    assert "  worker       ok\n" in told
    assert (
        "  beat         down: never heard from\n"
        "               Without beat nothing happens by the clock: see log/beat.log.\n"
    ) in told
    assert "  PostgreSQL   18.6\n" in told
    assert "  Valkey       9.1.2\n" in told
