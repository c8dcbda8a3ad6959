"""Files of keys: written whole, replaced whole, and overwritten before they are let go.

A replaced file is never just unlinked: its bytes would stay on the disk. It keeps a second name
(`.NAME.old`) until they are overwritten; what a crash left of that is tidied up at the next open.
"""

import errno
import fcntl
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.wrapped import is_id

NEW, OLD = ".new", ".old"
AT_ONCE = 256
"""So many files are open at once, and share a flush."""


def write_all(directory: Path, files: Mapping[str, bytes]) -> None:
    """New files, for their owner only, on disk before this returns; all of them, or none.

    Raises OSError.
    """
    made: list[tuple[Path, int]] = []
    try:
        for name, data in files.items():
            path = directory / name
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            made.append((path, handle))
            write(handle, data)
        # After all are written: the first flush takes most of the others with it.
        for _, handle in made:
            os.fsync(handle)
        sync(directory)
    except OSError:
        for path, _ in made:
            with suppress(OSError):
                path.unlink()  # Half a key opens nothing.
        raise
    finally:
        for _, handle in made:
            os.close(handle)


def replace_all(directory: Path, files: Mapping[str, bytes]) -> None:
    """Put other bytes under these names; at any moment each name has the old or the new ones.

    Only under the lock. Raises OSError.
    """
    names = list(files)
    for begin in range(0, len(names), AT_ONCE):
        some = names[begin : begin + AT_ONCE]
        write_all(directory, {f".{name}{NEW}": files[name] for name in some})
        for name in some:
            os.link(directory / name, directory / f".{name}{OLD}", follow_symlinks=False)
            os.replace(directory / f".{name}{NEW}", directory / name)
        sync(directory)
        overwrite_all([directory / f".{name}{OLD}" for name in some])
    sync(directory)


def tidy(directory: Path) -> None:
    """Finish what a crash left of replacements. Only under the lock. Raises OSError."""
    for path in list(directory.iterdir()):
        if path.name.startswith(".") and path.suffix in (NEW, OLD):
            tidy_up(directory, path.stem[1:])


def tidy_up(directory: Path, name: str) -> None:
    """The same, of one name."""
    kept, old = directory / name, directory / f".{name}{OLD}"
    overwrite(directory / f".{name}{NEW}")
    if old.exists() and kept.exists() and kept.samefile(old):
        old.unlink()  # It was not replaced yet.
    else:
        overwrite(old)


def ids_in(directory: Path) -> list[str]:
    """The ids of the keys in a keystore, or in a copy of one."""
    return [path.name for path in directory.iterdir() if is_id(path.name)]


def overwrite(path: Path) -> None:
    """Write zeros over all of it, then remove it. Raises OSError."""
    overwrite_all([path])


def overwrite_all(paths: Sequence[Path]) -> None:
    """The same of many, whether they are there or not: the first flush takes most with it."""
    for begin in range(0, len(paths), AT_ONCE):
        _overwrite(paths[begin : begin + AT_ONCE])


def _overwrite(paths: Sequence[Path]) -> None:
    found: list[tuple[Path, int]] = []
    try:
        for path in paths:
            with suppress(FileNotFoundError):
                handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                found.append((path, handle))
                os.write(handle, bytes(os.fstat(handle).st_size))
        for _, handle in found:
            os.fsync(handle)
    finally:
        for _, handle in found:
            os.close(handle)
    for path, _ in found:
        path.unlink(missing_ok=True)


def append(path: Path, data: bytes) -> None:
    """At the end of a file, on disk before this returns. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    sync(path.parent)


@contextmanager
def locked(directory: Path) -> Generator[None]:
    """Nobody else replaces files here as long as this lasts. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sync(directory: Path) -> None:
    """The names in a directory, on disk. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(handle: int, data: bytes) -> None:
    """Raises OSError for what was written in part: the disk has no room for the rest."""
    if os.write(handle, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
