"""The examples of docs/operations: read by the programs they are for, and used.

Where nginx or systemd is not installed, its part is left out.
"""

from __future__ import annotations

import configparser
import datetime as dt
import getpass
import http.client
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.wsgi import get_wsgi_application

from config.certificates import local_certificate

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "operations"
UNIT, SITE = EXAMPLES / "huitou.service", EXAMPLES / "nginx.conf"
GUIDES = (ROOT / "docs" / "operations.md", ROOT / "docs" / "operations.zh-CN.md")
NAME = "card.example.com"
NGINX, SYSTEMD = shutil.which("nginx"), shutil.which("systemd-analyze")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT, "utf-8")
    return parser["Service"]


def test_the_unit_starts_what_the_guide_installs() -> None:
    program, *words = shlex.split(unit()["ExecStart"])
    assert program == f"{unit()['WorkingDirectory']}/.venv/bin/python"
    assert words == ["manage.py", "up"]
    assert (ROOT / words[0]).is_file()
    for guide in GUIDES:
        text = guide.read_text("utf-8")
        assert unit()["EnvironmentFile"] in text
        assert unit()["WorkingDirectory"] in text
        assert f"operations/{UNIT.name}" in text
        assert f"operations/{SITE.name}" in text


@pytest.mark.skipif(SYSTEMD is None, reason="systemd is not installed")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8").replace(unit()["ExecStart"].split()[0], sys.executable)
    here.write_text(text, "utf-8")
    told = subprocess.run(
        [str(SYSTEMD), "verify", str(here)], capture_output=True, text=True, check=False
    )
    # Other units of the machine may have faults of their own.
    assert UNIT.name not in told.stderr, told.stderr
    assert told.returncode == 0, told.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Proxy:
    """nginx with the example, and what came through it."""

    folder: Path
    plain: int = field(default_factory=free_port)
    secure: int = field(default_factory=free_port)
    behind: int = field(default_factory=free_port)
    callers: list[str] = field(default_factory=list)

    def write(self) -> Path:
        """The example, with ports and a certificate of ours in place of the machine's."""
        made = local_certificate(self.folder, [NAME], at=dt.datetime.now(dt.UTC))
        text = SITE.read_text("utf-8")
        ours = {
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "    listen [::]:80;\n": "",
            "listen 443 ssl": f"listen 127.0.0.1:{self.secure} ssl",
            "    listen [::]:443 ssl http2;\n": "",
            f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(made.chain),
            f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(made.key),
            "http://127.0.0.1:8000;": f"http://127.0.0.1:{self.behind};",
        }
        for example, mine in ours.items():
            assert example in text
            text = text.replace(example, mine)
        folders = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # The folder is ours alone: nginx as root would let somebody else work in it.
        owner = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""
        file = self.folder / "nginx.conf"
        file.write_text(
            f"{owner}daemon off;\npid {self.folder}/pid;\nerror_log {self.folder}/error.log;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{folders}{text}}}\n",
            "utf-8",
        )
        return file

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        trusted = ssl.create_default_context(cafile=str(self.folder / "authority.crt"))
        site = http.client.HTTPSConnection("127.0.0.1", self.secure, timeout=30)
        raw = socket.create_connection(("127.0.0.1", self.secure), 30)
        site.sock = trusted.wrap_socket(raw, server_hostname=NAME)
        site.request(method, path, body, {"Host": NAME, **(headers or {})})
        return site.getresponse()


@needs_nginx
def test_nginx_reads_the_site(tmp_path: Path) -> None:
    file = Proxy(tmp_path).write()
    told = subprocess.run(
        [str(NGINX), "-t", "-c", str(file)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "warn" not in told.stderr


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@pytest.fixture
def proxy(tmp_path: Path, settings: Any) -> Iterator[Proxy]:
    """The product as it is set up in production, behind nginx as it is shown."""
    settings.TRUST_PROXY = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = [NAME]
    found = Proxy(tmp_path)
    pages = get_wsgi_application()

    def remembered(environ: dict[str, Any], start: Any) -> Any:
        try:
            return pages(environ, start)
        finally:
            found.callers.append(environ["REMOTE_ADDR"])

    server = make_server("127.0.0.1", found.behind, remembered, Server, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    nginx = subprocess.Popen([str(NGINX), "-c", str(found.write())])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and nginx.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", found.secure)) == 0:
                    break
            time.sleep(0.02)
        yield found
    finally:
        nginx.terminate()
        nginx.wait(20)
        server.shutdown()
        server.server_close()


@needs_nginx
def test_a_page_comes_through_by_https_alone(proxy: Proxy) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", proxy.plain, timeout=30)
    plain.request("GET", "/counter/login/", headers={"Host": NAME})
    answer = plain.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/counter/login/")
    page = proxy.ask("GET", "/counter/login/")
    assert page.status == 200
    assert "登录收银台" in page.read().decode()
    assert proxy.ask("GET", "/metrics").status == 404
    assert proxy.ask("GET", "/counter/login/", headers={"Host": "else.example.com"}).status == 400


@needs_nginx
def test_the_visitor_is_who_nginx_saw(proxy: Proxy) -> None:
    forged = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "http"}
    assert proxy.ask("GET", "/counter/login/", headers=forged).status == 200
    assert proxy.callers == ["127.0.0.1"]


@needs_nginx
@pytest.mark.parametrize("megabytes", [12, 50])
def test_what_is_too_large_is_refused_in_our_words(proxy: Proxy, megabytes: int) -> None:
    answer = proxy.ask("POST", "/counter/login/", body=bytes(megabytes * 1024 * 1024))
    assert answer.status == 413
    assert "文件太大" in answer.read().decode()
