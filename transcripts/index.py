"""A full-text index of what readers may see, in a file of its own: SQLite FTS5 over blind terms.

It holds no word in clear (`transcripts.terms`), and is outside the log: it can be thrown away and
built anew at any time. Deleted rows are overwritten (`secure_delete`, FTS5's own `secure-delete`),
and there is no write-ahead log that would keep them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import apsw

VERSION = 1
BUSY_MS = 10_000
IN_MEMORY = ":memory:"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS indexed (call TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT",
    "CREATE VIRTUAL TABLE IF NOT EXISTS said USING fts5(terms, call UNINDEXED, segment UNINDEXED)",
)


@dataclass(frozen=True, slots=True)
class Document:
    """A segment, and the terms of its words in order."""

    segment: str
    terms: Sequence[str]


class Index:
    """One index. Raises apsw.Error where the file cannot be used."""

    def __init__(self, path: Path | None) -> None:
        """The index in that file; None for one in memory, where nothing can be written."""
        self._db = apsw.Connection(IN_MEMORY if path is None else str(path))
        self._db.set_busy_timeout(BUSY_MS)
        self._db.execute("PRAGMA journal_mode = TRUNCATE")
        self._db.execute("PRAGMA secure_delete = ON")
        if self._db.execute("PRAGMA user_version").get not in (0, VERSION):
            self._drop()
        with self._db:
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._db.execute("INSERT INTO said(said, rank) VALUES('secure-delete', 1)")
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        if path is not None:
            path.chmod(0o600)

    def states(self) -> dict[str, str]:
        """The calls that are in it, and what state of each it was."""
        rows = self._db.execute("SELECT call, state FROM indexed")
        return {cast(str, call): cast(str, state) for call, state in rows}

    def put(self, call: str, state: str, documents: Iterable[Document]) -> None:
        """The call as it is now, in the place of what there was."""
        with self._db:
            self.forget(call)
            self._db.executemany(
                "INSERT INTO said (terms, call, segment) VALUES (?, ?, ?)",
                [(" ".join(one.terms), call, one.segment) for one in documents],
            )
            self._db.execute("INSERT INTO indexed VALUES (?, ?)", (call, state))

    def forget(self, call: str) -> None:
        """Nothing of the call is left in it."""
        with self._db:
            self._db.execute("DELETE FROM said WHERE call = ?", (call,))
            self._db.execute("DELETE FROM indexed WHERE call = ?", (call,))

    def find(self, call: str, wanted: Sequence[Sequence[str]]) -> list[str]:
        """The segments of a call that have all of the phrases, each given by its terms."""
        match = " AND ".join(f'"{" ".join(phrase)}"' for phrase in wanted)
        found = self._db.execute(
            "SELECT segment FROM said WHERE said MATCH ? AND call = ?", (match, call)
        )
        return [cast(str, segment) for (segment,) in found]

    def empty(self) -> None:
        """Throw all of it away."""
        self._drop()
        with self._db:
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._db.execute("INSERT INTO said(said, rank) VALUES('secure-delete', 1)")
        self._db.execute("VACUUM")

    def close(self) -> None:
        self._db.close()

    def _drop(self) -> None:
        with self._db:
            self._db.execute("DROP TABLE IF EXISTS said")
            self._db.execute("DROP TABLE IF EXISTS indexed")
