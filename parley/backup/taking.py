"""Taking a backup of a store at work: one moment of it, without a single key."""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import apsw

from parley.backup import files
from parley.backup.manifest import (
    CHECKPOINT,
    DATABASE,
    NAME,
    RECORDINGS,
    Kept,
    Manifest,
    is_chunk,
)
from recordings.tables import Chunk
from runtime import integrity
from runtime.engines import snapshot, sqlite
from runtime.tables import select

Told = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and all of it."""


class NotEmpty(Exception):
    """There is something where the backup should be."""


def take(database: Path, recordings: Path, to: Path, now_us: int, told: Told) -> Manifest:
    """Write a backup to `to`, a folder that is empty or not there; it appears whole or not at all.

    Raises NotEmpty, BadBackup where what was written is not sound, OSError, apsw.Error.
    """
    if to.is_symlink() or (to.exists() and not (to.is_dir() and not any(to.iterdir()))):
        raise NotEmpty(f"{to} is there already")
    with _partial(to) as draft:
        snapshot.copy(database, draft / DATABASE, lambda done, of: told("store", done, of))
        manifest = _fill(draft, recordings, now_us, told)
        files.verify(draft, manifest)
        try:
            draft.rename(to)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise NotEmpty(f"{to} was made meanwhile") from error
            raise
    files.flush([to.absolute().parent])
    return manifest


def _fill(draft: Path, recordings: Path, now_us: int, told: Told) -> Manifest:
    """Beside the store: the recordings its rows name, its newest checkpoint, the manifest."""
    connection = sqlite.open_reader(draft / DATABASE)
    try:
        sound = integrity.check(connection)
        kept = [files.measure(draft, DATABASE), *_checkpoint(connection, draft)]
        chunks = select(connection, Chunk, (), ())
    finally:
        connection.close()
    missing: list[str] = []
    for n, chunk in enumerate(chunks, 1):
        told("recordings", n, len(chunks))
        one = _chunk(recordings, draft / RECORDINGS, chunk)
        missing += [chunk.path] if one is None else []
        kept += [] if one is None else [one]
    size, root = sound.frontier.size, sound.frontier.root.hex()
    manifest = Manifest(now_us, size, root, tuple(kept), tuple(missing))
    (draft / NAME).write_bytes(manifest.encode())
    files.flush(sorted(draft.rglob("*"), reverse=True))
    files.flush([draft])
    return manifest


def _checkpoint(connection: apsw.Connection, draft: Path) -> list[Kept]:
    """The newest signed note, as a file: for whoever keeps it elsewhere."""
    statement = "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1"
    row = connection.execute(statement).fetchone()
    if row is None:
        return []
    (draft / CHECKPOINT).write_text(str(row[0]), encoding="utf-8")
    return [files.measure(draft, CHECKPOINT)]


def _chunk(recordings: Path, folder: Path, chunk: Chunk) -> Kept | None:
    """Copy a chunk's ciphertext; None where it is not there as its row says."""
    if not is_chunk(chunk.path):
        return None
    target = folder / chunk.path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        kept = files.copy(recordings / chunk.path, target)
    except FileNotFoundError:
        return None
    if (kept.sha256, kept.bytes) != (chunk.sha256, chunk.bytes):
        target.unlink()
        return None
    return replace(kept, path=f"{RECORDINGS}/{chunk.path}")


@contextmanager
def _partial(to: Path) -> Generator[Path, None, None]:
    """A folder beside `to`, gone again unless it was renamed. What a killed one left is removed."""
    parent = to.absolute().parent
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in parent.glob(f".{to.name}.partial-*"):
        with _locked(old) as mine:
            if mine:
                shutil.rmtree(old, ignore_errors=True)
    draft = parent / f".{to.name}.partial-{secrets.token_hex(4)}"
    draft.mkdir(mode=0o700)
    with _locked(draft) as mine:
        if not mine:
            raise NotEmpty(f"another backup to {to} is being taken")
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Generator[bool, None, None]:
    """Whether nobody else is at work in this folder; nobody will be as long as this lasts."""
    with ExitStack() as stack:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = True
        except OSError:
            mine = False
        yield mine
