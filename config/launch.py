"""`manage.py up`: from nothing to an open shop, and down again in order."""

import json
import os
import shutil
import signal
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from config.certificates import Certificate, local_certificate, own_addresses, site_names
from config.datafolder import DataFolder
from config.embedded import CannotStart, PostgresServer, ValkeyServer
from config.embedded.process import last_line, spawn, wait_until
from config.embedded.valkey import port_is_free
from config.env import is_given
from config.supervisor import Program, Supervisor
from members import clock

DATABASE = "huitou"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WEB_STARTS = 60.0  # seconds
ALL_WELL = 30.0  # seconds for worker and beat to report


@dataclass(frozen=True)
class Options:
    """What the person at the keyboard chose, by PORT=, HOST=, HTTPS= and HUITOU_DATA=."""

    base: Path
    data: Path
    host: str
    port: int
    https: bool
    demo: bool
    empty: bool = False  # a trial without the demo shop
    site: str = ""  # the address that the proxy in front answers at
    workers: int = 2
    threads: int = 4


class Launch:
    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.say = say
        self.folder = DataFolder(options.data)
        self.supervisor = Supervisor(say)
        self.env = dict(os.environ)
        self.certificate: Certificate | None = None
        self.is_empty = False

    def run(self) -> None:
        """Start everything, stay until Ctrl-C or SIGTERM, stop everything.

        Raises CannotStart with a sentence when something stands in the way.
        """
        before = {number: signal.signal(number, _interrupt) for number in ENDINGS}
        try:
            self._start()
            self.supervisor.watch()
        except KeyboardInterrupt:
            self.say("Stopping …")
        finally:
            for number in ENDINGS:  # a second Ctrl-C changes nothing: the order is kept
                signal.signal(number, signal.SIG_IGN)
            self.supervisor.stop()
            self.folder.close()
            for number, handler in before.items():
                signal.signal(number, handler)
        self.say("Stopped. The data is kept in " + str(self.options.data))

    def _start(self) -> None:
        options = self.options
        if not port_is_free(options.port, options.host):
            raise CannotStart(
                f"Port {options.port} is in use by another program: stop that one, or choose "
                f"another port with PORT={options.port + 1}."
            )
        self.folder.open()
        self._choose_shop()
        self._start_servers()
        self._set_environment()
        logins = self._prepare()
        self._start_programs()
        self._welcome(logins)
        self.supervisor.watch(ALL_WELL if not self._well() else 0)

    # --- Steps ---

    def _choose_shop(self) -> None:
        """A folder keeps what it was opened with: the demo shop, or an empty one."""
        if self.options.empty and self.folder.holds_demo:
            raise CannotStart(
                f"{self.options.data} holds the demo shop: choose another folder with "
                f"HUITOU_DATA={self.options.data.with_name(f'{self.options.data.name}-empty')}, "
                "or delete this one first with make reset."
            )
        self.is_empty = self.options.empty or self.folder.holds_empty

    def _start_servers(self) -> None:
        """Our own PostgreSQL and Valkey, unless addresses of others were given."""
        addresses = {"web": str(self.options.port)}
        if not is_given("DATABASE_URL"):
            postgres = PostgresServer(
                self.options.data / "postgres", log=self.folder.log("postgres")
            )
            self.supervisor.start("PostgreSQL", postgres)
            postgres.create_database(DATABASE)
            addresses["database_url"] = postgres.url(DATABASE)
        if not is_given("REDIS_URL"):
            valkey = ValkeyServer(self.options.data / "valkey", log=self.folder.log("valkey"))
            self.supervisor.start("Valkey", valkey)
            addresses["redis_url"] = valkey.url()
        self.folder.tell_addresses(addresses)
        for name in ("database_url", "redis_url"):
            if name in addresses:
                self.env[name.upper()] = addresses[name]

    def _set_environment(self) -> None:
        options = self.options
        self.env["HUITOU_DATA"] = str(options.data)
        self.env["PYTHONUNBUFFERED"] = "1"
        if options.https:
            self.env["HTTPS"] = "true"
        if options.demo:
            self.env["HTTPS"] = self.env.get("HTTPS") or "false"
            self.env.setdefault("ALLOWED_HOSTS", ",".join([*site_names(), "[::1]"]))
        if options.https:
            self.certificate = local_certificate(
                options.data / "https", site_names(), at=clock.now()
            )
        # Each run counts anew; files of processes that are gone would be added up for ever.
        metrics = options.data / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir()
        self.env["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)

    def _prepare(self) -> dict[str, object]:
        """Migrations, static files and the trial's shop, in a process of their own."""
        log = self.folder.log("prepare")
        result = self.options.data / "prepared.json"
        result.unlink(missing_ok=True)
        command = [sys.executable, "manage.py", "prepare", "--result", str(result)]
        command += ["--empty"] if self.is_empty else []
        process = spawn(command, env=self.env, log=log, cwd=str(self.options.base))
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
        if code != 0:
            reason = last_line(log)
            if reason.startswith("CommandError: "):  # a sentence already
                raise CannotStart(reason.removeprefix("CommandError: "))
            raise CannotStart(f"The database could not be prepared ({reason}). All of it: {log}")
        found = json.loads(result.read_text("utf-8"))
        result.unlink()
        assert isinstance(found, dict)
        return found

    def _start_programs(self) -> None:
        options = self.options
        web = ["gunicorn", "config.wsgi", "--worker-class", "gthread", "--no-control-socket"]
        web += ["--workers", str(options.workers), "--threads", str(options.threads)]
        web += ["--bind", _bind(options.host, options.port), "--graceful-timeout", "15"]
        web += ["--timeout", "60", "--keep-alive", "15", "--config", "config/gunicorn.py"]
        if self.certificate:
            web += ["--certfile", str(self.certificate.chain)]
            web += ["--keyfile", str(self.certificate.key)]
        celery = ["celery", "-A", "config", "--quiet"]
        worker = [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"]
        # One worker has no neighbours to look for: it is ready a second earlier.
        worker += ["--without-mingle", "--without-gossip"]
        beat = [*celery, "beat", "--loglevel", "INFO", "--pidfile="]
        term, quit_, kill = signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL
        self._program("Web server", "web", web, [(term, 20), (quit_, 3), (kill, 5)])
        if not wait_until(self._answers, WEB_STARTS):
            raise CannotStart(
                f"The web server did not answer ({last_line(self.folder.log('web'))}). "
                f"All of it: {self.folder.log('web')}"
            )
        # A worker told twice to stop drops its task; the task comes back at the next start.
        self._program("Worker", "worker", worker, [(term, 20), (quit_, 5), (kill, 5)])
        self._program("Beat", "beat", beat, [(term, 5), (kill, 5)])

    def _program(
        self, name: str, log: str, command: list[str], stopping: list[tuple[int, float]]
    ) -> None:
        program = Program(
            command,
            env=self.env,
            log=self.folder.log(log),
            cwd=self.options.base,
            stopping=stopping,
        )
        self.supervisor.start(name, program)

    # --- Telling ---

    def _health(self) -> int:
        """Status of /healthz; 0 when nothing answers."""
        scheme = "https" if self.certificate else "http"
        host = "127.0.0.1" if self.options.host == "0.0.0.0" else self.options.host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        # Asked here, but by a name that the site answers to.
        site = self.env["ALLOWED_HOSTS"].split(",")[0].strip().lstrip(".")
        request = urllib.request.Request(  # noqa: S310
            f"{scheme}://{host}:{self.options.port}/healthz", headers={"Host": site}
        )
        try:
            with _opener(self.certificate).open(request, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def _answers(self) -> bool:
        return self._health() != 0

    def _well(self) -> bool:
        return self._health() == 200

    def addresses(self) -> list[str]:
        scheme = "https" if self.certificate else "http"
        hosts = ["localhost"]
        if self.options.host == "0.0.0.0":  # noqa: S104
            hosts += own_addresses()
        elif self.options.host not in ("127.0.0.1", "::1", "localhost"):
            hosts = [self.options.host]
        return [f"{scheme}://{host}:{self.options.port}" for host in hosts]

    def _welcome(self, prepared: dict[str, object]) -> None:
        first, *others = self.addresses()
        if self.options.site:
            first, others = self.options.site, [f"through a proxy that passes on to {first}"]
        lines = ["", f"Huitou is open at {first}"]
        lines += [f"                 {address}" for address in others]
        lines += [
            f"  {first}/counter/   counter 收银台",
            f"  {first}/m/         member card 会员卡",
            f"  {first}/admin/     back office 后台",
            "",
        ]
        logins = prepared.get("logins")
        if isinstance(logins, dict) and logins:
            lines.append("The first login:" if self.is_empty else "Logins of the demo shop:")
            lines += [f"  {name:<9} {password}" for name, password in logins.items()]
        elif not self.is_empty:
            lines.append("The first login: .venv/bin/python manage.py createsuperuser")
        first_steps = prepared.get("try_first")
        if isinstance(first_steps, list) and first_steps:
            lines += ["", "Try first 先试试:", *(f"  {step}" for step in first_steps)]
        if self.certificate:
            lines += ["", *_how_to_trust(self.certificate)]
        lines += ["", f"Logs: {self.options.data / 'log'}    Ctrl-C stops.", ""]
        self.say("\n".join(lines))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _opener(certificate: Certificate | None) -> urllib.request.OpenerDirector:
    """Asks this machine directly (no proxy), trusting our own authority alone."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if certificate:
        context = ssl.create_default_context(cafile=str(certificate.authority))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _how_to_trust(certificate: Certificate) -> list[str]:
    return [
        "Browsers warn until they trust this machine's certificate. Once on each device:",
        f"  copy {certificate.authority} to it, then",
        "  Windows: open it, Install, Local Machine, Trusted Root Certification Authorities",
        "  macOS: open it, then Keychain: Always Trust",
        "  iPhone: open it, Settings: install the profile, then About: Certificate Trust Settings",
        "  Android: Settings: Security: Install a certificate: CA certificate",
        "  Linux: Chromium settings: Certificates: Authorities: Import",
    ]
