"""What must hold of a store's file, whoever was killed in the middle of what."""

from typing import Any

import apsw

from runtime import merkle, replay
from runtime.canonical import decode
from runtime.errors import NotNow, Paused, Refused
from runtime.execution import Action
from runtime.log import GENESIS, Entry
from runtime.writer import Committed, Outcome
from tests.simulation.model import Answer, Due, Fate, Model


class Violation(AssertionError):
    """A claim which does not hold, by its name, and how it was broken."""

    def __init__(self, claim: str, how: str) -> None:
        super().__init__(f"{claim}: {how}")
        self.claim = claim


def sound(connection: apsw.Connection) -> list[Entry]:
    """Hold the file to everything it says of itself. Answers its log."""
    _integrity(connection)
    rows: list[Any] = connection.execute(
        "SELECT seq, request, entry, leaf FROM log ORDER BY seq"
    ).fetchall()
    entries = [Entry.decode(data) for _, _, data, _ in rows]
    for place, (entry, row) in enumerate(zip(entries, rows, strict=True), start=1):
        _claim("the log is dense", entry.seq == row[0] == place, f"{row[0]} at {place}")
        _claim("entries keep their request", entry.request == row[1], f"at {place}")
        _claim("leaves are hashes", row[3] == merkle.leaf_hash(row[2]), f"at {place}")
    leaves = [leaf for _, _, _, leaf in rows]
    _chained(entries, leaves)
    _headed(connection, entries, leaves)
    _rebuilt(connection, entries)
    audit = replay.audit(entries)
    _claim("reducers run again agree", not audit.differences, f"{audit.differences[:1]}")
    return entries


def holds(connection: apsw.Connection, model: Model) -> None:
    """The rows are the model's."""
    accounts = columns(connection, "SELECT id, cents FROM account")
    receipts = columns(connection, "SELECT id, text FROM receipt")
    rows: list[Any] = connection.execute(
        "SELECT id, kind, args, state, due_us, attempts, starts FROM effect"
    ).fetchall()
    effects = {id: Due(kind, decode(args.encode()), *rest) for id, kind, args, *rest in rows}
    _same("accounts", accounts, model.accounts, model.size)
    _same("receipts", receipts, model.receipts, model.size)
    _same("effects", effects, model.effects, model.size)


def answered(model: Model, action: Action, outcome: Outcome) -> Answer:
    """The model takes the action as well; it came to the same. Answers what that is."""
    if isinstance(outcome, Committed):
        entry = outcome.entry
        answer = model.act(action, entry.seed, entry.at_us)
        fate = Fate.FRESH if outcome.fresh else Fate.STORED
        same = answer == Answer(fate, entry.result)
    else:
        answer = model.act(action, "", 0)
        same = (answer.fate is Fate.PAUSED and isinstance(outcome, Paused)) or (
            answer.fate is Fate.REFUSED
            and isinstance(outcome, Refused)
            and not isinstance(outcome, NotNow)
        )
    _claim("answers are the model's", same, f"{action}: {outcome!r}, not {answer}")
    return answer


def columns(connection: apsw.Connection, statement: str) -> dict[str, Any]:
    """The second column by the first."""
    rows: list[Any] = connection.execute(statement).fetchall()
    return dict(rows)


def _same(what: str, here: dict[str, Any], there: dict[str, Any], size: int) -> None:
    unlike = [key for key in sorted({**here, **there}) if here.get(key) != there.get(key)]
    for key in unlike[:1]:
        how = f"{what} after {size} actions: {key} is {here.get(key)}, not {there.get(key)}"
        raise Violation("the rows are the model's", how)


def _claim(claim: str, holds: bool, how: str) -> None:
    if not holds:
        raise Violation(claim, how)


def _integrity(connection: apsw.Connection) -> None:
    try:
        found = connection.execute("PRAGMA integrity_check").fetchall()
    except apsw.Error as error:
        raise Violation("the file is whole", str(error)) from error
    _claim("the file is whole", found == [("ok",)], f"{found[:1]}")


def _chained(entries: list[Entry], leaves: list[bytes]) -> None:
    scopes: dict[str, tuple[int, str]] = {}
    prev, at_us = GENESIS, 0
    for entry, leaf in zip(entries, leaves, strict=True):
        _claim("entries are chained", entry.prev == prev, f"at {entry.seq}")
        _claim("time never goes back", entry.at_us >= at_us, f"at {entry.seq}")
        if entry.scope is not None:
            seq, scope_prev = scopes.get(entry.scope, (0, None))
            same = (entry.scope_seq, entry.scope_prev) == (seq + 1, scope_prev)
            _claim("scopes are chained", same, f"{entry.scope} at {entry.seq}")
            scopes[entry.scope] = (seq + 1, leaf.hex())
        prev, at_us = leaf.hex(), entry.at_us


def _headed(connection: apsw.Connection, entries: list[Entry], leaves: list[bytes]) -> None:
    rows: list[Any] = connection.execute("SELECT last, frontier FROM head").fetchall()
    last, data = rows[0] if rows else ("", b"")
    frontier = merkle.Frontier.from_bytes(data)
    claim = "the head is the log's"
    _claim(claim, frontier.size == len(entries), f"{frontier.size} of {len(entries)} entries")
    _claim(claim, frontier.root == merkle.root(leaves), "another root")
    _claim(claim, last == (leaves[-1].hex() if leaves else GENESIS), "another last entry")


def _rebuilt(connection: apsw.Connection, entries: list[Entry]) -> None:
    claim = "rows are rebuilt from deltas"
    try:
        rebuilt = replay.rebuild(entries)
    except (apsw.Error, ValueError) as error:
        raise Violation(claim, str(error)) from error
    # Another process may have declared less than this one, and then its store lacks a table.
    made = _tables(connection)
    for table in sorted(made & _tables(rebuilt)):
        here, there = [
            sorted(one.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for one in (connection, rebuilt)
        ]
        _claim(claim, here == there, f"not so the rows of {table}")
    missing = {delta[0] for entry in entries for delta in entry.deltas} - made
    _claim(claim, not missing, f"there are no tables {missing}")
    rebuilt.close()


def _tables(connection: apsw.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {str(name) for (name,) in rows}
