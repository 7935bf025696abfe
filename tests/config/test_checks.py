"""What a start is refused for, and that a rightly set production is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from config import checks

BASE = Path(__file__).resolve().parents[2]
RIGHT = {
    "HUITOU_ENV": "production",
    "ALLOWED_HOSTS": "card.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://card.example.com",
    "TRUST_PROXY": "true",
    "SECRET_KEY": "kR7-w2_Qm9zXv4bNc8LpT1yHs6JdFg3aEuWo5iBrCt0MxPnV",
}


def deploy_check(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **RIGHT, "HUITOU_DATA": str(tmp_path), **changes}
    env["SECRET_KEY"] += "x9" * 3
    env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser tests of this process need it
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE,
        env=env,
        capture_output=True,
        text=True,
    )


def test_production_as_documented_is_clean(tmp_path: Path) -> None:
    done = deploy_check(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "System check identified no issues (0 silenced).\n"


@pytest.fixture
def production(settings: Settings) -> Settings:
    settings.HUITOU_ENV = "production"
    settings.PRODUCTION = settings.HTTPS = settings.SECRET_KEY_IS_KEPT = True
    settings.ALLOWED_HOSTS = ["card.example.com"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://card.example.com"]
    return settings


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY_IS_KEPT", False, "huitou.E001"),
        ("ALLOWED_HOSTS", [], "huitou.E002"),
        ("ALLOWED_HOSTS", ["*"], "huitou.E002"),
        ("CSRF_TRUSTED_ORIGINS", ["http://card.example.com"], "huitou.E003"),
        ("HTTPS", False, "huitou.E004"),
        ("DEBUG", True, "huitou.E005"),
    ],
)
def test_each_fault_is_named_with_a_hint(
    production: Settings, name: str, value: object, expected: str
) -> None:
    assert checks.secrets_and_names() == []
    setattr(production, name, value)
    found = checks.secrets_and_names()
    assert [message.id for message in found] == [expected]
    assert found[0].hint


def test_a_trial_is_not_bothered(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = []
    assert checks.secrets_and_names() == []


def test_an_unknown_mode_is_named(settings: Settings) -> None:
    assert checks.environment_name() == []
    settings.HUITOU_ENV = "prod"
    assert [message.id for message in checks.environment_name()] == ["huitou.E006"]


def test_a_full_disk_is_told_before_the_database_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LOW_DISK", 0)
    assert checks.disk_space() == []
    monkeypatch.setattr(checks, "LOW_DISK", 1 << 80)
    assert [message.id for message in checks.disk_space()] == ["huitou.W001"]
