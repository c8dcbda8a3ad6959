"""The log read again in the background, once a node has taken over on its tail alone."""

import threading
from collections.abc import Callable
from pathlib import Path

from runtime.engines import sqlite
from runtime.errors import StoreDamaged
from runtime.integrity import Reading, Sound

STEP = 64
"""So many entries at once: a fraction of a millisecond during which calls wait."""

PAUSE_S = 0.002


class Scrub:
    """A thread that reads the log up to `end`, a few entries at a time, over its own connection."""

    def __init__(self, path: Path, end: Sound, broken: Callable[[StoreDamaged], None]) -> None:
        """`broken` is told of damage, on that thread."""
        self._path = path
        self._end = end
        self._broken = broken
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading, and wait until it has."""
        self._stop.set()
        self._thread.join()

    def wait(self) -> None:
        """Until all is read, or damage is found."""
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite.open_reader(self._path)
        try:
            self._read(Reading(connection))
        except StoreDamaged as damage:
            self._broken(damage)
        finally:
            connection.close()

    def _read(self, reading: Reading) -> None:
        while (left := self._end.frontier.size - reading.size) > 0:
            if not reading.step(min(STEP, left)):
                break
            if self._stop.wait(PAUSE_S):
                return
        reading.check_end(self._end)
