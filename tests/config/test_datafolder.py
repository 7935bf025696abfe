import json
import os
import stat
from pathlib import Path

import pytest

from config.datafolder import DataFolder
from config.embedded import CannotStart


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_gets_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.open()
    key = (tmp_path / "data" / "secret_key").read_text()
    assert len(key) >= 50
    assert mode(tmp_path / "data" / "secret_key") == 0o600
    assert mode(tmp_path / "data" / "log") == 0o700
    folder.close()
    folder.open()
    assert (tmp_path / "data" / "secret_key").read_text() == key
    folder.close()


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(CannotStart) as caught:
        DataFolder(tmp_path).open()
    assert str(caught.value) == (
        f"{tmp_path} holds files that are not Huitou's: choose an empty or a new folder with "
        "HUITOU_DATA=."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_folder_of_a_later_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "huitou.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(CannotStart, match="has format 99, and this Huitou knows 1"):
        DataFolder(tmp_path).open()


def test_only_one_run_at_a_time(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.open()
    first.tell_addresses({"database_url": "postgresql://somewhere"})
    with pytest.raises(CannotStart, match=f"already runs on {tmp_path} .process {os.getpid()}."):
        second.open()
    second.close()
    assert (tmp_path / "servers.json").exists()
    first.close()
    assert not (tmp_path / "servers.json").exists()
    second.open()
    second.close()


def test_demo_passwords_are_made_once(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    made = folder.demo_passwords()
    assert list(made) == ["owner", "manager", "cashier"]
    assert len(set(made.values())) == 3
    assert all(len(password) == 14 for password in made.values())
    assert DataFolder(tmp_path).demo_passwords() == made
    assert mode(tmp_path / "demo_logins.json") == 0o600


def test_a_long_log_is_set_aside(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.open()
    log = folder.log("web")
    log.write_bytes(b"x" * (10 * 1024 * 1024 + 1))
    assert not folder.log("web").exists()
    assert (tmp_path / "log" / "web.old.log").stat().st_size == 10 * 1024 * 1024 + 1
    folder.close()
