"""The replay gate: what the log has seen lately, done again by the code that wants to go live.

On a copy of the store, so nobody waits. The copy is taken back by undoing the last entries (a
delta holds the old row as well), then they are gone through again in their order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import apsw

from runtime import replay
from runtime.declared import HOUSE
from runtime.engines import sqlite
from runtime.log import Entry
from runtime.migration import migrate
from runtime.modules.loading import Loaded
from runtime.modules.registry import adopt
from runtime.replay import Difference
from runtime.schema import Schema
from runtime.tables import apply_delta

LAST = 1_000
"""Entries, at the least, of which the module's own are acted again."""

ENTRIES_MAX = 100_000
"""How far back a call that is still open is followed."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How many actions of the module were done again, and where they went otherwise."""

    acted: int
    differences: tuple[Difference, ...]


def rehearse(store: Path, loaded: Loaded, open_scopes: Iterable[str]) -> Rehearsal:
    """Act the module's part of the last entries, and of all open scopes, with its new code.

    Raises NotAdditive where its tables do not extend those that are stored.
    """
    with TemporaryDirectory(dir=store.parent, prefix="rehearsal-") as directory:
        copy = _copied(store, Path(directory) / "copy.db")
        try:
            return _rehearse(copy, loaded, list(open_scopes))
        finally:
            copy.close()


def _copied(store: Path, to: Path) -> apsw.Connection:
    source, copy = sqlite.open_reader(store), apsw.Connection(str(to))
    try:
        with copy.backup("main", source, "main") as backup:
            backup.step()
    finally:
        source.close()
    copy.execute("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF")
    # Undoing takes rows out of tables that are only ever added to.
    for (trigger,) in sqlite.fetch(copy, "SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        copy.execute(f"DROP TRIGGER {trigger}")
    return copy


def _rehearse(copy: apsw.Connection, loaded: Loaded, open_scopes: list[str]) -> Rehearsal:
    schemas = _schemas(copy)
    since = _since(copy, open_scopes)
    for entry in _entries(copy, since, "DESC"):
        for table, old, new in reversed(entry.deltas):
            apply_delta(copy, schemas[table], (new, old))
    migrate(copy, loaded.schemas)
    schemas |= {schema.name: schema for schema in loaded.schemas}
    sqlite.confine(copy)
    acted, differences = 0, list[Difference]()
    for entry in _entries(copy, since, "ASC"):
        if entry.reducer.partition(".")[0] == loaded.name:
            acted += 1
            reducer = loaded.declared.reducers.get(entry.reducer)
            differences += replay.compare(copy, entry, reducer)
        for table, old, new in entry.deltas:
            apply_delta(copy, schemas[table], (old, new))
    return Rehearsal(acted, tuple(differences))


def _entries(copy: apsw.Connection, since: int, order: str) -> Iterator[Entry]:
    statement = f"SELECT entry FROM log WHERE seq >= ? ORDER BY seq {order}"
    for (data,) in cast("Iterator[tuple[bytes]]", copy.execute(statement, (since,))):
        yield Entry.decode(data)


def _schemas(copy: apsw.Connection) -> dict[str, Schema]:
    """The tables of the house and of every version that was ever deployed here."""
    found: dict[str, Schema] = dict(HOUSE.schemas)
    rows = sqlite.fetch(copy, "SELECT id, name, sources FROM module_version ORDER BY deployed_us")
    for version, name, sources in rows:
        row = {"id": version, "name": name, "sources": sources}
        found |= {schema.name: schema for schema in adopt(row)}
    return found


def _since(copy: apsw.Connection, open_scopes: list[str]) -> int:
    (size,) = sqlite.fetch(copy, "SELECT coalesce(max(seq), 0) FROM log")[0]
    firsts = [
        first
        for scope in open_scopes
        for (first,) in sqlite.fetch(copy, "SELECT min(seq) FROM log WHERE scope = ?", (scope,))
        if first is not None
    ]
    since: int = max(min([size - LAST, *firsts]), size - ENTRIES_MAX, 0) + 1
    return since
