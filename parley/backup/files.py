"""Files that are copied durably, and a backup that is what its manifest says."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path

from parley.backup.manifest import (
    DATABASE,
    MANIFEST_BYTES_MAX,
    NAME,
    Kept,
    Manifest,
    parse,
)
from runtime import integrity
from runtime.engines import snapshot, sqlite
from runtime.errors import StoreDamaged

PIECE_BYTES = 1 << 17


class BadBackup(Exception):
    """This is no backup, or no longer what it was when it was taken."""


def copy(source: Path, target: Path) -> Kept:
    """Copy to a new file, not flushed yet. Answers its hash and size, under its bare name.

    A hole stays a hole: erased audio should not take room again.
    """
    digest, size = hashlib.sha256(), 0
    with _open(source) as one, open(target, "xb", buffering=0) as other:
        os.chmod(other.fileno(), 0o600)
        while piece := one.read(PIECE_BYTES):
            digest.update(piece)
            if piece.strip(b"\0"):
                _write(other, piece, size)
            size += len(piece)
        other.truncate(size)
    return Kept(target.name, digest.hexdigest(), size)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file with this SHA-256 (hex), and the `lead` bytes before them."""

    offset: int
    bytes: int
    sha256: str
    lead: int = 0


def copy_pieces(source: Path, target: Path, pieces: Iterable[Piece], header: int) -> list[bool]:
    """Copy a header, and pieces of a file that may grow meanwhile, to a new file; it has holes.

    Answers which of them are what they should be; others are left out.
    """
    copied: list[bool] = []
    with _open(source) as one, open(target, "xb", buffering=0) as other:
        os.chmod(other.fileno(), 0o600)
        _write(other, os.pread(one.fileno(), header, 0), 0)
        for piece in pieces:
            begin = piece.offset - piece.lead
            data = os.pread(one.fileno(), piece.lead + piece.bytes, begin)
            copied.append(hashlib.sha256(data[piece.lead :]).hexdigest() == piece.sha256)
            if copied[-1]:
                _write(other, data, begin)
    return copied


def measure(folder: Path, path: str) -> Kept:
    """Hash and size of a file below a folder."""
    digest, size = hashlib.sha256(), 0
    with _open(folder / path) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return Kept(path, digest.hexdigest(), size)


def flush(paths: Iterable[Path]) -> None:
    """Have files and folders on disk. After the first of many the others cost little."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load(folder: Path) -> Manifest:
    """The manifest of a backup. Raises BadBackup."""
    path = folder / NAME
    try:
        with _open(path) as file:
            data = file.read(MANIFEST_BYTES_MAX + 1)
        if len(data) > MANIFEST_BYTES_MAX:
            raise ValueError(f"it is longer than {MANIFEST_BYTES_MAX} bytes")
        return parse(data)
    except FileNotFoundError as error:
        raise BadBackup(f"{folder} is no backup: there is no {NAME} in it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadBackup(f"{path} cannot be used: {error}") from error


def verify(folder: Path, manifest: Manifest) -> None:
    """Every file is what the manifest says, and the log is sound. Raises BadBackup."""
    for due in manifest.files:
        try:
            found = measure(folder, due.path)
        except OSError as error:
            raise BadBackup(f"{folder / due.path} cannot be read: {error.strerror}") from error
        if found != due:
            raise BadBackup(f"{folder / due.path} is not the file that was backed up")
    verify_store(folder / DATABASE, manifest.size, manifest.root)


def verify_store(path: Path, size: int, root: str) -> None:
    """The log has this size and root, and SQLite finds its file in order. Raises BadBackup."""
    connection = sqlite.open_reader(path)
    try:
        sound = integrity.check(connection)
        why = snapshot.complaint(connection)
    except StoreDamaged as damage:
        raise BadBackup(f"{path}: entry {damage.seq} is damaged: {damage.why}") from damage
    except integrity.UNREADABLE as error:
        raise BadBackup(f"{path} cannot be read: {error}") from error
    finally:
        connection.close()
    if why is not None:
        raise BadBackup(f"{path} is damaged: {why}")
    if (sound.frontier.size, sound.frontier.root.hex()) != (size, root):
        raise BadBackup(f"{path} does not hold the log that the manifest names")


def _write(file: FileIO, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(file.fileno(), data, at)
        data, at = data[written:], at + written


def _open(path: Path) -> BufferedReader:
    """A file, and nothing that only leads to one."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
