"""The one folder that holds an installation: database, queues, uploads, secrets, logs."""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import IO

from config.embedded.process import CannotStart, write_private

MARK = "huitou.json"
FORMAT = 1
LOG_KEPT = 10 * 1024 * 1024  # bytes before a log is set aside
WORDS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Make the folder if it is new and take it for this process alone.

        Raises CannotStart when the folder is somebody else's or already in use.
        """
        try:
            self._check_mark()
            self._take_lock()
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise CannotStart(
                f"{self.path} cannot be used ({error.strerror}): start Huitou as the user who "
                "started it first, or choose another folder with HUITOU_DATA=."
            ) from error
        for name in ("log", "media"):
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        if not (self.path / "secret_key").exists():
            write_private(self.path / "secret_key", secrets.token_urlsafe(50))

    def close(self) -> None:
        if self._lock is not None:
            (self.path / "servers.json").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _check_mark(self) -> None:
        mark = self.path / MARK
        if not mark.exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise CannotStart(
                    f"{self.path} holds files that are not Huitou's: choose an empty or a new "
                    "folder with HUITOU_DATA=."
                )
            # Others may pass through to what is theirs (a server's account), but not look around.
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711)
            mark.write_text(json.dumps({"format": FORMAT}), "utf-8")
        try:
            found = json.loads(mark.read_text("utf-8"))["format"]
        except (ValueError, KeyError, TypeError):
            found = None
        if found != FORMAT:
            raise CannotStart(
                f"The data in {self.path} has format {found}, and this Huitou knows {FORMAT}: "
                "use the version that wrote it, or choose another folder with HUITOU_DATA=."
            )

    def _take_lock(self) -> None:
        self._lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "?"
            self._lock.close()
            self._lock = None
            raise CannotStart(
                f"Huitou already runs on {self.path} (process {holder}): stop it with Ctrl-C "
                "there, or choose another folder with HUITOU_DATA=."
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def log(self, name: str) -> Path:
        """The log of one part; a long one of earlier runs is set aside first."""
        file = self.path / "log" / f"{name}.log"
        with suppress(FileNotFoundError):
            if file.stat().st_size > LOG_KEPT:
                file.replace(file.with_suffix(".old.log"))
        return file

    def tell_addresses(self, addresses: dict[str, str]) -> None:
        """So that other commands find the servers while we run."""
        write_private(self.path / "servers.json", json.dumps(addresses))

    def demo_passwords(self) -> dict[str, str]:
        """Logins of the demo shop: made once, printed at each start, never used elsewhere."""
        file = self.path / "demo_logins.json"
        if not file.exists():
            made = {
                name: "-".join(
                    "".join(secrets.choice(WORDS) for _ in range(4)) for _part in range(3)
                )
                for name in ("owner", "manager", "cashier")
            }
            write_private(file, json.dumps(made))
        return {str(k): str(v) for k, v in json.loads(file.read_text("utf-8")).items()}
