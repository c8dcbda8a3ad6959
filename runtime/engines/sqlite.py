"""SQLite as the engine: one file, one connection that writes, any number that read."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import apsw

from runtime.engines import wal

BUSY_MS = 5_000
STATEMENTS_KEPT = 512
WAL_PAGES = 4_096
"""Checkpoint the WAL when it holds this many pages (16 MiB)."""

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


def make_durable(connection: apsw.Connection, path: Path) -> None:
    """Have all that was committed on disk, whatever became of an earlier life's last flush.

    A flush that failed leaves pages in the kernel's cache which will never be written. So the
    write-ahead log is moved into the database, or written again where a reader holds it.
    """
    connection.set_busy_timeout(0)
    try:
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        moved = row is not None and row[1] == row[2]
    except apsw.BusyError:
        moved = False
    finally:
        connection.set_busy_timeout(BUSY_MS)
    if not moved:
        wal.write_again(path)


def open_reader(path: Path) -> apsw.Connection:
    """A connection that can not write and never checkpoints."""
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=STATEMENTS_KEPT
    )
    connection.set_busy_timeout(BUSY_MS)
    connection.execute("PRAGMA query_only=ON")
    return connection


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
