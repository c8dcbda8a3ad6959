"""A store at work, copied as it is at one moment, into a single file."""

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from runtime.engines import sqlite

STEP_PAGES = 256
"""One mebibyte between two reports of progress."""

Told = Callable[[int, int], None]
"""Pages that are done, and all of them."""


def copy(source: Path, target: Path, told: Told) -> None:
    """Write the newest committed state of `source` to a new file, on disk before this returns.

    The writer goes on meanwhile: it is not waited for, but its write-ahead log grows until this is
    done. Raises apsw.Error, OSError.
    """
    reader, writer = sqlite.open_reader(source), apsw.Connection(str(target))
    try:
        # The moment is now: without a transaction SQLite would begin again at each commit.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sqlite_schema").fetchall()
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(STEP_PAGES)
                told(backup.page_count - backup.remaining, backup.page_count)
        writer.execute("PRAGMA journal_mode=DELETE")
    finally:
        writer.close()
        reader.close()
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def complaint(connection: apsw.Connection) -> str | None:
    """What SQLite finds wrong with the tables and indexes of a file; None where all is well."""
    row = connection.execute("PRAGMA integrity_check(1)").fetchone()
    found = "no answer" if row is None else str(row[0])
    return None if found == "ok" else found
