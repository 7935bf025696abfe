"""The browser that the tests drive: the one that is here, else Debian's, installed by root."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PACKAGES = ("chromium", "fonts-noto-cjk")
MISSING = (
    "No Chrome or Chromium was found and it may not be installed here: install Debian's chromium"
    " and fonts-noto-cjk, or set CHROMIUM to the program."
)


def _look() -> str | None:
    given = os.environ.get("CHROMIUM")
    if given:
        return given
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    return str(MAC) if MAC.exists() else None


@lru_cache(maxsize=1)
def find_chromium() -> str | None:
    """The program, or None where there is none and none may be installed (say ``MISSING``)."""
    found = _look()
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            # Several test processes may look for it at once: the later ones wait for the first.
            [
                "apt-get",
                "-o",
                "DPkg::Lock::Timeout=300",
                "install",
                "-y",
                "-qq",
                "--no-install-recommends",
                *PACKAGES,
            ],
        ):
            subprocess.run(command, env=quiet, check=False, capture_output=True, timeout=600)
        found = _look()
    return found
