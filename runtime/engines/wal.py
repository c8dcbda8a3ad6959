"""The write-ahead log as SQLite will recover it, and whether that drops commits.

Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. Recovery ends at the first
frame whose checksum fails, and says nothing. After a power cut that is the torn tail of a commit
nobody was told of. But a transaction is flushed before the next is written: where a later one
stands beyond the bad frame, acknowledged commits are about to vanish.
"""

import mmap
import os
import sys
from array import array
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
PAGE_BYTES = 4_096
_MAGIC = 0x377F0682
_MASK = 0xFFFFFFFF
_HEADER_SUMMED = 24
_FRAME_SUMMED = 8

Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Scan:
    """Frames count from 1; `damaged` is the bad one before a later commit (0 is the header)."""

    frames: int
    recovered: int
    damaged: int | None


def path_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def read(database: Path) -> Scan:
    """Scan the file beside a database which nobody has open; no file is an empty one."""
    try:
        with path_of(database).open("rb") as file:
            if os.fstat(file.fileno()).st_size <= HEADER_BYTES:
                return Scan(0, 0, None)
            with (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as data,
            ):
                return scan(data)
    except FileNotFoundError:
        return Scan(0, 0, None)


def scan(data: memoryview) -> Scan:
    """Follow the frames as recovery does, then look for commits beyond where it ends."""
    log = _Log(data)
    before = log.header_sum()
    recovered = n = 0
    if before is not None:
        while n < log.frames and log.is_ours(n) and log.sum_after(n, before) == log.stored(n):
            before = log.stored(n)
            n += 1
            recovered = n if log.commits(n - 1) else recovered
        bad = n + 1
    else:
        bad = 0
    return Scan(log.frames, recovered, bad if _goes_on(log, n, bad) else None)


def _goes_on(log: "_Log", first: int, bad: int) -> bool:
    """Whether a transaction stands beyond the one that the bad frame (from 0: `first`) is of.

    Frames of one that was rolled back may lie there too; they never bear the mark of a commit,
    nor do they follow on the frame which ends the damaged one.
    """
    rest = range(first, log.frames)
    end = next((n for n in rest if log.is_ours(n) and log.commits(n)), None) if bad else first
    if end is None:
        return False
    return any(
        log.is_ours(n)
        and (n == end + 1 or log.commits(n))
        and log.sum_after(n, log.stored(n - 1)) == log.stored(n)
        for n in range(end + 1, log.frames)
    )


class _Log:
    """The fields of a write-ahead log. Frames are counted from 0 here."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        page = self._word(8)
        sane = page.bit_count() == 1 and 512 <= page <= 65_536
        self._frame = FRAME_HEADER_BYTES + (page if sane else PAGE_BYTES)
        # The low bit of the magic number: are the words that are summed big-endian?
        self._swapped = (self._word(0) & 1 == 1) != (sys.byteorder == "big")
        self._salts = bytes(data[16:24])
        self.frames = (len(data) - HEADER_BYTES) // self._frame

    def header_sum(self) -> Sum | None:
        """The sum that the first frame goes on from; None for a header that is not one."""
        found = self._sum(self._data[:_HEADER_SUMMED], (0, 0))
        good = self._word(0) & ~1 == _MAGIC and found == (self._word(24), self._word(28))
        return found if good else None

    def is_ours(self, n: int) -> bool:
        """Not left over from before the log was last begun anew."""
        at = self._at(n) + 8
        return bytes(self._data[at : at + 8]) == self._salts

    def commits(self, n: int) -> bool:
        return self._word(self._at(n) + 4) != 0

    def stored(self, n: int) -> Sum:
        return self._word(self._at(n) + 16), self._word(self._at(n) + 20)

    def sum_after(self, n: int, before: Sum) -> Sum:
        at = self._at(n)
        begun = self._sum(self._data[at : at + _FRAME_SUMMED], before)
        return self._sum(self._data[at + FRAME_HEADER_BYTES : at + self._frame], begun)

    def _at(self, n: int) -> int:
        return HEADER_BYTES + n * self._frame

    def _word(self, at: int) -> int:
        return int.from_bytes(self._data[at : at + 4], "big")

    def _sum(self, data: memoryview, begun: Sum) -> Sum:
        words = array("I", bytes(data))
        if self._swapped:
            words.byteswap()
        one, two = begun
        each = iter(words)
        for first, second in zip(each, each, strict=True):
            one = (one + first + two) & _MASK
            two = (two + second + one) & _MASK
        return one, two
