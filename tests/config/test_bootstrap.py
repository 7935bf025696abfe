"""The script that makes .venv: what it says when it cannot, and when it has nothing to do."""

import builtins
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config import bootstrap

BASE = Path(__file__).resolve().parents[2]
LOCKS = [BASE / "requirements.txt", BASE / "requirements-dev.txt"]


def test_a_too_old_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit) as caught:
        bootstrap.check_python()
    assert caught.value.code == (
        f"Huitou needs Python 3.11 or newer, and {sys.executable} is 3.9.2: install a newer one, "
        "then name it with PYTHON=, for example: make run PYTHON=python3.12"
    )


def test_a_missing_venv_module_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_ensurepip(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "ensurepip":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_ensurepip)
    with pytest.raises(SystemExit, match="apt install python3-venv; then start again"):
        bootstrap.check_python()


def test_it_does_nothing_when_the_locks_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(f"# {name}\n")
    monkeypatch.setattr(bootstrap, "BASE", tmp_path)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "installed")
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(bootstrap, "make_venv", lambda: None)
    monkeypatch.setattr(bootstrap, "install", calls.append)

    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "--dev"])
    bootstrap.main()
    bootstrap.main()
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    bootstrap.main()
    assert calls == [tmp_path / "requirements-dev.txt"]

    (tmp_path / "requirements.txt").write_text("# a new lock\n")
    bootstrap.main()
    assert calls[1:] == [tmp_path / "requirements.txt"]


def test_uv_comes_from_the_lock_with_its_hashes() -> None:
    alone = bootstrap.uv_alone(LOCKS[0]).splitlines()
    assert re.fullmatch(r"uv==[\d.]+ \\", alone[0])
    assert all("--hash=sha256:" in line or line.strip().startswith("#") for line in alone[1:])
    assert len(alone) > 10


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_are_hashed_and_name_no_machine(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert text.splitlines()[1] == "#    make lock"
    assert "://" not in text
    assert "--find-links" not in text
    assert "-index" not in text
    packages = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    assert len(packages) > 50
    assert text.count("==") - text.count("python_full_version ==") >= len(packages)
    blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_an_old_python_can_read_it() -> None:
    """No syntax newer than 3.7: what cannot be read cannot say what is wrong."""
    source = Path(bootstrap.__file__).read_text("utf-8")
    compiled = "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 7))"
    done = subprocess.run([sys.executable, "-c", compiled], input=source, text=True)
    assert done.returncode == 0
