"""The one folder that holds an installation: database, queues, uploads, secrets, logs."""

import fcntl
import json
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO

from config.embedded.process import CannotStart, write_private

MARK = "huitou.json"
FORMAT = 1
DEMO_LOGINS, FIRST_LOGIN = "demo_logins.json", "first_login.json"
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

    # --- Trials: the demo shop, or an empty one ---

    @property
    def holds_demo(self) -> bool:
        return (self.path / DEMO_LOGINS).exists()

    @property
    def holds_empty(self) -> bool:
        """Whether `make empty` opened it: the demo shop never moves in here."""
        return (self.path / FIRST_LOGIN).exists()

    def demo_passwords(self) -> dict[str, str]:
        """Logins of the demo shop: made once, printed at each start, never used elsewhere."""
        return self._passwords(DEMO_LOGINS, "owner", "manager", "cashier")

    def first_password(self) -> dict[str, str]:
        """The one login of a shop without data, to be changed by whoever keeps it."""
        return self._passwords(FIRST_LOGIN, "owner")

    def _passwords(self, name: str, *logins: str) -> dict[str, str]:
        file = self.path / name
        if not file.exists():
            made = {
                login: "-".join(
                    "".join(secrets.choice(WORDS) for _ in range(4)) for _part in range(3)
                )
                for login in logins
            }
            write_private(file, json.dumps(made))
        return {str(k): str(v) for k, v in json.loads(file.read_text("utf-8")).items()}

    def erase(self, *names: str) -> None:
        """Delete these parts of an opened folder; without names, the folder itself."""
        # Where root's folder was closed to the database's account, its data lies elsewhere.
        data = self.path / "postgres"
        if data.is_symlink() and (not names or data.name in names):
            shutil.rmtree(data.resolve(), ignore_errors=True)
            data.unlink()
        for part in [self.path / name for name in names] or [self.path]:
            if part.exists():
                shutil.rmtree(part)
