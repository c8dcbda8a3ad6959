"""The keys, outside the log, its WAL and its backups: what is destroyed here is unreadable.

A key is prepared under a random id before the action that gives it its right to be used; a
prepared key that no row names is swept away when the store opens.
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

KEY_BYTES = 32
ID_BYTES = 12


class KeyDestroyed(KeyError):
    """There is no such key (any more): what it sealed can not be read."""


class Keystore:
    """One file of 32 random bytes per key, readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory

    def prepare(self) -> str:
        """A new key, on disk before this returns. Answers its id."""
        (key_id,) = self.prepare_several(1)
        return key_id

    def prepare_several(self, count: int) -> list[str]:
        """New keys, on disk before this returns; the directory is flushed once for all."""
        key_ids = [f"key_{secrets.token_hex(ID_BYTES)}" for _ in range(count)]
        for key_id in key_ids:
            handle = os.open(self._path(key_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            _write(handle, secrets.token_bytes(KEY_BYTES))
        self._sync_directory()
        return key_ids

    def key(self, key_id: str) -> bytes:
        """The 32 bytes. Raises KeyDestroyed where there are none."""
        try:
            return self._path(key_id).read_bytes()
        except FileNotFoundError:
            raise KeyDestroyed(key_id) from None

    def destroy(self, key_id: str) -> None:
        """Overwrite and remove the key; to destroy it twice is to destroy it once."""
        self._erase(key_id)
        self._sync_directory()

    def sweep(self, known: Iterable[str]) -> list[str]:
        """Destroy every key that no row names: its granting commit never came."""
        names = dict.fromkeys(known)
        strays = [path.name for path in self._directory.iterdir() if path.name not in names]
        for key_id in sorted(strays):
            self._erase(key_id)
        self._sync_directory()
        return strays

    def _erase(self, key_id: str) -> None:
        try:
            handle = os.open(self._path(key_id), os.O_WRONLY)
        except FileNotFoundError:
            return
        _write(handle, bytes(KEY_BYTES))
        self._path(key_id).unlink(missing_ok=True)

    def _path(self, key_id: str) -> Path:
        if not key_id.startswith("key_") or not key_id[4:].isalnum():
            raise KeyDestroyed(key_id)
        return self._directory / key_id

    def _sync_directory(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(handle: int, content: bytes) -> None:
    """Write, flush and close."""
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
