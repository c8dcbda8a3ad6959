"""All calls that may have expired, by index and a page at a time: however many there are, the same
memory, and nothing of those that cannot be due.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

from consent.tables import Basis, ConsentKey
from recordings.retention.policies import Policies
from recordings.retention.precedence import DAY_US
from recordings.tables import Recording
from runtime.query import Reads
from runtime.tables import schema_of, to_row
from sessions.retention.shelf import Shelf
from sessions.retention.subjects import Key
from sessions.retention.tables import (
    Erasure,
    HeldCall,
    HoldState,
    KeyDestroyed,
    LegalHold,
    RetentionLock,
)
from sessions.tables import Call, CallState, Dial
from telephony.tables import Dialog

PAGE_CALLS = 200
"""With what belongs to them, some megabytes; below the values that a statement may have."""

# By the index over state and end.
_PAGE = (
    "SELECT id, ended_us FROM call WHERE state = ? AND ended_us <= ? AND (ended_us, id) > (?, ?)"
    " ORDER BY ended_us, id LIMIT ?"
)

R = TypeVar("R")


async def pages(
    reader: Reads, policies: Policies, key: Key, now_us: int, size: int = PAGE_CALLS
) -> AsyncIterator[tuple[Shelf, list[str]]]:
    """A shelf of so many calls, and which; the oldest first."""
    soonest = policies.soonest_days()
    if soonest is None:
        return
    after: tuple[int, str] = (-1, "")
    while True:
        values = [CallState.SEALED.value, now_us - soonest * DAY_US, *after, size]
        found = await reader.sql(_PAGE, values)
        if not found:
            return
        calls = [call for call, _ in found]
        yield Shelf(await _rows(reader, calls), policies, key), calls
        after = (found[-1][1], found[-1][0])


async def _rows(reader: Reads, calls: Sequence[str]) -> dict[type[Any], Sequence[Any]]:
    """What a shelf of these calls is made of. Of a basis, also the other calls that stand on it."""
    dials = await _among(reader, Dial, "id", calls)
    bases = sorted({one.basis for one in dials})
    dials = await _among(reader, Dial, "basis", bases) if bases else []
    others = sorted({one.id for one in dials}.difference(calls))
    rows = [*await _among(reader, Call, "id", calls), *await _among(reader, Call, "id", others)]
    callers = [row.caller_key for row in rows if row.id in others]
    gone = [
        *await _among(reader, KeyDestroyed, "call", calls),
        *await _among(reader, KeyDestroyed, "id", callers),
    ]
    return {
        Call: rows,
        Dial: dials,
        Basis: await _among(reader, Basis, "id", bases),
        KeyDestroyed: gone,
        Recording: await _among(reader, Recording, "id", calls),
        ConsentKey: await _among(reader, ConsentKey, "call", calls),
        Dialog: await _among(reader, Dialog, "id", calls),
        HeldCall: await _among(reader, HeldCall, "call", calls),
        RetentionLock: await _among(reader, RetentionLock, "call", calls),
        Erasure: await _among(reader, Erasure, "call", calls),
        LegalHold: await reader.rows(LegalHold, state=HoldState.ACTIVE),
    }


async def _among(reader: Reads, cls: type[R], column: str, values: Sequence[str]) -> list[R]:
    """Rows whose `column` is one of these values; asked for in pieces."""
    schema = schema_of(cls)
    found: list[R] = []
    for at in range(0, len(values), PAGE_CALLS):
        some = values[at : at + PAGE_CALLS]
        marks = ", ".join("?" * len(some))
        statement = (
            f"SELECT {', '.join(schema.columns)} FROM {schema.name} WHERE {column} IN ({marks})"
        )
        found += [to_row(cls, row) for row in await reader.sql(statement, list(some))]
    return found
