"""Language, content security policy and figures: what holds for every page."""

import runpy
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from config.health import report_alive

pytestmark = pytest.mark.django_db


def test_chinese_unless_somebody_switched(client: Client) -> None:
    page = client.get("/admin/login/", headers={"accept-language": "en-US,en"})
    assert page["Content-Language"] == "zh-hans"
    assert "密码" in page.content.decode()
    switched = client.post("/language/setlang/", {"language": "en", "next": "/admin/login/"})
    assert (switched.status_code, switched["Location"]) == (302, "/admin/login/")
    page = client.get("/admin/login/")
    assert page["Content-Language"] == "en"
    assert "Password" in page.content.decode()


def test_an_unknown_language_is_chinese(client: Client) -> None:
    client.cookies["django_language"] = "tlh"
    assert client.get("/admin/login/")["Content-Language"] == "zh-hans"


def test_scripts_of_other_origins_and_of_the_page_itself_are_barred(client: Client) -> None:
    report_alive("worker")
    policy = client.get("/healthz")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy + ";"
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_only_the_back_office_may_evaluate(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy


def test_figures_are_for_the_holder_of_the_token(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [name for name in settings.MIDDLEWARE if "prometheus" in name]
    monkeypatch.setenv("METRICS_TOKEN", "let-me-see")
    started_with_it = runpy.run_path(str(Path(settings.BASE_DIR) / "config" / "settings.py"))
    settings.MIDDLEWARE = started_with_it["MIDDLEWARE"]
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "let-me-see"
    assert client.get("/metrics").status_code == 404
    wrong = client.get("/metrics", headers={"authorization": "Bearer let-me"})
    assert wrong.status_code == 404
    right = client.get("/metrics", headers={"authorization": "Bearer let-me-see"})
    assert right.status_code == 200
    assert b"django_http_requests" in right.content
