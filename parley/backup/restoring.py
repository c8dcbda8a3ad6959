"""Going on from a backup: the store and its recordings come back, destroyed keys do not."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from parley.backup import files
from parley.backup.files import BadBackup
from parley.backup.manifest import CHECKPOINT, DATABASE, RECORDINGS, Kept, Manifest
from parley.backup.taking import Told
from parley.history import DECLARING
from runtime import restored
from runtime.checkpoint import verify
from runtime.engines import sqlite, witness
from runtime.kek import Source
from runtime.kek_check import checked
from runtime.kek_sources import source_of
from runtime.key_files import ids_in
from runtime.keystore import Keystore, read_tombstones
from runtime.log_key import ORIGIN, load_or_create
from runtime.tables import select
from runtime.writer import Committed, Writer, action_of
from sessions.retention.tables import KeyDestroyed
from sessions.tables import Call

assert restored in DECLARING, "a replay must know the entry that a restore appends"

BESIDE = ("-wal", "-shm", "-acked", "-journal")
"""The ends of the names of files that belong to a database file."""

ERASURES = "SELECT 1 FROM sqlite_master WHERE name = 'key_destroyed'"


class InTheWay(Exception):
    """There is a store where the backup should go."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `lost` is how many acknowledged entries are not in the backup, if known."""

    manifest: Manifest
    seq: int
    """The entry which says that the store was restored."""
    lost: int | None
    keys_brought: int
    keys_refused: int
    """Keys of the copy that were destroyed since, or were here already."""


def restore(
    source: Path,
    database: Path,
    recordings: Path,
    data: Path,
    *,
    keys: Path | None,
    told: Told,
    kek: Source | None = None,
) -> Restored:
    """Put a backup in place; the store appears whole, as the last thing, or not at all.

    Whoever calls this holds the data directory. `kek` opens the keys that are here and those that
    come; by default it is in the data directory. Raises InTheWay, BadBackup, KekError where the KEK
    is another, OSError, apsw.Error.
    """
    refuse_a_store(database)
    kek = kek or source_of("", data)
    if keys is not None:
        checked(keys, kek)
    manifest = files.load(source)
    files.verify(source, manifest)
    _check_signer(source, manifest, data / "log.key")
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    chunks = [kept for kept in manifest.files if kept.path.startswith(f"{RECORDINGS}/")]
    for n, kept in enumerate(chunks, 1):
        told("recordings", n, len(chunks))
        _bring_chunk(source, kept, recordings)
    flush_tree(recordings)
    draft = database.with_name(f"{database.name}.restoring")
    _remove(draft)
    files.copy(source / DATABASE, draft)
    told("store", 1, 1)
    brought, refused = _bring_keys(draft, Keystore(data / "keys", kek), keys)
    seq = _append(draft, manifest)
    acknowledged = witness.read(database)
    lost = None if acknowledged is None else max(0, acknowledged.size - manifest.size)
    _put_in_place(draft, database)
    return Restored(manifest, seq, lost, brought, refused)


def refuse_a_store(database: Path) -> None:
    """Raises InTheWay where there is anything of a store: also its write-ahead log alone."""
    there = [path for end in ("", "-wal", "-shm") if (path := Path(f"{database}{end}")).exists()]
    if any(
        path == database or path.stat().st_size for path in there if not path.name.endswith("-shm")
    ):
        old = database.with_name("damaged")
        moved = f"mkdir {old} && mv {' '.join(map(str, there))} {old}"
        raise InTheWay(f"there is a store at {database}: move all of it away first, {moved}")


def flush_tree(folder: Path) -> None:
    """Every file and folder below, on disk."""
    if folder.exists():
        files.flush(sorted(folder.rglob("*"), reverse=True))
        files.flush([folder])


def _check_signer(source: Path, manifest: Manifest, log_key: Path) -> None:
    """The log key that is here, if one is, signed this log: another would sign on for it."""
    if not log_key.exists() or not any(kept.path == CHECKPOINT for kept in manifest.files):
        return
    note = (source / CHECKPOINT).read_text(encoding="utf-8")
    try:
        signed = verify(note, ORIGIN, load_or_create(log_key).public_key())
    except ValueError as error:
        raise BadBackup(
            f"{log_key} did not sign the log in {source}: {error}; put the key of that log there"
        ) from error
    if signed.size > manifest.size:
        raise BadBackup(f"{source} holds a checkpoint of more entries than its log has")


def _bring_chunk(source: Path, kept: Kept, recordings: Path) -> None:
    """Copy a chunk, unless the very same is there."""
    path = kept.path.removeprefix(f"{RECORDINGS}/")
    target = recordings / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        here = files.measure(recordings, path)
        if (here.sha256, here.bytes) == (kept.sha256, kept.bytes):
            return
    draft = target.with_name(f"{target.name}.restoring")
    draft.unlink(missing_ok=True)
    files.copy(source / kept.path, draft)
    draft.replace(target)


def _bring_keys(database: Path, keystore: Keystore, copy: Path | None) -> tuple[int, int]:
    """Bury what was destroyed, by the rows or by either keystore; then bring what is left.

    Answers how many keys came, and how many of the copy did not.
    """
    connection = sqlite.open_reader(database)
    try:
        forgotten = [row.words_key for row in select(connection, Call, (), ()) if row.forgotten]
        # A backup of an older release knows of no erasure.
        if connection.execute(ERASURES).fetchone():
            forgotten += [row.id for row in select(connection, KeyDestroyed, (), ())]
    finally:
        connection.close()
    keystore.destroy_all(forgotten)
    if copy is None:
        return 0, 0
    keystore.destroy_all(read_tombstones(copy))
    there = sorted(ids_in(copy))
    brought = sum(keystore.take(key_id, (copy / key_id).read_bytes()) for key_id in there)
    return brought, len(there) - brought


def _append(draft: Path, manifest: Manifest) -> int:
    """The log itself says that it was restored. Answers that entry's seq."""
    writer = Writer(draft, lambda: time.time_ns() // 1_000, secrets.token_bytes)
    try:
        args = {"size": manifest.size, "at": manifest.at_us}
        (outcome,) = writer.commit([action_of(restored.store_restored, args, sender="restore")])
        if not isinstance(outcome, Committed):
            raise BadBackup(f"the store takes no action: {outcome}") from outcome
        return outcome.entry.seq
    finally:
        writer.close()


def _put_in_place(draft: Path, database: Path) -> None:
    """The last step, which is one rename."""
    # What was acknowledged before, and what lies in a write-ahead log, is of another history.
    witness.path_of(draft).unlink(missing_ok=True)
    for end in BESIDE:
        Path(f"{database}{end}").unlink(missing_ok=True)
    files.flush([draft])
    draft.rename(database)
    files.flush([database.absolute().parent])


def _remove(draft: Path) -> None:
    """What an interrupted restore left."""
    for end in ("", *BESIDE):
        Path(f"{draft}{end}").unlink(missing_ok=True)
