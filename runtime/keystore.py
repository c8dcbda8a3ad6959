"""The keys, outside the log, its WAL and its backups: what is destroyed here is unreadable.

A key is prepared under a random id before the action that gives it its right to be used; a
prepared key that no row names is swept away when the store opens. A destroyed key leaves a
tombstone: should its file come back from a copy, it is not read, and destroyed again.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from runtime.errors import StoreBroken

KEY_BYTES = 32
ID_BYTES = 12
TOMBSTONES = "destroyed"
"""The file that lists them: ids, one to a line, only ever added to."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_ID = re.compile(r"key_[0-9A-Za-z]+", re.ASCII)


class KeyDestroyed(KeyError):
    """There is no such key (any more): what it sealed can not be read."""


class KeystoreError(OSError):
    """The disk has no room for a key; nothing was half done. The message says what to do."""


class Keystore:
    """One file of 32 random bytes per key, readable by its owner only.

    Whatever writes raises KeystoreError where there is no room, and StoreBroken where the disk
    fails: nobody knows then which keys are on it, and a flush that failed is never tried again.
    """

    def __init__(self, directory: Path) -> None:
        """Destroys again what has a tombstone and is back."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._destroyed = read_tombstones(directory)
        self._erase_the_buried()

    def prepare(self) -> str:
        """A new key, on disk before this returns. Answers its id."""
        (key_id,) = self.prepare_several(1)
        return key_id

    def prepare_several(self, count: int) -> list[str]:
        """The same for many: the directory is flushed once for all."""
        key_ids = [f"key_{secrets.token_hex(ID_BYTES)}" for _ in range(count)]
        try:
            for key_id in key_ids:
                self._write(key_id, secrets.token_bytes(KEY_BYTES))
            self._sync_directory()
        except OSError as error:
            with suppress(OSError):
                for key_id in key_ids:
                    self._path(key_id).unlink(missing_ok=True)
            raise self._failed(error) from error
        return key_ids

    def key(self, key_id: str) -> bytes:
        """The 32 bytes. Raises KeyDestroyed where there are none, or may be none."""
        if key_id in self._destroyed:
            raise KeyDestroyed(key_id)
        try:
            found = self._path(key_id).read_bytes()
        except FileNotFoundError:
            raise KeyDestroyed(key_id) from None
        if found == bytes(KEY_BYTES):  # A crash came between overwriting and removing it.
            raise KeyDestroyed(key_id)
        return found

    def destroy(self, key_id: str) -> None:
        """Bury, overwrite and remove the key; to destroy it twice is to destroy it once.

        Where there is no room for the tombstone the key is left as it was.
        """
        self._path(key_id)
        self._bury([key_id])
        self._erase([key_id])

    def destroy_all(self, key_ids: Iterable[str]) -> None:
        """Many at once, whether their keys are here or not: none of them will come back."""
        self._bury([key_id for key_id in key_ids if _ID.fullmatch(key_id)])
        self._erase_the_buried()

    def _bury(self, key_ids: Iterable[str]) -> None:
        """Add tombstones, on disk before this returns."""
        new = sorted(set(key_ids) - self._destroyed)
        if not new:
            return
        try:
            self._append(new)
        except OSError as error:
            raise self._failed(error) from error
        self._destroyed.update(new)

    def _append(self, new: list[str]) -> None:
        # A line that a crash cut short must not swallow the next: each begins with a line feed.
        lines = "".join(f"\n{key_id}\n" for key_id in new).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(self._directory / TOMBSTONES, flags, 0o600)
        try:
            _write_all(handle, lines)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._sync_directory()

    def take(self, key_id: str, key: bytes) -> bool:
        """Put back a key from a copy; False where it is here, or was destroyed."""
        if key_id in self._destroyed or self._path(key_id).exists() or len(key) != KEY_BYTES:
            return False
        try:
            self._write(key_id, key)
            self._sync_directory()
        except OSError as error:
            raise self._failed(error) from error
        return True

    def ids(self) -> list[str]:
        """The keys that are here, in order."""
        return sorted(ids_in(self._directory))

    def sweep(self, known: Iterable[str]) -> list[str]:
        """Destroy every key that no row names: its granting commit never came."""
        names = dict.fromkeys(known)
        strays = [key_id for key_id in self.ids() if key_id not in names]
        self._bury(strays)
        self._erase(strays)
        return strays

    def _write(self, key_id: str, key: bytes) -> None:
        path = self._path(key_id)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_all(handle, key)
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                path.unlink()  # Half a key opens nothing.
            raise
        finally:
            os.close(handle)

    def _erase_the_buried(self) -> None:
        self._erase([key_id for key_id in self.ids() if key_id in self._destroyed])

    def _erase(self, key_ids: list[str]) -> None:
        """Overwrite and remove them; the directory is flushed once for all."""
        try:
            for key_id in key_ids:
                self._overwrite(self._path(key_id))
            if key_ids:
                self._sync_directory()
        except OSError as error:
            raise self._failed(error) from error

    def _overwrite(self, path: Path) -> None:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        try:
            os.write(handle, bytes(KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        path.unlink(missing_ok=True)

    def _path(self, key_id: str) -> Path:
        if not _ID.fullmatch(key_id):
            raise KeyDestroyed(key_id)
        return self._directory / key_id

    def _sync_directory(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _failed(self, error: OSError) -> Exception:
        why = f"the keys in {self._directory} cannot be written: {error.strerror}"
        if error.errno in NO_ROOM:
            return KeystoreError(error.errno, f"{why}; make room there")
        return StoreBroken(f"the disk failed, restart to recover: {why}")


def ids_in(directory: Path) -> list[str]:
    """The ids of the keys in a keystore, or in a copy of one."""
    return [path.name for path in directory.iterdir() if _ID.fullmatch(path.name)]


def read_tombstones(directory: Path) -> set[str]:
    """The ids that a keystore, or a copy of one, says were destroyed."""
    try:
        text = (directory / TOMBSTONES).read_text("ascii", "replace")
    except FileNotFoundError:
        return set()
    # A crash may have cut the last line short: its key was not touched yet.
    return {line for line in text.split("\n") if _ID.fullmatch(line)}


def _write_all(handle: int, data: bytes) -> None:
    """Raises OSError for what was written in part: the disk has no room for the rest."""
    if os.write(handle, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
