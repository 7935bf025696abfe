"""Typed reading of the environment. Every name may be given as NAME or, for secrets, NAME_FILE."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


class _Env(environ.FileAwareEnv):
    """Looks each time: a test may change the environment, and nothing here is read often."""

    ENVIRON = FileAwareMapping(cache=False)


env = _Env()


def data_folder(base: Path) -> Path:
    """Where one installation keeps its database, uploads and secrets."""
    return Path(env.str("HUITOU_DATA", str(base / ".huitou"))).expanduser().resolve()


def is_given(name: str) -> bool:
    """Whether somebody set it, as a value or as a file."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def running_servers(data: Path) -> dict[str, str]:
    """Addresses of the servers that `manage.py up` runs on this data folder; empty if none does."""
    try:
        found = json.loads((data / "servers.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def database(url: str, *, pool: int, lock_timeout_ms: int, prepared: bool = True) -> dict[str, Any]:
    """Django's settings for a libpq address (TCP, or a socket folder as %2Fpath host).

    `pool` is the number of connections one process keeps at most; 0 means no pool. `prepared`:
    whether connections keep the statements that `members.statements` prepares.
    """
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except ProgrammingError as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL is no PostgreSQL address ({error}). "
            "Write postgresql://user:password@host:5432/name."
        ) from error
    options: dict[str, Any] = {"options": f"-c lock_timeout={lock_timeout_ms}"}
    if "options" in parts:
        options["options"] += " " + parts.pop("options")
    if prepared:
        # Only cursors that bind on the server prepare anything; Django's own do not. Each is
        # planned once: the plans of a sale do not depend on whose it is.
        options["prepare_threshold"] = 0
        options["options"] += " -c plan_cache_mode=force_generic_plan"
    if pool:
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 3}
    settings = {
        "ENGINE": "config.postgresql",
        "NAME": parts.pop("dbname", "huitou"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        # Pooled connections are checked when taken; unpooled ones live for one request.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
    options.update(parts)
    return settings


def secret_key(data: Path) -> tuple[str, bool]:
    """The key that signs sessions and codes, and whether it is kept anywhere.

    Commands that sign nothing (checks, migrations, linting) work without one: they get a key
    that ends with the process, and a system check says so before anything is served with it.
    """
    given = env.str("SECRET_KEY", "")
    if not given:
        try:
            given = (data / "secret_key").read_text("utf-8").strip()
        except OSError:
            given = ""
    return (given, True) if given else (secrets.token_urlsafe(50), False)
