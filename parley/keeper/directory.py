"""The data directory: one server at a time, and a note of who runs."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from parley.keeper.errors import KeeperError

LOCK_NAME = "parley.lock"
PIDS_NAME = "pids.json"


class Directory:
    """Held until closed, or until this process ends however it ends. Raises KeeperError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # What callers said is for nobody else on this machine.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise KeeperError(
                f"{path} cannot be used: {error.strerror}", "Name another directory with --data."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise KeeperError(
                f"Another server holds {path}", "Stop it, or name another directory with --data."
            ) from error

    def note_pids(self, pids: Mapping[str, int | None]) -> None:
        """Whoever reads the note sees all of it, or all of the one before."""
        draft = self.path / f".{PIDS_NAME}"
        draft.write_text(json.dumps(pids) + "\n", encoding="utf-8")
        draft.replace(self.path / PIDS_NAME)

    def close(self) -> None:
        (self.path / PIDS_NAME).unlink(missing_ok=True)
        os.close(self._lock)
