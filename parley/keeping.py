"""Retention read from a store's rows, for commands: what is kept, what is due, what waits."""

from datetime import UTC, date, datetime, time
from typing import Any

import apsw

from parley.commands import NotLikeThis
from parley.commands.place import Place
from parley.plain import Key, Plain, fields_of, opened
from parley.retaining import policies_of
from recordings.retention.policies import Policies
from recordings.retention.policy_file import PolicyError
from recordings.retention.precedence import Decision
from runtime.gates.tables import Gate, GateState, GateVote
from runtime.tables import select
from sessions.retention import subjects
from sessions.retention.shelf import TABLES, Shelf
from sessions.retention.tables import Erasure, ErasureState, HeldCall, LegalHold

SECOND_US = 1_000_000


def policies(here: Place) -> Policies:
    """Raises NotLikeThis for a tenant's file that cannot be used."""
    try:
        return policies_of(here.data)
    except PolicyError as error:
        raise NotLikeThis(str(error)) from error


def shelf_of(rows: apsw.Connection, here: Place) -> Shelf:
    """All that is kept of all calls."""
    kept = {cls: select(rows, cls, (), ()) for cls in TABLES}
    return Shelf(kept, policies(here), here.keystore().key)


def named(text: str) -> str:
    """A person. Raises NotLikeThis."""
    try:
        return subjects.named(text)
    except ValueError as error:
        raise NotLikeThis(str(error)) from error


def day_us(text: str) -> int:
    """The beginning of a day in UTC. Raises NotLikeThis."""
    try:
        day = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError as error:
        raise NotLikeThis(f"{text!r} is no day: write 2027-03-31") from error
    return int(day.timestamp()) * SECOND_US


def day(at_us: int | None) -> str:
    """The day of a time, in UTC."""
    return (
        "-" if at_us is None else datetime.fromtimestamp(at_us // SECOND_US, UTC).date().isoformat()
    )


def decision(one: Decision) -> Plain:
    """As plain data."""
    return {
        "artefact": one.artefact.value,
        "outcome": one.outcome.value,
        "until_us": one.until_us,
        "rule": one.rule,
        "trace": list(one.trace),
    }


def told(one: Plain) -> str:
    """A decision as a line."""
    until = "" if one["until_us"] is None else f" until {day(one['until_us'])}"
    return f"  {one['artefact']:<16}  {one['outcome']}{until}: {one['rule']}"


def restrictions(rows: apsw.Connection) -> dict[str, int]:
    """The calls that nobody may look at, and until when: the rest of each is locked by law."""
    waiting = select(rows, Erasure, ("state",), (ErasureState.WAITING,))
    return {row.call: row.until_us for row in waiting if row.until_us is not None}


def holds(rows: apsw.Connection, key: Key) -> list[Plain]:
    """Every hold, the oldest first, with how many calls it was found to bind."""
    found = sorted(select(rows, LegalHold, (), ()), key=lambda row: (row.placed_us, row.id))
    held = select(rows, HeldCall, (), ())
    return [
        {
            **fields_of(row, "matter", "callers"),
            "matter": opened(row.matter, key),
            "callers": [opened(caller, key) for caller in row.callers],
            "held": sorted(one.call for one in held if one.hold == row.id),
            "too_late": sorted(one.call for one in held if one.hold == row.id and one.too_late),
        }
        for row in found
    ]


def waiting(rows: apsw.Connection) -> list[dict[str, Any]]:
    """The gates that wait for somebody, the oldest first."""
    found = select(rows, Gate, ("state",), (GateState.OPEN,))
    return [
        {
            **fields_of(gate, "detail", "args"),
            "votes": [
                fields_of(vote, "gate") for vote in select(rows, GateVote, ("gate",), (gate.id,))
            ],
        }
        for gate in sorted(found, key=lambda row: (row.opened_us, row.id))
    ]
