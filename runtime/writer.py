"""The single writer: takes all that is queued, runs it, commits once, then answers.

It owns the one connection that writes. Whoever calls `commit` holds a thread; nothing here
knows of event loops.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import checkpoint, log, reducers
from runtime.declared import HOUSE
from runtime.engines import sqlite
from runtime.engines.witness import Witness
from runtime.errors import Paused, Refused, StoreBroken, StoreFull
from runtime.execution import Action, execute
from runtime.integrity import Sound
from runtime.log import Entry
from runtime.merkle import Frontier
from runtime.migration import migrate
from runtime.modules import registry
from runtime.opening import Depth, open_sound
from runtime.schema import Schema
from runtime.values import plain

_HEAD_DDL = (
    "CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " at_us INTEGER NOT NULL, last TEXT NOT NULL, frontier BLOB NOT NULL,"
    " epoch INTEGER NOT NULL) STRICT"
)
_EMPTY_HEAD = "INSERT OR IGNORE INTO head VALUES (1, 0, ?, ?, 0)"
_TAKE_OVER = "UPDATE head SET epoch = epoch + 1 RETURNING at_us, last, frontier, epoch"
_MOVE_HEAD = "UPDATE head SET at_us = ?, last = ?, frontier = ? WHERE epoch = ?"

_REPLACED = "another process has taken over this store"

_OF_THE_DISK = (apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.NoMemError)
"""What no single action is to blame for."""

FULL_RETRY_MS = 1_000
PAUSED_RETRY_MS = 1_000
_PAUSING = ("runtime.paused", "runtime.resumed")
SCOPES_KEPT = 16_384
"""Scopes whose place in their own chain is remembered; of others it is looked up."""


@dataclass(frozen=True, slots=True)
class Committed:
    """An action that is on disk. `fresh` is False for a retry that got the stored result."""

    entry: Entry
    fresh: bool


Outcome = Committed | Exception
"""An exception is the answer to the one action that raised it."""


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the log ends: its size is the frontier's. `epoch` is whose turn it is to write."""

    at_us: int
    last: str
    frontier: Frontier
    epoch: int


class Writer:
    """Runs batches of actions against one database file."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        depth: Depth = Depth.ALL,
        *,
        vfs: str | None = None,
        synchronous: str = "FULL",
    ) -> None:
        """Raises StoreDamaged where the log is not what was written, StoreFull, StoreBroken."""
        reducers.settle()
        self.path = path
        with _opening(path):
            self._connection = open_sound(path, depth, vfs=vfs, synchronous=synchronous)
        self._cursor = self._connection.cursor()
        self._clock = clock
        self._entropy = entropy
        self._scopes: dict[str, tuple[int, str]] = {}
        self._broken: StoreBroken | None = None
        self._is_full = False
        self._paused: frozenset[str] | None = None
        try:
            with _opening(path):
                self._head = self._take_over(lambda: sqlite.make_durable_anew(path, vfs))
        except BaseException:
            self._connection.close()
            raise
        sqlite.confine(self._connection)
        self._witness = Witness(path) if vfs is None else None
        self._acknowledge()

    @property
    def end(self) -> Sound:
        """Where the log ends."""
        return Sound(self._head.frontier, bytes.fromhex(self._head.last))

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self._head.frontier.size

    def commit(self, actions: list[Action]) -> list[Outcome]:
        """Run a batch in one transaction; what is answered as Committed is on disk.

        Raises StoreBroken when the disk failed: nobody knows what was written, so stop.
        """
        try:
            with self._transaction():
                return [self._attempt(action) for action in actions]
        except StoreFull as full:
            return [full] * len(actions)

    @property
    def stands(self) -> bool:
        """Whether the last that was tried went well."""
        return self._broken is None and not self._is_full

    def probe(self) -> None:
        """Do nothing, as a writer who could do something. Raises StoreFull, StoreBroken."""
        if self._broken is not None:
            raise self._broken
        if self._is_full:
            if not sqlite.has_room(self.path):
                raise StoreFull("the disk is full: free some space", FULL_RETRY_MS)
            with self._transaction():
                return
        try:
            self._check_turn()
        except (apsw.Error, StoreBroken) as error:
            self._broken = StoreBroken(f"the store cannot go on, restart to recover: {error}")
            raise self._broken from error

    def install(self, schemas: Iterable[Schema], actions: list[Action]) -> list[Committed]:
        """Make or extend tables and act, all in one transaction or nothing of it.

        Raises NotAdditive, or what the first action raised that could not be taken.
        """
        with self._transaction():
            with sqlite.unconfined(self._connection):
                migrate(self._connection, schemas)
            return [_taken(self._attempt(action)) for action in actions]

    def checkpoint(self, origin: str, key: Ed25519PrivateKey) -> str:
        """Sign the log as it stands (C2SP signed note), and keep the note."""
        # After a failed commit nobody knows which entries there are: they must not be signed.
        if self._broken is not None:
            raise self._broken
        frontier = self._head.frontier
        note = checkpoint.sign(origin, frontier.size, frontier.root, key)
        self._cursor.execute(
            "INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?)",
            (frontier.size, self._head.at_us, note),
        )
        return note

    def keep_stamp(self, size: int, at_us: int, token: bytes) -> None:
        """Keep a time stamp (RFC 3161) on the checkpoint of this size."""
        self._cursor.execute("INSERT OR IGNORE INTO stamp VALUES (?, ?, ?)", (size, at_us, token))

    def close(self) -> None:
        """Close the file; the last commit is already on disk."""
        if self._witness is not None:
            self._witness.close()
        self._connection.close()

    def _acknowledge(self) -> None:
        if self._witness is not None:
            self._witness.saw(self._head.frontier.size, bytes.fromhex(self._head.last))

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Committed when the body ends, rolled back when it raises.

        Raises StoreFull, or StoreBroken once for all: a flush that failed may succeed the next
        time and have lost what the first was for.
        """
        if self._broken is not None:
            raise self._broken
        before = self._head
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            self._check_turn()
            yield
            self._move_head()
            self._cursor.execute("COMMIT")
            self._acknowledge()
            self._is_full = False
        except apsw.FullError as error:
            self._is_full = True
            self._roll_back(before)
            raise StoreFull("the disk is full: free some space", FULL_RETRY_MS) from error
        except apsw.Error as error:
            self._broken = StoreBroken(f"the disk failed, restart to recover: {error}")
            with suppress(apsw.Error):
                self._cursor.execute("ROLLBACK")  # Its lock would keep the next process waiting.
            raise self._broken from error
        except Exception as error:
            self._roll_back(before)
            self._broken = error if isinstance(error, StoreBroken) else None
            raise

    # -- the head of the log --

    def _take_over(self, make_durable_anew: Callable[[], None]) -> _Head:
        """Bring the tables up to date, fence off whoever wrote before, trust no earlier sync."""
        rows: list[tuple[Any, ...]] = []
        with self._connection:
            for statement in (*log.DDL, _HEAD_DDL):
                self._cursor.execute(statement)
            migrate(self._connection)
            self._cursor.execute(_EMPTY_HEAD, (log.GENESIS, Frontier().to_bytes()))
            rows += self._cursor.execute(_TAKE_OVER)
            make_durable_anew()
        at_us, last, frontier, epoch = rows[0]
        return _Head(at_us, last, Frontier.from_bytes(frontier), epoch)

    def _check_turn(self) -> None:
        """Whoever was replaced must not even try: its place in the log is taken."""
        mine = self._cursor.execute("SELECT 1 FROM head WHERE epoch = ?", (self._head.epoch,))
        if mine.fetchone() is None:
            raise StoreBroken(_REPLACED)

    def _move_head(self) -> None:
        head = self._head
        self._cursor.execute(
            _MOVE_HEAD, (head.at_us, head.last, head.frontier.to_bytes(), head.epoch)
        )
        if self._connection.changes() != 1:
            raise StoreBroken(_REPLACED)

    def _roll_back(self, before: _Head) -> None:
        self._head = before
        self._scopes.clear()
        self._paused = None
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")

    # -- one action --

    def _attempt(self, action: Action) -> Outcome:
        """One action in its savepoint: it happens whole, or it did not happen."""
        stored = self._stored(action)
        if stored is not None:
            return stored
        self._cursor.execute("SAVEPOINT action")
        try:
            outcome = self._run(action)
        except _OF_THE_DISK:
            raise
        except Exception as error:  # The answer belongs to this action's sender alone.
            self._cursor.execute("ROLLBACK TO action")
            self._cursor.execute("RELEASE action")
            return error
        self._cursor.execute("RELEASE action")
        return outcome

    def _stored(self, action: Action) -> Outcome | None:
        """The answer that a request id already has."""
        if action.request is None:
            return None
        row = self._cursor.execute(
            "SELECT entry FROM log WHERE request = ?", (action.request,)
        ).fetchone()
        if row is None:
            return None
        entry = Entry.decode(row[0])
        if (entry.reducer, entry.actor) != (action.reducer, action.sender):
            return Refused(f"request {action.request} was already used for {entry.reducer}")
        return Committed(entry, fresh=False)

    def _run(self, action: Action) -> Committed:
        head = self._head
        self._refuse_paused(action)
        reducer = HOUSE.reducers.get(action.reducer) or registry.reducer(
            self._cursor, action.reducer, action.scope
        )
        now = self._clock()
        if now < head.at_us:  # The clock was set back; the order of entries stays that of times.
            now = head.at_us + 1
        seed = self._entropy(16).hex()
        result, deltas = execute(self._cursor, reducer, action, now, seed)
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
            proof=action.proof,
            deltas=[list(delta) for delta in deltas],
        )
        self._append(entry)
        return Committed(entry, fresh=True)

    def _refuse_paused(self, action: Action) -> None:
        if action.reducer in _PAUSING:
            self._paused = None  # What they change is read again before the next action.
            return
        if self._paused is None:
            pauses = sqlite.fetch(self._cursor, "SELECT id FROM pause")
            self._paused = frozenset(one for (one,) in pauses)
        if self._paused:
            for what in (action.scope, action.reducer.partition(".")[0]):
                if what in self._paused:
                    raise Paused(f"{what} is paused, its state is kept", PAUSED_RETRY_MS)

    def _append(self, entry: Entry) -> None:
        data = entry.encode()
        leaf = log.leaf_of(data)
        self._cursor.execute(
            log.APPEND, (entry.seq, entry.at_us, entry.scope, entry.request, data, leaf)
        )
        last = leaf.hex()
        head = self._head
        self._head = _Head(entry.at_us, last, head.frontier.with_leaf(leaf), head.epoch)
        if entry.scope is not None and entry.scope_seq is not None:
            if len(self._scopes) >= SCOPES_KEPT:
                self._scopes.clear()
            self._scopes[entry.scope] = entry.scope_seq, last

    def _scope_head(self, scope: str | None) -> tuple[int | None, str | None]:
        """The place of the next entry in its scope's own chain."""
        if scope is None:
            return None, None
        known = self._scopes.get(scope)
        if known is not None:
            return known[0] + 1, known[1]
        row = self._cursor.execute(
            "SELECT entry, leaf FROM log WHERE scope = ? ORDER BY seq DESC LIMIT 1", (scope,)
        ).fetchone()
        if row is None:
            return 1, None
        return (Entry.decode(row[0]).scope_seq or 0) + 1, row[1].hex()


@contextmanager
def _opening(path: Path) -> Generator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise StoreFull(f"the disk of {path} is full: free some space", FULL_RETRY_MS) from error
    except apsw.Error as error:
        raise StoreBroken(f"{path} cannot be opened, the disk failed: {error}") from error


def _taken(outcome: Outcome) -> Committed:
    if isinstance(outcome, apsw.Error):
        # The action's fault, not the disk's: that one does not come as an outcome.
        raise Refused(f"the tables do not allow it: {outcome}") from outcome
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def action_of(
    reducer: str | Callable[..., Any],
    args: dict[str, Any],
    *,
    sender: str,
    scope: str | None = None,
    request: str | None = None,
    closes: str | None = None,
    tenant: str = "",
    proof: dict[str, str] | None = None,
) -> Action:
    """An action from Python values. Raises KeyError for an unknown reducer, TypeError for args."""
    name = reducer if isinstance(reducer, str) else reducers.find(reducer).name
    return Action(name, plain(args), sender, scope, request, closes, tenant, proof)
