"""The end of a recording on disk: bytes are appended to segments, and are there when it returns."""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from media import segment

SEGMENT_BYTES_MAX = 64 * 1024 * 1024
SEGMENT_AGE_S_MAX = 3_600.0

ALIVE = ".alive"
"""The ending of the file which a process keeps locked for as long as it may append."""


@dataclass(slots=True)
class _Segment:
    """A file which is open to be appended to; up to `end` it is on disk."""

    path: Path
    descriptor: int
    end: int
    since_s: float


class Appender:
    """Appends to one segment after the other; never again to one that failed.

    `boot` is 16 hex digits which no other process has. Whoever wants to know whether a segment
    may still grow tries the lock of its boot.
    """

    def __init__(
        self,
        recordings: Path,
        boot: str,
        bytes_max: int = SEGMENT_BYTES_MAX,
        age_s_max: float = SEGMENT_AGE_S_MAX,
        flush: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._recordings = recordings
        self._boot = boot
        self._bytes_max = bytes_max
        self._age_s_max = age_s_max
        self._flush = flush
        self._numbers = 0
        self._open: _Segment | None = None
        self._alive: int | None = None

    def append(self, data: memoryview) -> tuple[str, int]:
        """Write and flush. Answers the segment's path and where in it; OSError: it is nowhere."""
        current = self._segment()
        try:
            if os.pwrite(current.descriptor, data, current.end) != len(data):
                raise OSError(f"{current.path.name} was written in part")
            self._flush(current.descriptor)
        except OSError:
            # After a failed flush the kernel may call lost pages clean: no flush of this file
            # would prove anything again. What was flushed before is there.
            self._give_up(current)
            raise
        offset = current.end
        current.end += len(data)
        return current.path.name, offset

    def close(self) -> None:
        self._leave()
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def _segment(self) -> _Segment:
        """The one to be appended to: the open one, unless it is large or old."""
        if (current := self._open) is not None:
            aged = time.monotonic() - current.since_s > self._age_s_max
            if current.end < self._bytes_max and not aged:
                return current
            self._leave()
        self._open = self._begin()
        return self._open

    def _begin(self) -> _Segment:
        """A new segment, which its folder knows of."""
        self._live()
        number = self._numbers
        self._numbers += 1
        path = self._recordings / segment.path(self._boot, number)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        begun = _Segment(path, os.open(path, flags, 0o600), 0, time.monotonic())
        try:
            header = segment.header(self._boot, number)
            begun.end = os.pwrite(begun.descriptor, header, 0)
            if begun.end != len(header):
                raise OSError(f"{path.name} was written in part")
            _flush_folder(self._recordings)
        except OSError:
            self._give_up(begun)
            raise
        return begun

    def _live(self) -> None:
        """Lock the file which says that this process lives, before its first segment is there."""
        if self._alive is not None:
            return
        if not self._recordings.exists():
            self._recordings.mkdir(parents=True, exist_ok=True)
            _flush_folder(self._recordings.parent)
        draft = self._recordings / f".{self._boot}{ALIVE}"
        alive = os.open(draft, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It appears under its name as a file that is locked.
            draft.rename(self._recordings / f"{self._boot}{ALIVE}")
        except OSError:
            os.close(alive)
            raise
        self._alive = alive

    def _leave(self) -> None:
        if self._open is not None:
            os.close(self._open.descriptor)
            self._open = None

    def _give_up(self, failed: _Segment) -> None:
        """Free the room of what no row will name, where the disk lets us."""
        with suppress(OSError):
            if failed.end <= segment.HEADER_BYTES:
                failed.path.unlink()
            else:
                os.ftruncate(failed.descriptor, failed.end)
        os.close(failed.descriptor)
        self._open = None


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
