"""Proofs out of the store's own rows, as files for somebody who has no store."""

from dataclasses import dataclass
from typing import cast

import apsw

from runtime import merkle, proofs


class NotProved(LookupError):
    """There is nothing to prove it with yet; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The text to hand on, and the time stamp on its checkpoint where there is one."""

    text: str
    size: int
    stamp: bytes | None


def of_entry(rows: apsw.Connection, seq: int) -> Proof:
    """That entry `seq` is in the log; under the first checkpoint with a time stamp, if any.

    The earliest stamp says most: the entry was there by then.
    """
    found = rows.execute("SELECT entry FROM log WHERE seq = ?", (seq,)).fetchone()
    if found is None:
        raise NotProved(f"there is no entry {seq}")
    size, note, stamp = _checkpoint(rows, seq)
    path = _tree(rows, size).inclusion_proof(seq - 1)
    return Proof(proofs.inclusion(cast(bytes, found[0]), seq, path, note), size, stamp)


def of_growth(rows: apsw.Connection, old: int) -> Proof:
    """That the log under the newest checkpoint begins with its first `old` entries."""
    newest = rows.execute(
        "SELECT size, note, token FROM checkpoint LEFT JOIN stamp USING (size)"
        " ORDER BY size DESC LIMIT 1"
    ).fetchone()
    last = 0 if newest is None else cast(int, newest[0])
    if newest is None or not 0 < old <= last:
        raise NotProved(f"the newest checkpoint is of size {last}: name a size from 1 to that")
    size, note, stamp = cast("tuple[int, str, bytes | None]", newest)
    path = _tree(rows, size).consistency_proof(old)
    return Proof(proofs.consistency(old, path, note), size, stamp)


def last_entry(rows: apsw.Connection, scope: str) -> int:
    """The newest entry of a call: through its chain it stands for all before it."""
    found = rows.execute("SELECT max(seq) FROM log WHERE scope = ?", (scope,)).fetchone()
    return cast(tuple[int], found)[0]


def first_stamp(rows: apsw.Connection, seq: int) -> tuple[int, str, bytes] | None:
    """Size, note and token of the first time stamp that covers an entry."""
    found = rows.execute(
        "SELECT size, note, token FROM stamp JOIN checkpoint USING (size)"
        " WHERE size >= ? ORDER BY size LIMIT 1",
        (seq,),
    ).fetchone()
    return cast("tuple[int, str, bytes] | None", found)


def _checkpoint(rows: apsw.Connection, seq: int) -> tuple[int, str, bytes | None]:
    stamped = first_stamp(rows, seq)
    if stamped is not None:
        return stamped
    found = rows.execute(
        "SELECT size, note FROM checkpoint WHERE size >= ? ORDER BY size DESC LIMIT 1", (seq,)
    ).fetchone()
    if found is None:
        raise NotProved(f"entry {seq} is not signed yet: a running server signs within a second")
    size, note = cast(tuple[int, str], found)
    return size, note, None


def _tree(rows: apsw.Connection, size: int) -> merkle.Tree:
    leaves = rows.execute("SELECT leaf FROM log ORDER BY seq LIMIT ?", (size,))
    return merkle.Tree([cast(bytes, leaf) for (leaf,) in leaves])
