"""`make reset`: everything goes, after a question, and never from under a running shop."""

import builtins
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from config.datafolder import DataFolder


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> DataFolder:
    settings.DATA_DIR = tmp_path / "data"
    made = DataFolder(settings.DATA_DIR)
    made.open()
    made.close()
    return made


def test_yes_deletes_all_of_it(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder.path.with_name("elsewhere")
    (elsewhere / "base").mkdir(parents=True)
    (folder.path / "postgres").symlink_to(elsewhere)
    monkeypatch.setattr(builtins, "input", lambda _question: "yes")
    call_command("reset", stdout=StringIO())
    assert not folder.path.exists()
    assert not elsewhere.exists()


def test_anything_else_keeps_it(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "input", lambda _question: "y")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("reset")
    assert (folder.path / "secret_key").exists()


def test_a_running_shop_keeps_its_data(folder: DataFolder) -> None:
    folder.open()
    with pytest.raises(CommandError, match="already runs"):
        call_command("reset", yes=True)
    assert (folder.path / "secret_key").exists()
    folder.close()


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CommandError, match="There is no data of Huitou"):
        call_command("reset", yes=True)
    assert (tmp_path / "notes.txt").exists()


def test_production_is_never_reset(folder: DataFolder, settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="this is production"):
        call_command("reset", yes=True)
    assert (folder.path / "secret_key").exists()
