"""A real web server on a database of the test's own, and a real browser in front of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.conftest import LiveDatabase

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip(MISSING)
    # Playwright keeps an event loop in this thread; our queries there are meant.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(live_db: LiveDatabase) -> Iterator[str]:
    """The address of a web server of the product on ``live_db``."""
    with serving(live_db.env) as address:
        yield address


@contextmanager
def serving(env: dict[str, str]) -> Iterator[str]:
    """A web server of the product with this environment; its address."""
    port = _free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"),
            *("--worker-class", "gthread", "--threads", "4", "--log-level", "error"),
        ],
        cwd=ROOT,
        env=env,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/counter/login/", timeout=20):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the web server did not start")


class Watched:
    """Collects what a page complained about: console errors, failed requests, CSP violations."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        # Going to the next page breaks off what the last one was still loading.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        # A page that answers 4xx with a refusal is logged as a failed resource; that is meant.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.complaints.append(f"{kind}: {text}")


def expect(page: Page, selector: str, words: str = "") -> None:
    """From now on the page notes when something that fits first stands in it, to be asked for
    with ``noted``: a busy test machine that looks later measures the same."""
    page.evaluate(
        """([selector, words]) => {
          window.noted = new Promise((done) => {
            const look = () => {
              const all = [...document.querySelectorAll(selector)];
              if (!all.some((one) => one.innerText.includes(words))) return false;
              done(Date.now());
              return true;
            };
            const watch = new MutationObserver(() => look() && watch.disconnect());
            if (!look()) {
              watch.observe(document, {
                childList: true, subtree: true, attributes: true, characterData: true,
              });
            }
          });
        }""",
        [selector, words],
    )


def noted(page: Page) -> float:
    """The second at which it stood there, by the clock of the machine that both pages run on."""
    answer = page.evaluate(
        """() => Promise.race([window.noted, new Promise((_done, failed) => setTimeout(
             () => failed(new Error("it never came: " + document.body.innerText)), 15000))])"""
    )
    return float(answer) / 1000
