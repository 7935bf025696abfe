import platform
import shutil
from importlib.metadata import version
from typing import Any

import psutil
import psycopg
import redis
from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import BaseCommand
from django.db import connection

from config.embedded.process import pid_is_alive
from config.env import running_servers
from config.health import parts

HINTS = {
    "database": "Start the shop with `make run`, or check DATABASE_URL.",
    "cache": "Start the shop with `make run`, or check REDIS_URL.",
    "worker": "Without a worker no message leaves and no gift arrives: see log/worker.log.",
    "beat": "Without beat nothing happens by the clock: see log/beat.log.",
}


class Command(BaseCommand):
    help = "Tell what runs, what does not, and what to do about it."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        self._machine()
        self._run()
        found = parts()
        self.stdout.write("Parts")
        for name, state in found.items():
            self._line(name, state)
            if state != "ok":
                self._line("", HINTS[name])
        self.stdout.write("Versions")
        self._versions(found)
        self.stdout.write("Checks")
        messages = run_checks(include_deployment_checks=settings.PRODUCTION)
        for message in messages:
            self._line(message.id or "", message.msg)
            if message.hint:
                self._line("", message.hint)
        if not messages:
            self._line("all", "ok")

    def _line(self, name: str, text: object) -> None:
        self.stdout.write(f"  {name:<12} {text}")

    def _machine(self) -> None:
        self.stdout.write("Machine")
        self._line("system", platform.platform())
        self._line("processors", psutil.cpu_count())
        memory = psutil.virtual_memory()
        self._line("memory", f"{_size(memory.available)} free of {_size(memory.total)}")
        data = settings.DATA_DIR
        self._line("data", data if data.exists() else f"{data} (not made yet)")
        folder = next(path for path in (data, *data.parents) if path.exists())
        disk = shutil.disk_usage(folder)
        self._line("disk", f"{_size(disk.free)} free of {_size(disk.total)}")

    def _run(self) -> None:
        self.stdout.write("This run")
        self._line("mode", settings.HUITOU_ENV)
        lock = settings.DATA_DIR / "lock"
        holder = lock.read_text("ascii").strip() if lock.exists() else ""
        servers = running_servers(settings.DATA_DIR)
        if servers and holder.isdigit() and pid_is_alive(int(holder)):
            self._line("supervisor", f"process {holder}")
            self._line("web port", servers.get("web", "?"))
        else:
            self._line("supervisor", "not running; `make run` starts it")
        self._line("database", f"{connection.settings_dict['HOST'] or 'local socket'}")
        self._line("queues", settings.REDIS_URL.rpartition("@")[2].removeprefix("redis://"))

    def _versions(self, found: dict[str, str]) -> None:
        self._line("Python", platform.python_version())
        for package in ("django", "celery", "gunicorn", "psycopg", "django-unfold"):
            self._line(package, version(package))
        if found["database"] == "ok":
            with psycopg.connect(**connection.get_connection_params()) as own:
                major, minor = divmod(own.info.server_version, 10000)
            self._line("PostgreSQL", f"{major}.{minor}")
        if found["cache"] == "ok":
            with redis.Redis.from_url(settings.REDIS_URL) as client:
                info = client.info("server")
            self._line("Valkey", info.get("valkey_version") or info.get("redis_version"))


def _size(count: float) -> str:
    return f"{count / 1024**3:.1f} GB"
