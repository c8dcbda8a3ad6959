"""SQLite as the engine: one file, one connection that writes, any number that read."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import apsw

BUSY_MS = 5_000
STATEMENTS_KEPT = 512
WAL_PAGES = 4_096
"""Checkpoint the WAL when it holds this many pages (16 MiB)."""
ROOM_BYTES_MIN = 1 << 20
"""A disk is full until so much is free: less is gone with the next commits."""
CHUNK_BYTES = 1 << 16
"""SQLite's VFS takes less than 128 KiB at a time, as no page is longer than 64."""

_PURE_FUNCTIONS = frozenset(
    [
        *("abs", "coalesce", "count", "ifnull", "iif", "length", "max", "min", "nullif", "sign"),
        *("sum", "typeof", "likely", "unlikely", "like", "glob", "instr", "replace", "substr"),
        *("substring", "trim", "ltrim", "rtrim", "hex", "unhex", "quote", "char", "unicode"),
        *("octet_length", "zeroblob", "json", "json_extract", "json_valid", "json_array_length"),
        *("json_each", "->", "->>"),
    ]
)
"""No clock, no chance, no float, nothing that depends on the order of rows or on the version."""

_FORBIDDEN_ACTIONS = frozenset(
    {
        *(apsw.SQLITE_PRAGMA, apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH),
        *(apsw.SQLITE_CREATE_VTABLE, apsw.SQLITE_CREATE_TEMP_TRIGGER),
    }
)


def open_writer(
    path: Path, *, vfs: str | None = None, synchronous: str = "FULL"
) -> apsw.Connection:
    """The one connection that writes and checkpoints. An acknowledged commit is on disk.

    Another `vfs` is another disk: it has no shared memory, so nobody else can open the file.
    """
    if vfs is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(path), vfs=vfs, statementcachesize=STATEMENTS_KEPT)
    connection.set_busy_timeout(BUSY_MS)
    # A transaction that began to read may not wait for another's commit before it writes.
    connection.transaction_mode = "IMMEDIATE"
    for pragma in (
        *(() if vfs is None else ("locking_mode=EXCLUSIVE",)),
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        f"wal_autocheckpoint={WAL_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def make_durable_anew(path: Path, vfs: str | None = None) -> None:
    """Write the WAL over itself and sync it. The caller holds the write lock.

    After a failed fsync the kernel shows what it holds in memory and takes it for written; a
    later fsync then succeeds without writing it. Commits found in such a WAL would vanish with
    the power, and everything acknowledged behind them. A checkpoint is no cure: cut short, it
    leaves pages of a commit in the database which the WAL no longer has.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_WAL
    wal = apsw.VFSFile(vfs or "", f"{path}-wal", [flags, 0])
    try:
        size = wal.xFileSize()
        for offset in range(0, size, CHUNK_BYTES):
            wal.xWrite(wal.xRead(min(CHUNK_BYTES, size - offset), offset), offset)
        wal.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        wal.xClose()


def open_reader(path: Path) -> apsw.Connection:
    """A connection that can not write and never checkpoints."""
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=STATEMENTS_KEPT
    )
    connection.set_busy_timeout(BUSY_MS)
    connection.execute("PRAGMA query_only=ON")
    return connection


def open_unwritten(path: Path) -> apsw.Connection:
    """The same for a store that nobody writes, on a disk with no room for the shared memory which
    readers and writers have in common. Raises IOError where there is a write-ahead log to read.
    """
    if is_written(path):
        raise apsw.IOError(f"the write-ahead log of {path} cannot be read: free some space")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags)
    connection.execute("PRAGMA query_only=ON")
    return connection


def is_written(path: Path) -> bool:
    """Whether a write-ahead log holds what the database does not."""
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def has_room(path: Path) -> bool:
    """Whether the disk below a store has room for commits to come."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize >= ROOM_BYTES_MIN


def open_memory() -> apsw.Connection:
    """A database of its own, for replays and for looking back in time."""
    return apsw.Connection(":memory:", statementcachesize=STATEMENTS_KEPT)


def confine(connection: apsw.Connection) -> None:
    """Refuse settings, and all but pure functions, in any statement prepared from now on."""
    connection.authorizer = _authorize


@contextmanager
def unconfined(connection: apsw.Connection) -> Generator[None]:
    """Meanwhile tables may be looked into and changed: no reducer runs."""
    connection.authorizer = None
    try:
        yield
    finally:
        confine(connection)


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    if action in _FORBIDDEN_ACTIONS:
        return apsw.SQLITE_DENY
    if action == apsw.SQLITE_FUNCTION and (second or "").lower() not in _PURE_FUNCTIONS:
        return apsw.SQLITE_DENY
    return apsw.SQLITE_OK


def fetch(
    connection: apsw.Connection | apsw.Cursor, statement: str, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    return cast("list[tuple[Any, ...]]", connection.execute(statement, values).fetchall())
