"""Opening the store's file: it is found sound before it is used."""

from enum import StrEnum
from pathlib import Path

import apsw

from runtime import integrity
from runtime.engines import sqlite, wal, witness
from runtime.engines.wal import Scan
from runtime.engines.witness import Acknowledged
from runtime.errors import StoreDamaged
from runtime.integrity import Sound

_NOT_WHAT_WAS_WRITTEN = (apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS)
"""Of all that an IOError may be: the file ends too early, or its pages are another's."""


class Depth(StrEnum):
    """How much of the log is read before the first action is taken.

    `TAIL` is for a node that takes over while the house runs: nobody has cut the power, so the
    witness is exact, and the scrub reads the rest soon after.
    """

    ALL = "all"
    TAIL = "tail"


def open_sound(
    path: Path, depth: Depth, *, vfs: str | None = None, synchronous: str = "FULL"
) -> apsw.Connection:
    """The writing connection to a store that is sound. Raises StoreDamaged, apsw.Error.

    On another disk (`vfs`) there is nothing beside the store that could be read.
    """
    acknowledged, scan = _beside(path, depth) if vfs is None else (None, Scan(0, 0, None))
    try:
        connection = sqlite.open_writer(path, vfs=vfs, synchronous=synchronous)
    except integrity.UNREADABLE as error:
        _unless_the_disk_failed(error)
        raise StoreDamaged(1, f"{path} cannot be opened: {error}") from error
    try:
        # Whoever looks into the damage needs the files as they were found.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        _examine(connection, depth, acknowledged, scan)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    except BaseException as error:
        connection.close()
        _unless_the_disk_failed(error.__cause__)
        raise
    return connection


def _unless_the_disk_failed(error: BaseException | None) -> None:
    """What a disk can not read now it may read later: that says nothing about the log."""
    if isinstance(error, apsw.IOError):
        extended: int = getattr(error, "extendedresult", 0)  # apsw's stubs do not know it.
        if extended not in _NOT_WHAT_WAS_WRITTEN:
            raise error


def examine(path: Path, *, at_work: bool) -> Sound:
    """Read all of a store without changing it; `at_work` where a server writes it meanwhile.

    Raises StoreDamaged.
    """
    # At work, the last frames of the write-ahead log are half written at any moment.
    acknowledged, scan = _beside(path, Depth.TAIL if at_work else Depth.ALL)
    try:
        connection = sqlite.open_reader(path)
        try:
            connection.execute("BEGIN")
            return _examine(connection, Depth.ALL, acknowledged, scan)
        finally:
            connection.close()
    except integrity.UNREADABLE as error:
        raise StoreDamaged(1, f"{path} cannot be opened: {error}") from error


def _beside(path: Path, depth: Depth) -> tuple[Acknowledged | None, Scan]:
    """What the files beside the database say; read before SQLite may change them."""
    acknowledged = witness.read(path)
    if acknowledged is not None and acknowledged.size and not path.exists():
        raise StoreDamaged(
            1,
            f"{path} is gone, and {acknowledged.size} entries were acknowledged;"
            f" put it back, or remove {witness.path_of(path)} to begin a new log",
        )
    return acknowledged, wal.read(path) if depth is Depth.ALL else Scan(0, 0, None)


def _examine(
    connection: apsw.Connection, depth: Depth, acknowledged: Acknowledged | None, scan: Scan
) -> Sound:
    if not integrity.has_log(connection):
        found = integrity.EMPTY
    elif depth is Depth.ALL:
        found = integrity.check(connection)
    else:
        found = integrity.check_tail(connection)
    end = found.frontier.size
    if acknowledged is not None:
        integrity.check_acknowledged(connection, acknowledged.size, acknowledged.leaf, end)
    if scan.damaged is not None:
        why = f"frame {scan.damaged} of the write-ahead log is damaged, and commits follow it"
        raise StoreDamaged(end + 1, why)
    return found
