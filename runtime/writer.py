"""The single writer: takes all that is queued, runs it, commits once, then answers.

It owns the one connection that writes. Whoever calls `commit` holds a thread; nothing here
knows of event loops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import checkpoint, log, reducers
from runtime.engines import sqlite
from runtime.errors import Refused, StoreBroken, StoreFull
from runtime.execution import Action, execute
from runtime.log import Entry
from runtime.merkle import Frontier
from runtime.tables import all_schemas
from runtime.values import plain

_HEAD_DDL = (
    "CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " at_us INTEGER NOT NULL, last TEXT NOT NULL, frontier BLOB NOT NULL) STRICT"
)


@dataclass(frozen=True, slots=True)
class Committed:
    """An action that is on disk. `fresh` is False for a retry that got the stored result."""

    entry: Entry
    fresh: bool


FULL_RETRY_MS = 1_000

Outcome = Committed | Exception
"""An exception is the answer to the one action that raised it."""


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the log ends: its size is the frontier's."""

    at_us: int
    last: str
    frontier: Frontier


class Writer:
    """Runs batches of actions against one database file."""

    def __init__(
        self, path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
    ) -> None:
        reducers.ready()
        self._connection = sqlite.open_writer(path)
        self._clock = clock
        self._entropy = entropy
        self._create()
        sqlite.confine(self._connection)
        self._head = self._read_head()

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self._head.frontier.size

    def commit(self, actions: list[Action]) -> list[Outcome]:
        """Run a batch in one transaction; what is answered as Committed is on disk.

        Raises StoreBroken when the disk failed: nobody knows what was written, so stop.
        """
        before = self._head
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(action) for action in actions]
            self._write_head()
            self._connection.execute("COMMIT")
        except apsw.FullError:
            self._head = before
            self._roll_back()
            full = StoreFull("the disk is full: free some space", FULL_RETRY_MS)
            return [full] * len(actions)
        except apsw.Error as error:
            self._head = before
            raise StoreBroken(f"the disk failed, restart to recover: {error}") from error
        return outcomes

    def checkpoint(self, origin: str, key: Ed25519PrivateKey) -> str:
        """Sign the log as it stands (C2SP signed note), and keep the note."""
        frontier = self._head.frontier
        note = checkpoint.sign(origin, frontier.size, frontier.root, key)
        self._connection.execute(
            "INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?)",
            (frontier.size, self._head.at_us, note),
        )
        return note

    def close(self) -> None:
        """Close the file; the last commit is already on disk."""
        self._connection.close()

    def _create(self) -> None:
        statements = [*log.DDL, _HEAD_DDL]
        for schema in all_schemas():
            statements += schema.ddl()
        self._connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            self._connection.execute(statement)
        self._connection.execute("COMMIT")

    def _read_head(self) -> _Head:
        row = self._connection.execute("SELECT at_us, last, frontier FROM head").fetchone()
        if row is None:
            return _Head(0, log.GENESIS, Frontier())
        return _Head(row[0], row[1], Frontier.from_bytes(row[2]))

    def _write_head(self) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)",
            (self._head.at_us, self._head.last, self._head.frontier.to_bytes()),
        )

    def _attempt(self, action: Action) -> Outcome:
        """One action in its savepoint: it happens whole, or it did not happen."""
        stored = self._stored(action)
        if stored is not None:
            return stored
        self._connection.execute("SAVEPOINT action")
        try:
            outcome = self._run(action)
        except apsw.FullError:
            raise
        except Exception as error:  # The answer belongs to this action's sender alone.
            self._connection.execute("ROLLBACK TO action")
            self._connection.execute("RELEASE action")
            return error
        self._connection.execute("RELEASE action")
        return outcome

    def _stored(self, action: Action) -> Outcome | None:
        """The answer that a request id already has."""
        if action.request is None:
            return None
        row = self._connection.execute(
            "SELECT entry FROM log WHERE request = ?", (action.request,)
        ).fetchone()
        if row is None:
            return None
        entry = Entry.decode(row[0])
        if entry.reducer != action.reducer:
            return Refused(f"request {action.request} was already used for {entry.reducer}")
        return Committed(entry, fresh=False)

    def _run(self, action: Action) -> Committed:
        head = self._head
        reducer = reducers.find(action.reducer)
        now = max(self._clock(), head.at_us)
        seed = self._entropy(16).hex()
        result, deltas = execute(self._connection, reducer, action, now, seed)
        scope_seq, scope_prev = self._scope_head(action.scope)
        entry = Entry(
            seq=head.frontier.size + 1,
            at_us=now,
            actor=action.sender,
            reducer=action.reducer,
            module=reducer.module,
            request=action.request,
            scope=action.scope,
            scope_seq=scope_seq,
            scope_prev=scope_prev,
            prev=head.last,
            seed=seed,
            args=action.args,
            result=result,
            closes=action.closes,
            deltas=[list(delta) for delta in deltas],
        )
        self._append(entry)
        return Committed(entry, fresh=True)

    def _append(self, entry: Entry) -> None:
        data = entry.encode()
        leaf = log.leaf_of(data)
        self._connection.execute(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)",
            (entry.seq, entry.at_us, entry.scope, entry.request, data, leaf),
        )
        self._head = _Head(entry.at_us, leaf.hex(), self._head.frontier.with_leaf(leaf))

    def _scope_head(self, scope: str | None) -> tuple[int | None, str | None]:
        """The place of the next entry in its scope's own chain."""
        if scope is None:
            return None, None
        row = self._connection.execute(
            "SELECT entry, leaf FROM log WHERE scope = ? ORDER BY seq DESC LIMIT 1", (scope,)
        ).fetchone()
        if row is None:
            return 1, None
        return (Entry.decode(row[0]).scope_seq or 0) + 1, row[1].hex()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def action_of(
    reducer: str | Callable[..., Any],
    args: dict[str, Any],
    *,
    sender: str,
    scope: str | None = None,
    request: str | None = None,
    closes: str | None = None,
) -> Action:
    """An action from Python values. Raises KeyError for an unknown reducer, TypeError for args."""
    return Action(reducers.find(reducer).name, plain(args), sender, scope, request, closes)
