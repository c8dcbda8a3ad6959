"""The log played again: to look back in time, and to audit that the reducers still agree."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from runtime.declared import HOUSE
from runtime.engines import sqlite
from runtime.errors import Refused, StoreDamaged
from runtime.execution import Action, execute
from runtime.log import Entry, leaf_of
from runtime.migration import migrate
from runtime.modules import registry
from runtime.reducers import Reducer
from runtime.schema import Schema
from runtime.state import Damage, damages, state_hash
from runtime.tables import all_schemas, apply_delta

NAMED_MAX = 100
"""So many differences, and so many damaged rows, are named; the others are counted."""

TOLD_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a reducer, run again, did not do what the log says it did.

    `seq` is None where it is its code that differs between two processes.
    """

    seq: int | None
    reducer: str
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of running actions again. The first NAMED_MAX of each kind are named.

    `state` is the hash of the rows that the log makes, `damaged` where the store's differ.
    `changed` names reducers whose code is another now than when an entry was written: no
    difference in itself.
    """

    replayed: int
    differed: int = 0
    differences: tuple[Difference, ...] = ()
    state: str = ""
    damaged: tuple[Damage, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        return not (self.differences or self.damaged)


def entries(
    path: Path, until_seq: int | None = None, until_us: int | None = None
) -> Iterator[Entry]:
    """The log of a store at rest or at work, in order, up to and with a seq or a time.

    Entries are read one by one; what is committed meanwhile is not seen.
    Raises StoreDamaged.
    """
    with closing(sqlite.open_reader(path)) as connection:
        yield from _read(connection, until_seq, until_us)


def _read(
    connection: apsw.Connection, until_seq: int | None = None, until_us: int | None = None
) -> Iterator[Entry]:
    rows = connection.execute(
        "SELECT seq, entry, leaf FROM log WHERE seq <= coalesce(?, seq)"
        " AND at_us <= coalesce(?, at_us) ORDER BY seq",
        (until_seq, until_us),
    )
    for seq, data, leaf in rows:
        if leaf_of(data) != leaf:
            raise StoreDamaged(seq, _OTHER_BYTES)
        yield Entry.decode(data)


def rebuild(history: Iterable[Entry]) -> apsw.Connection:
    """The rows as they were after `history`, from its deltas, in memory. Runs no reducer.

    Raises ValueError for an entry whose changes do not fit the rows before it.
    """
    rows = _Rows()
    for entry in history:
        wrong = rows.apply(entry)
        if wrong is not None:
            raise ValueError(f"entry {entry.seq}, {entry.reducer}: {wrong}")
    return rows.finished()


def audit(history: Iterable[Entry], scope: str | None = None) -> Audit:
    """Run the reducers again (of one scope, or of all) and compare every delta and result.

    The rows go on from the logged deltas, so one difference does not hide the next.
    """
    again = _Again(scope, _Rows())
    for entry in history:
        again.take(entry)
    with closing(again.rows.finished()) as rows:
        return again.audit(state_hash(rows, again.rows.schemas.values()))


def replay(
    path: Path, scope: str | None = None, tell: Callable[[int, int], object] | None = None
) -> Audit:
    """Audit a store's log as it stands at this moment, then compare the rows it makes with the
    store's own. `tell` hears of entries done and entries in all. A server may go on writing.
    """
    again = _Again(scope, _Rows())
    with closing(sqlite.open_reader(path)) as live:
        live.execute("BEGIN")  # One moment for log and rows.
        ((size,),) = live.execute("SELECT count(*) FROM log")
        for done, row in enumerate(live.execute(_STORED), 1):
            again.take_stored(*row)
            if tell is not None and (done % TOLD_EVERY == 0 or done == size):
                tell(done, size)
        with closing(again.rows.finished()) as rows:
            schemas = again.rows.schemas.values()
            found = again.audit(state_hash(rows, schemas))
            damaged = tuple(islice(damages(live, rows, schemas), NAMED_MAX))
            return replace(found, damaged=damaged)


_STORED = "SELECT seq, entry, leaf FROM log ORDER BY seq"


def compare(connection: apsw.Connection, entry: Entry, reducer: Reducer | None) -> list[Difference]:
    """Fold an entry's action again, by this reducer; the rows are left as they were."""
    if reducer is None:
        return [Difference(entry.seq, entry.reducer, _NONE)]
    cursor = connection.cursor()
    cursor.execute("SAVEPOINT compare")
    try:
        wrong = _fold(cursor, reducer, entry)
    finally:
        cursor.execute("ROLLBACK TO compare")
        cursor.execute("RELEASE compare")
    return [] if wrong is None else [Difference(entry.seq, entry.reducer, wrong)]


_OTHER_BYTES = "its bytes do not have the hash kept beside them"
_NONE = "there is no such reducer (any more)"


@dataclass(slots=True)
class _Again:
    """Runs entry after entry, and remembers what was unlike."""

    scope: str | None
    rows: "_Rows"
    replayed: int = 0
    differed: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])
    changed: dict[str, None] = field(default_factory=dict[str, None])
    last: int = 0

    def take_stored(self, seq: int, data: bytes, leaf: bytes) -> None:
        """An entry as it lies in the store: there must be one for each number, and readable."""
        if seq != self.last + 1:
            self._note(self.last + 1, "?", f"is missing, and so is all before entry {seq}")
        self.last = seq
        if leaf_of(data) != leaf:
            self._note(seq, "?", _OTHER_BYTES)
        try:
            entry = Entry.decode(data)
        except ValueError as error:
            self._note(seq, "?", f"cannot be read: {error}")
            return
        if entry.seq != seq:
            self._note(seq, entry.reducer, f"says that it is entry {entry.seq}")
        self.take(entry)

    def take(self, entry: Entry) -> None:
        """Run it again, where it is of the scope, and go on from what the log says it did."""
        if self.scope is not None and entry.scope != self.scope:
            self._note(entry.seq, entry.reducer, self.rows.apply(entry))
            return
        self.replayed += 1
        self._note(entry.seq, entry.reducer, self._compare(entry))

    def _compare(self, entry: Entry) -> str | None:
        reducer = HOUSE.reducers.get(entry.reducer)
        reducer = reducer or registry.as_it_was(entry.reducer, entry.module)
        if reducer is None:
            return _both(_NONE, self.rows.apply(entry))
        if reducer.module != entry.module:
            self.changed[entry.reducer] = None
        wrong = self.rows.run_again(reducer, entry)
        # Where it did the same, the rows are those that its deltas would make.
        return wrong if wrong is None else _both(wrong, self.rows.apply(entry))

    def _note(self, seq: int, reducer: str, wrong: str | None) -> None:
        if wrong is not None:
            self.differed += 1
            if len(self.differences) < NAMED_MAX:
                self.differences.append(Difference(seq, reducer, wrong))

    def audit(self, state: str) -> Audit:
        differences, changed = tuple(self.differences), tuple(sorted(self.changed))
        return Audit(self.replayed, self.differed, differences, state, changed=changed)


class _Rows:
    """Rows in memory, brought forward one entry after the other."""

    def __init__(self) -> None:
        self._connection = sqlite.open_memory()
        self.schemas = {schema.name: schema for schema in all_schemas()}
        self._cursor = self._connection.cursor()
        for statement in (line for schema in all_schemas() for line in schema.ddl()):
            self._connection.execute(statement)
        # Rows come back in the opposite order where a reducer's SELECT forgot its ORDER BY.
        self._connection.execute("PRAGMA reverse_unordered_selects=ON")
        sqlite.confine(self._connection)

    def finished(self) -> apsw.Connection:
        """The rows, for whoever closes them."""
        self._connection.authorizer = None
        self._connection.execute("PRAGMA reverse_unordered_selects=OFF")
        return self._connection

    def run_again(self, reducer: Reducer, entry: Entry) -> str | None:
        """None where it does what the log says, and the rows have gone on; else what is unlike."""
        self._cursor.execute("SAVEPOINT again")
        wrong: str | None = "is interrupted"
        try:
            wrong = _fold(self._cursor, reducer, entry)
        finally:
            if wrong is not None:
                self._cursor.execute("ROLLBACK TO again")
            self._cursor.execute("RELEASE again")
        return self._adopt(entry) if wrong is None else wrong

    def apply(self, entry: Entry) -> str | None:
        """Make the logged changes; what is wrong with them, where they can not be made."""
        try:
            for table, old, new in entry.deltas:
                apply_delta(self._connection, self._schema(table), (old, new))
        except (apsw.Error, LookupError, TypeError, ValueError) as error:
            return f"its changes do not fit the rows before it: {error}"
        return self._adopt(entry)

    def _adopt(self, entry: Entry) -> str | None:
        """Make the tables of a module that was deployed; why not, where that can not be."""
        for table, _, new in entry.deltas:
            if table == "module_version" and new is not None:
                try:
                    self._make_tables(registry.adopt(new))
                except (Refused, apsw.Error, ValueError) as error:
                    return f"the module that it deployed can not be used: {error}"
        return None

    def _make_tables(self, added: list[Schema]) -> None:
        with sqlite.unconfined(self._connection):
            migrate(self._connection, added)
        self.schemas |= {schema.name: schema for schema in added}

    def _schema(self, table: str) -> Schema:
        if table not in self.schemas:
            raise LookupError(f"there is no table {table} (any more)")
        return self.schemas[table]


def _both(one: str, other: str | None) -> str:
    return one if other is None else f"{one}; {other}"


def _fold(cursor: apsw.Cursor, reducer: Reducer, entry: Entry) -> str | None:
    """Run the entry's action again; None, or what is unlike."""
    action = Action(
        reducer=entry.reducer,
        args=entry.args,
        sender=entry.actor,
        scope=entry.scope,
        request=entry.request,
        closes=entry.closes,
        proof=entry.proof,
    )
    try:
        result, deltas = execute(cursor, reducer, action, entry.at_us, entry.seed)
    except Exception as error:  # Whatever it raises, the log says it once succeeded.
        return f"now raises {type(error).__name__}: {error}"
    if result != entry.result:
        return f"now answers {result!r}, the log says {entry.result!r}"
    if len(deltas) != len(entry.deltas):
        return f"now changes {len(deltas)} rows, the log says {len(entry.deltas)}"
    for now, then in zip(deltas, entry.deltas, strict=True):
        if now[0] != then[0] or not (_like(now[1], then[1]) and _like(now[2], then[2])):
            return f"now changes {_row_of(then)} otherwise than the log says"
    return None


def _like(now: dict[str, Any] | None, then: dict[str, Any] | None) -> bool:
    """A column that has been added since is not in the log: there it has its default."""
    if now is None or then is None:
        return now is then
    return now == then or (now.keys() > then.keys() and now | then == now)


def _row_of(delta: list[Any]) -> str:
    """The table, and where the house declares it the key."""
    table, old, new = delta
    schema = {schema.name: schema for schema in all_schemas()}.get(table)
    key = [str((new or old)[name]) for name in schema.key] if schema else []
    return f"{table} {'/'.join(key)}".rstrip()
