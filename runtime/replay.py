"""The log played again: to look back in time, and to audit that the reducers still agree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from runtime.declared import HOUSE
from runtime.engines import sqlite
from runtime.errors import StoreDamaged
from runtime.execution import Action, execute
from runtime.log import Entry, leaf_of
from runtime.migration import migrate
from runtime.modules import registry
from runtime.reducers import Reducer
from runtime.schema import Schema
from runtime.tables import Delta, all_schemas, apply_delta


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a reducer, run again, did not do what the log says it did."""

    seq: int
    reducer: str
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """How many actions were run again, and where they differed."""

    replayed: int
    differences: tuple[Difference, ...]


def entries(path: Path, until_seq: int | None = None, until_us: int | None = None) -> list[Entry]:
    """The log of a store at rest or at work, in order, up to and with a seq or a time.

    Raises StoreDamaged.
    """
    connection = sqlite.open_reader(path)
    try:
        return list(_read(connection, until_seq, until_us))
    finally:
        connection.close()


def _read(
    connection: apsw.Connection, until_seq: int | None, until_us: int | None
) -> Iterator[Entry]:
    rows = connection.execute(
        "SELECT seq, entry, leaf FROM log WHERE seq <= coalesce(?, seq)"
        " AND at_us <= coalesce(?, at_us) ORDER BY seq",
        (until_seq, until_us),
    )
    for seq, data, leaf in rows:
        if leaf_of(data) != leaf:
            raise StoreDamaged(seq, "its bytes do not have the hash kept beside them")
        yield Entry.decode(data)


def rebuild(history: Iterable[Entry]) -> apsw.Connection:
    """The rows as they were after `history`, from its deltas, in memory."""
    connection, schemas = _empty()
    for entry in history:
        _apply(connection, schemas, entry)
    return connection


def audit(history: Iterable[Entry], scope: str | None = None) -> Audit:
    """Run the reducers again (of one scope, or of all) and compare every delta and result.

    The rows go on from the logged deltas, so one difference does not hide the next.
    """
    connection, schemas = _empty()
    # Rows come back in the opposite order where a reducer's SELECT forgot its ORDER BY.
    connection.execute("PRAGMA reverse_unordered_selects=ON")
    sqlite.confine(connection)
    replayed = 0
    differences: list[Difference] = []
    for entry in history:
        if scope is None or entry.scope == scope:
            replayed += 1
            differences += compare(connection, entry, _reducer_of(entry))
        _apply(connection, schemas, entry)
    connection.close()
    return Audit(replayed, tuple(differences))


def compare(connection: apsw.Connection, entry: Entry, reducer: Reducer | None) -> list[Difference]:
    """Fold an entry's action again, by this reducer; the rows are left as they were."""

    def differ(what: str) -> list[Difference]:
        return [Difference(entry.seq, entry.reducer, what)]

    if reducer is None:
        return differ("there is no such reducer (any more)")
    connection.execute("SAVEPOINT audit")
    try:
        result, deltas = execute(connection, reducer, _action(entry), entry.at_us, entry.seed)
    except Exception as error:  # Whatever it raises, the log says it once succeeded.
        return differ(f"now raises {type(error).__name__}: {error}")
    finally:
        connection.execute("ROLLBACK TO audit")
        connection.execute("RELEASE audit")
    if result != entry.result:
        return differ(f"now answers {result!r}, the log says {entry.result!r}")
    return [Difference(entry.seq, entry.reducer, what) for what in _unlike(deltas, entry.deltas)]


def _reducer_of(entry: Entry) -> Reducer | None:
    return HOUSE.reducers.get(entry.reducer) or registry.as_it_was(entry.reducer, entry.module)


def _action(entry: Entry) -> Action:
    return Action(
        entry.reducer,
        entry.args,
        entry.actor,
        entry.scope,
        entry.request,
        entry.closes,
        proof=entry.proof,
    )


def _unlike(computed: list[Delta], logged: list[list[Any]]) -> Iterator[str]:
    if len(computed) != len(logged):
        yield f"now changes {len(computed)} rows, the log says {len(logged)}"
        return
    for now, then in zip(computed, logged, strict=True):
        if now[0] != then[0] or not (_like(now[1], then[1]) and _like(now[2], then[2])):
            yield f"now changes {then[0]} otherwise than the log says"


def _like(now: dict[str, Any] | None, then: dict[str, Any] | None) -> bool:
    """A column that has been added since is not in the log: there it has its default."""
    if now is None or then is None:
        return now is then
    return now == then or (now.keys() > then.keys() and now | then == now)


def _empty() -> tuple[apsw.Connection, dict[str, Schema]]:
    connection = sqlite.open_memory()
    for schema in all_schemas():
        for statement in schema.ddl():
            connection.execute(statement)
    return connection, {schema.name: schema for schema in all_schemas()}


def _apply(connection: apsw.Connection, schemas: dict[str, Schema], entry: Entry) -> None:
    for table, old, new in entry.deltas:
        apply_delta(connection, schemas[table], (old, new))
        if table == "module_version" and new is not None:
            added = registry.adopt(new)
            with sqlite.unconfined(connection):
                migrate(connection, added)
            schemas |= {schema.name: schema for schema in added}
