"""The evidence pack of one call, gathered from the store at one moment."""

from dataclasses import fields
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley.record import Key, Plain, record
from recordings import vault
from recordings.evidence import SEGMENT_FIELDS, Pack
from recordings.export import write
from recordings.tables import Chunk
from runtime import checkpoint, merkle
from runtime.keystore import KeyDestroyed
from runtime.log_key import ORIGIN
from runtime.tables import select
from sessions.tables import Call


def export(
    rows: apsw.Connection,
    call: Call,
    *,
    key: Key,
    log_key: Ed25519PrivateKey,
    recordings: Path,
    directory: Path,
    now_us: int,
) -> list[str]:
    """Write the pack. Answers the chunks that would not open; raises what `recordings.write` does.

    `rows` must stand still: a checkpoint of all entries is signed over them.
    """
    found = record(rows, key, call.id)
    leaves = [leaf for (leaf,) in rows.execute("SELECT leaf FROM log ORDER BY seq")]
    chunks = [_vaulted(row) for row in select(rows, Chunk, ("call",), (call.id,))]
    pack = Pack(
        call=call.id,
        created_us=now_us,
        entries=_entries(rows, call.id),
        leaves=leaves,
        origin=ORIGIN,
        key=log_key.public_key(),
        checkpoint=checkpoint.sign(ORIGIN, len(leaves), merkle.root(leaves), log_key),
        older=[note for (note,) in rows.execute("SELECT note FROM checkpoint ORDER BY size")],
        chunks=chunks,
        keys=_keys(key, {call.words_key, *(chunk.key_id for chunk in chunks)}),
        transcript=[{name: one[name] for name in SEGMENT_FIELDS} for one in found["transcript"]],
        summary=_summary(found),
    )
    return write(pack, directory, recordings, log_key)


def _entries(rows: apsw.Connection, call: str) -> list[bytes]:
    found = rows.execute("SELECT entry FROM log WHERE scope = ? ORDER BY seq", (call,))
    return [bytes(entry) for (entry,) in found]


def _vaulted(row: Chunk) -> vault.Chunk:
    names = [field.name for field in fields(vault.Chunk)]
    return vault.Chunk(**{name: getattr(row, name) for name in names})


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
