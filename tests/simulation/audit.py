"""What must be true of a whole run, read from its log, its rows and the world outside."""

from collections import Counter
from typing import Any

import apsw

from runtime.log import Entry
from tests.simulation import checks
from tests.simulation.checks import Violation
from tests.simulation.outside import Outside
from tests.simulation.witness import Witness

STATES = ("done", "dead", "cancelled")


def whole(connection: apsw.Connection, witness: Witness, outside: Outside) -> None:
    """Hold a drained store to everything. Raises Violation."""
    log = checks.sound(connection)
    _claim("acknowledged is on disk", log == witness.log, f"{len(log)} of {len(witness.log)}")
    checks.holds(connection, witness.model)
    _tills(connection, witness)
    _once(connection, log, outside)
    _kept_still(log)
    _kept_out(log)
    for request, reply in witness.replies.items():
        same = witness.model.answers[request][2] == reply.result
        _claim("replies are the model's", same, f"{request}: {reply}")


def _claim(claim: str, holds: bool, how: str) -> None:
    if not holds:
        raise Violation(claim, how)


def _tills(connection: apsw.Connection, witness: Witness) -> None:
    modules = witness.model.modules
    pins = checks.columns(connection, "SELECT scope, version FROM pin")
    _claim("tills keep their version", pins == modules.pins, f"{pins}, not {modules.pins}")
    made = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'till_drawer'").fetchall()
    drawers = checks.columns(connection, "SELECT id, cents FROM till_drawer") if made else {}
    _claim("tills hold the model's money", drawers == modules.drawers, f"{drawers}")


def _once(connection: apsw.Connection, log: list[Entry], outside: Outside) -> None:
    """What is done was done outside, and closed by one action; the dead say why they died."""
    closings = Counter(entry.closes for entry in log if entry.closes is not None)
    rows: list[Any] = connection.execute("SELECT id, kind, state, reason FROM effect").fetchall()
    for id, kind, state, reason in rows:
        _claim("every effect comes to an end", state in STATES, f"{id} is {state}")
        overtaken = state != "done" or reason is not None
        once = closings[id] == (0 if overtaken else 1)
        _claim("an effect is closed once", once, f"{id}, {state}: closed {closings[id]} times")
        done = kind == "runtime.fire" or overtaken or outside.done[id] >= 1
        _claim("what is closed was done", done, f"{id} was not")
        _claim("the dead say why", state != "dead" or reason is not None, f"not so {id}")
    told = sum(entry.reducer == "tests.notified" for entry in log)
    fired = sum(entry.reducer == "tests.paid_in" for entry in log)
    kinds = Counter(kind for id, kind, state, reason in rows if closings[id])
    _claim("an effect is closed once", told == kinds["notify"], f"{told} notified, {kinds}")
    _claim("a timer fires once", fired == kinds["runtime.fire"], f"{fired} fired, {kinds}")


def _kept_still(log: list[Entry]) -> None:
    """Nothing of what was paused happened before it was resumed."""
    still: set[str] = set()
    for entry in log:
        if entry.reducer == "runtime.paused":
            still.add(entry.args["what"])
        elif entry.reducer == "runtime.resumed":
            still.discard(entry.args["what"])
        else:
            acted = still & {entry.scope, entry.reducer.partition(".")[0]}
            _claim("what is paused keeps still", not acted, f"{acted} at {entry.seq}")


def _kept_out(log: list[Entry]) -> None:
    """Nobody acts who was revoked, however long the action had been waiting."""
    revoked: set[str] = set()
    for entry in log:
        out = entry.actor in revoked
        _claim("who is revoked acts no more", not out, f"{entry.actor} at {entry.seq}")
        if entry.reducer == "runtime.identity_revoked":
            revoked.add(entry.args["identity"])
