"""Taking a backup of a store at work: one moment of it, without a key that opens anything."""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from itertools import groupby
from pathlib import Path

import apsw

from media.segment import FRAME_BYTES, HEADER_BYTES, boot_of
from parley.backup import files
from parley.backup.manifest import (
    CHECKPOINT,
    DATABASE,
    KEYS,
    NAME,
    RECORDINGS,
    Kept,
    Manifest,
)
from recordings.rules import standing
from recordings.tables import Chunk, ChunkGap
from recordings.vault import is_place
from runtime import integrity
from runtime.engines import snapshot, sqlite
from runtime.kek_check import CHECK
from runtime.key_files import ids_in
from runtime.keystore import TOMBSTONES
from runtime.tables import select
from runtime.wrapped import NotWrapped, decode

Told = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and all of it."""


class NotEmpty(Exception):
    """There is something where the backup should be."""


def take(
    database: Path,
    recordings: Path,
    to: Path,
    now_us: int,
    told: Told,
    *,
    keys: Path | None = None,
) -> Manifest:
    """Write a backup to `to`, a folder that is empty or not there; it appears whole or not at all.

    With `keys`, a keystore, it holds these too, as they are wrapped. Raises NotEmpty, BadBackup
    where what was written is not sound, OSError, apsw.Error.
    """
    if to.is_symlink() or (to.exists() and not (to.is_dir() and not any(to.iterdir()))):
        raise NotEmpty(f"{to} is there already")
    with _partial(to) as draft:
        snapshot.copy(database, draft / DATABASE, lambda done, of: told("store", done, of))
        manifest = _fill(draft, recordings, keys, now_us, told)
        files.verify(draft, manifest)
        try:
            draft.rename(to)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise NotEmpty(f"{to} was made meanwhile") from error
            raise
    files.flush([to.absolute().parent])
    return manifest


def _fill(draft: Path, recordings: Path, keys: Path | None, now_us: int, told: Told) -> Manifest:
    """Beside the store: the recordings its rows name, its newest checkpoint, the manifest."""
    connection = sqlite.open_reader(draft / DATABASE)
    try:
        sound = integrity.check(connection)
        kept = [files.measure(draft, DATABASE), *_checkpoint(connection, draft)]
        chunks = standing(select(connection, Chunk, (), ()), select(connection, ChunkGap, (), ()))
    finally:
        connection.close()
    missing: list[str] = []
    done = 0
    for path, named in groupby(sorted(chunks, key=_lies), key=lambda chunk: chunk.path):
        there = list(named)
        found = _audio(recordings, draft, path, there)
        missing += [_name(chunk) for chunk, good in zip(there, found, strict=True) if not good]
        kept += [files.measure(draft, f"{RECORDINGS}/{path}")] if any(found) else []
        done += len(there)
        told("recordings", done, len(chunks))
    if keys is not None:
        kept += _keys(keys, draft)
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


def _keys(keystore: Path, draft: Path) -> list[Kept]:
    """Copy what is wrapped; every key that the store's copy names was there before it was made."""
    (draft / KEYS).mkdir(mode=0o700)
    kept: list[Kept] = []
    for name in (CHECK, *sorted(ids_in(keystore))):
        try:
            data = (keystore / name).read_bytes()
            decode(data)
        except (FileNotFoundError, NotWrapped):
            continue  # It is destroyed in this moment, or made.
        (draft / KEYS / name).write_bytes(data)
        kept.append(files.measure(draft, f"{KEYS}/{name}"))
    # After the keys: what went meanwhile is in it. A newer one may be put in its place.
    with suppress(FileNotFoundError):
        files.copy(keystore / TOMBSTONES, draft / KEYS / TOMBSTONES)
    return kept


def _lies(chunk: Chunk) -> tuple[str, int]:
    return chunk.path, chunk.offset


def _name(chunk: Chunk) -> str:
    return f"{chunk.call}/{chunk.party}-{chunk.epoch}-{chunk.n}"


def _audio(recordings: Path, draft: Path, path: str, chunks: list[Chunk]) -> list[bool]:
    """Copy what rows name in one file, which may grow meanwhile. Answers what is as they say."""
    nothing = [False] * len(chunks)
    if not is_place(path):
        return nothing
    target = draft / RECORDINGS / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    segment = boot_of(path) is not None
    header, lead = (HEADER_BYTES, FRAME_BYTES) if segment else (0, 0)
    pieces = [files.Piece(chunk.offset, chunk.bytes, chunk.sha256, lead) for chunk in chunks]
    try:
        found = files.copy_pieces(recordings / path, target, pieces, header)
    except FileNotFoundError:
        return nothing
    if not any(found):
        target.unlink()
    return found


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
