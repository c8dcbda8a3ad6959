"""Segments of sealed audio on disk: what is read out of them, and what is punched out of them.

The media process appends (`media.appending`). A row names a range by path, offset and bytes, and
only ranges that were flushed have rows; the ciphertext's frame stands right before the range.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Container, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from media.appending import ALIVE
from media.segment import FRAME_BYTES, HEADER_BYTES, boot_of, frames

PIECE_BYTES = 1024 * 1024

# linux/falloc.h: the range becomes a hole, which reads as zeros; the file keeps its size.
_PUNCH_KEEP_SIZE = 0x02 | 0x01
_CANNOT = (errno.EOPNOTSUPP, errno.ENOSYS)
_fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)


class Range(NamedTuple):
    """Where the ciphertext of one chunk lies. An old chunk is a whole file: offset 0."""

    path: str
    offset: int
    bytes: int


def read(recordings: Path, where: Range) -> bytes | None:
    """The bytes of a range, fewer where the file ends before; None where nothing is left."""
    try:
        file = _open(recordings / where.path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        data = os.pread(file, where.bytes, where.offset)
    finally:
        os.close(file)
    # A hole is what was erased: no ciphertext consists of zeros.
    return data if data.strip(b"\0") else None


def erase(recordings: Path, ranges: Iterable[Range]) -> None:
    """Let nothing be left of these chunks. May be done again; a segment may grow meanwhile.

    Their keys are to be destroyed before: the disk itself may keep copies that we cannot reach.
    """
    for path, named in groupby(sorted(ranges), key=lambda one: one.path):
        if boot_of(path) is None:
            (recordings / path).unlink(missing_ok=True)
            continue
        try:
            file = _open(recordings / path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            for begin, end in map(_extent, named):
                _punch(file, begin, end)
            os.fsync(file)
        finally:
            os.close(file)


def abandoned(recordings: Path, before_us: int) -> list[str]:
    """The segments to which nobody appends any more, and has not since `before_us`.

    Not those of a process that lives, however old: it holds the lock of its boot.
    """
    dead = {
        path.name.strip(".").removesuffix(ALIVE)
        for path in recordings.glob(f"*{ALIVE}")
        if _is_old(path, before_us) and not _is_locked(path)
    }
    living = {path.name.removesuffix(ALIVE) for path in recordings.glob(f"*{ALIVE}")} - dead
    for path in recordings.glob(f"*{ALIVE}"):
        if path.name.strip(".").removesuffix(ALIVE) in dead:
            path.unlink(missing_ok=True)
    return [
        path.name
        for path in sorted(recordings.glob("*.seg"))
        if (boot := boot_of(path.name)) is not None
        and boot not in living
        and _is_old(path, before_us)
    ]


class Swept(NamedTuple):
    """How many bytes went, and whether there is nothing more to be swept in this segment."""

    gone: int
    done: bool


def sweep(
    recordings: Path, path: str, named: Iterable[Range], recording: Container[str] = ()
) -> Swept:
    """Let an abandoned segment hold the chunks that rows name, and nothing else.

    What goes was sealed, and its process or the node died before it was a row. Of a call that is
    still `recording` a row may be on the way: its chunks stay.
    """
    file = _open(recordings / path, os.O_RDWR)
    try:
        size = os.fstat(file).st_size
        kept = sorted(map(_extent, named))
        waiting = [
            (begin + at - FRAME_BYTES, begin + at + frame.length)
            for begin, end in _gaps(kept, size)
            for at, frame in frames(os.pread(file, end - begin, begin))
            if frame.call in recording
        ]
        kept = sorted(kept + waiting)
        if not kept:
            (recordings / path).unlink()
            return Swept(size, done=True)
        if gone := sum(_clear(file, begin, end) for begin, end in _gaps(kept, size)):
            os.ftruncate(file, min(size, kept[-1][1]))
            os.fsync(file)
    finally:
        os.close(file)
    return Swept(gone, not waiting)


def _extent(where: Range) -> tuple[int, int]:
    """A chunk with its frame."""
    return max(where.offset - FRAME_BYTES, HEADER_BYTES), where.offset + where.bytes


def _gaps(kept: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """What lies after the header and between these extents, up to the end of the file."""
    at = HEADER_BYTES
    for begin, end in [*kept, (size, size)]:
        if begin > at:
            yield at, begin
        at = max(at, end)


def _clear(file: int, begin: int, end: int) -> int:
    """Punch what is not a hole yet. Answers how many bytes that were."""
    if not os.pread(file, end - begin, begin).strip(b"\0"):
        return 0
    _punch(file, begin, end)
    return end - begin


def _punch(file: int, begin: int, end: int) -> None:
    """Zeros, and room on the disk again where the file system can give it back."""
    end = min(end, os.fstat(file).st_size)
    if begin >= end or _punched(file, begin, end - begin):
        return
    for at in range(begin, end, PIECE_BYTES):
        length = min(PIECE_BYTES, end - at)
        if os.pwrite(file, bytes(length), at) != length:
            raise OSError(errno.EIO, "a range was overwritten in part")


def _punched(file: int, begin: int, length: int) -> bool:
    if _fallocate is None:
        return False
    arguments = (ctypes.c_int(file), ctypes.c_int(_PUNCH_KEEP_SIZE))
    if _fallocate(*arguments, ctypes.c_long(begin), ctypes.c_long(length)) == 0:
        return True
    if (code := ctypes.get_errno()) in _CANNOT:
        return False
    raise OSError(code, os.strerror(code))


def _is_old(path: Path, before_us: int) -> bool:
    return path.lstat().st_mtime_ns < before_us * 1_000


def _is_locked(path: Path) -> bool:
    """Whether the process that made this file lives: it dies with its lock."""
    file = _open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _open(path: Path, flags: int) -> int:
    """A file, and nothing that only leads to one."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
