"""The evidence pack of one call, gathered from the store at one moment."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.tables import Basis
from parley import story
from parley.plain import Key
from parley.proving import first_stamp, last_entry
from parley.record import record
from parley.sounding import chunks_of
from recordings.evidence import (
    CUTS_MAX,
    SEGMENT_FIELDS,
    SIDES,
    Pack,
    PackError,
    Stamped,
)
from recordings.export import write
from recordings.pack.locking import PublicKey
from runtime import checkpoint, merkle
from runtime.keystore import KeyDestroyed
from runtime.log_key import ORIGIN
from runtime.tables import select
from sessions.tables import Call, Dial

DAY_US = 86_400_000_000
NEWEST_MAX = 300
DAYS_MAX = CUTS_MAX - NEWEST_MAX - 2
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
    vcon: bytes | None = None,
    recipients: Sequence[PublicKey] = (),
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
        entries=story.entries(rows, call.id, None if order is None else order.basis),
        leaves=leaves,
        origin=ORIGIN,
        key=log_key.public_key(),
        checkpoint=checkpoint.sign(ORIGIN, len(leaves), merkle.root(leaves), log_key),
        older=_older(rows, held, stamp),
        stamp=None if stamp is None else Stamped(*stamp),
        chunks=chunks,
        keys=_keys(key, {call.words_key, call.caller_key, *(chunk.key_id for chunk in chunks)})
        | (_keys(key, _basis_keys(rows, order)) if order else {}),
        transcript=[{name: one[name] for name in SEGMENT_FIELDS} for one in found["transcript"]],
        callers={side: found["call"][side] for side in SIDES},
        vcon=vcon,
        recipients=recipients,
    )
    unreadable = write(pack, directory, recordings, log_key)
    if _keys(key, {*pack.keys}).keys() != pack.keys.keys():
        # What may not be read any more must not leave the house in the same moment.
        shutil.rmtree(directory)
        raise PackError("it was erased meanwhile: nothing of it was exported")
    return unreadable


def _basis_keys(rows: apsw.Connection, order: Dial) -> set[str]:
    return {basis.party.key_id for basis in select(rows, Basis, ("id",), (order.basis,))}


def _older(
    rows: apsw.Connection, held: str | None, stamp: tuple[int, str, bytes] | None
) -> list[int]:
    """Sizes of checkpoints signed before: the newest, and the last one of each day."""
    newest = rows.execute("SELECT size FROM checkpoint ORDER BY size DESC LIMIT ?", (NEWEST_MAX,))
    found = {cast(int, size) for (size,) in newest}
    days = rows.execute(
        "SELECT max(size) FROM checkpoint GROUP BY at_us / ? ORDER BY 1 DESC LIMIT ?",
        (DAY_US, DAYS_MAX),
    )
    found |= {cast(int, size) for (size,) in days}
    if held is not None:
        found.add(checkpoint.parse(held).size)
    if stamp is not None:
        found.add(stamp[0])
    return sorted(found)


def _keys(key: Key, wanted: set[str]) -> dict[str, bytes]:
    """Those that still exist."""
    found: dict[str, bytes] = {}
    for key_id in sorted(wanted):
        try:
            found[key_id] = key(key_id)
        except KeyDestroyed:
            continue  # What it sealed stays sealed, and the verifier says so.
    return found
