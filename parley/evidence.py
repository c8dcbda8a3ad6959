"""The evidence pack of one call, gathered from the store at one moment."""

import shutil
from pathlib import Path
from typing import cast

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.tables import Basis
from parley.plain import Key, Plain
from parley.proving import first_stamp, last_entry
from parley.record import record
from parley.sounding import chunks_of
from recordings.evidence import (
    CHECKPOINTS_MAX,
    SEGMENT_FIELDS,
    SIDES,
    Pack,
    PackError,
    Stamped,
)
from recordings.export import write
from runtime import canonical, checkpoint, merkle
from runtime.keystore import KeyDestroyed
from runtime.log_key import ORIGIN
from runtime.tables import select
from sessions.tables import Call, Dial

DAY_US = 86_400_000_000
NEWEST_MAX = 300
DAYS_MAX = CHECKPOINTS_MAX - NEWEST_MAX - 2
"""The log is signed each second: a pack has room for the newest, and for one of each day."""


def export(
    rows: apsw.Connection,
    call: Call,
    *,
    key: Key,
    log_key: Ed25519PrivateKey,
    recordings: Path,
    directory: Path,
    now_us: int,
    held: str | None = None,
) -> list[str]:
    """Write the pack. Answers the chunks that would not open; raises what `recordings.write` does.

    `rows` must stand still: a checkpoint of all entries is signed over them. `held` is a
    checkpoint that the recipient has: the pack will prove that the log grew out of it.
    """
    found = record(rows, key, call.id)
    stamp = first_stamp(rows, last_entry(rows, call.id))
    leaves = [leaf for (leaf,) in rows.execute("SELECT leaf FROM log ORDER BY seq")]
    chunks = chunks_of(rows, call.id)
    (order,) = select(rows, Dial, ("id",), (call.id,)) or (None,)
    pack = Pack(
        call=call.id,
        created_us=now_us,
        entries=_entries(rows, call.id),
        leaves=leaves,
        origin=ORIGIN,
        key=log_key.public_key(),
        checkpoint=checkpoint.sign(ORIGIN, len(leaves), merkle.root(leaves), log_key),
        older=_older(rows, held, stamp),
        stamp=None if stamp is None else Stamped(*stamp),
        chunks=chunks,
        order=_order(rows, order) if order else (),
        keys=_keys(key, {call.words_key, call.caller_key, *(chunk.key_id for chunk in chunks)})
        | (_keys(key, _basis_keys(rows, order)) if order else {}),
        transcript=[{name: one[name] for name in SEGMENT_FIELDS} for one in found["transcript"]],
        callers={side: found["call"][side] for side in SIDES},
        summary=_summary(found),
    )
    unreadable = write(pack, directory, recordings, log_key)
    if _keys(key, {*pack.keys}).keys() != pack.keys.keys():
        # What may not be read any more must not leave the house in the same moment.
        shutil.rmtree(directory)
        raise PackError("it was erased meanwhile: nothing of it was exported")
    return unreadable


def _entries(rows: apsw.Connection, call: str) -> list[bytes]:
    found = rows.execute("SELECT entry FROM log WHERE scope = ? ORDER BY seq", (call,))
    return [bytes(entry) for (entry,) in found]


def _order(rows: apsw.Connection, order: Dial) -> list[bytes]:
    """Who had it dialled, and all that became of the basis: entries out of the call's own chain."""
    found = rows.execute(
        "SELECT entry FROM log WHERE scope IS NOT ? AND (instr(entry, ?) OR instr(entry, ?))"
        " ORDER BY seq",
        (order.id, order.id.encode(), order.basis.encode()),
    )
    return [bytes(entry) for (entry,) in found if _allows(canonical.decode(bytes(entry)), order)]


def _allows(entry: Plain, order: Dial) -> bool:
    deltas: list[tuple[str, Plain | None, Plain | None]] = entry["deltas"]
    return any(_is_about(order, *delta) for delta in deltas)


def _is_about(order: Dial, table: str, old: Plain | None, new: Plain | None) -> bool:
    if table == "dial":
        return old is None and new is not None and new["id"] == order.id
    if table != "basis" or new is None or new["id"] != order.basis:
        return False
    return not _only_used(old, new)


def _only_used(old: Plain | None, new: Plain) -> bool:
    """Another call was placed on the same basis: that is its own story."""
    return old is not None and {**old, "placed_us": None} == {**new, "placed_us": None}


def _basis_keys(rows: apsw.Connection, order: Dial) -> set[str]:
    return {basis.party.key_id for basis in select(rows, Basis, ("id",), (order.basis,))}


def _older(
    rows: apsw.Connection, held: str | None, stamp: tuple[int, str, bytes] | None
) -> list[str]:
    """Checkpoints signed before, oldest first: the newest, and the last one of each day."""
    newest = rows.execute(
        "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT ?", (NEWEST_MAX,)
    )
    found = {cast(int, size): cast(str, note) for size, note in newest}
    days = rows.execute(
        "SELECT max(size), note FROM checkpoint GROUP BY at_us / ? ORDER BY 1 DESC LIMIT ?",
        (DAY_US, DAYS_MAX),
    )
    found |= {cast(int, size): cast(str, note) for size, note in days}
    # Signatures are deterministic: the same size has the same note, unless history is another.
    if held is not None:
        found[checkpoint.parse(held).size] = held
    if stamp is not None:
        found[stamp[0]] = stamp[1]
    return [found[size] for size in sorted(found)]


def _keys(key: Key, wanted: set[str]) -> dict[str, bytes]:
    """Those that still exist."""
    found: dict[str, bytes] = {}
    for key_id in sorted(wanted):
        try:
            found[key_id] = key(key_id)
        except KeyDestroyed:
            continue  # What it sealed stays sealed, and the verifier says so.
    return found


def _summary(found: Plain) -> Plain:
    return {name: found[name] for name in ("call", "actions", "recording")}
