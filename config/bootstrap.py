"""Make .venv and install the locked packages into it; nothing when that is done already.

    python3 config/bootstrap.py [--dev]

Run by the Makefile with whatever Python the machine has: standard library only, and written so
that an older Python, too, can read it and say what is wrong.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST = (3, 11)
BASE = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("HUITOU_VENV") or BASE / ".venv")
STAMP = VENV / "installed"
PROGRAMS, SUFFIX = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
PYTHON = VENV / PROGRAMS / f"python{SUFFIX}"
UV = VENV / PROGRAMS / f"uv{SUFFIX}"


def check_python() -> None:
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Huitou needs Python 3.11 or newer, and {sys.executable} is {found}: install a newer "
            "one, then name it with PYTHON=, for example: make run PYTHON=python3.12"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit(
            f"This Python ({sys.executable}) comes without its venv module. On Debian or Ubuntu: "
            "apt install python3-venv; then start again."
        )


def stamp_of(lock: Path) -> str:
    """What an installed venv remembers: the lock's hash and the Python it was made with."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return f"{lock.name} {digest} {sys.version_info[0]}.{sys.version_info[1]}"


def is_installed(lock: Path) -> bool:
    """A venv with the developers' packages serves those who only run the shop, too."""
    if not (STAMP.exists() and PYTHON.exists()):
        return False
    return stamp_of(lock) in STAMP.read_text("utf-8").splitlines()


def make_venv() -> None:
    same = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])!r})"
    if (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-c", same], stderr=subprocess.DEVNULL).returncode == 0
    ):
        return
    say(f"Making {VENV} …")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode != 0:
        sys.exit(
            f"Python could not make its environment in {VENV} (see above). On Debian or Ubuntu, "
            "apt install python3-venv helps."
        )


def uv_alone(lock: Path) -> str:
    """The lock's lines about uv: version and hashes."""
    lines, taken = [], False
    for line in lock.read_text("utf-8").splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            taken = line.startswith("uv==")
        if taken:
            lines.append(line)
    return "".join(lines)


def pip_install(lock: Path) -> bool:
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    return subprocess.run([*command, "--require-hashes", "-r", lock]).returncode == 0


def uv_is_there(lock: Path) -> bool:
    if UV.exists():
        return True
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder, "uv.txt")
        alone.write_text(uv_alone(lock), "utf-8")
        return pip_install(alone)


def uv_environment() -> dict[str, str]:
    """uv reads neither pip's settings nor, unasked, the machine's certificates; pip does."""
    env = {"UV_SYSTEM_CERTS": "true", **os.environ}
    mirror = env.get("PIP_INDEX_URL", "")
    if not mirror:
        asked: list[str | Path] = [PYTHON, "-m", "pip", "config", "get", "global.index-url"]
        done = subprocess.run(asked, capture_output=True, text=True)
        mirror = done.stdout.strip() if done.returncode == 0 else ""
    if mirror:
        env.setdefault("UV_DEFAULT_INDEX", mirror)
    return env


def install(lock: Path) -> None:
    say("Installing the packages …")
    if uv_is_there(lock):
        command: list[str | Path] = [
            UV,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",  # once, instead of by each of the many processes that start
            "--python",
            PYTHON,
            "--require-hashes",
        ]
        if subprocess.run([*command, "-r", lock], env=uv_environment()).returncode == 0:
            return
        say("uv could not install them; trying pip …")
    if not pip_install(lock):
        sys.exit(
            "The packages could not be installed (see above). Is there a network? "
            "A mirror is set with PIP_INDEX_URL=."
        )


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    check_python()
    locks = [BASE / "requirements.txt"]
    if "--dev" in sys.argv[1:]:
        locks.append(BASE / "requirements-dev.txt")
    if all(is_installed(lock) for lock in locks):
        return
    make_venv()
    install(locks[-1])
    STAMP.write_text("\n".join(stamp_of(lock) for lock in locks), "utf-8")


if __name__ == "__main__":
    main()
