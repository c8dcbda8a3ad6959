"""The keys, outside the log, its WAL and its backups: what is destroyed here is unreadable.

No key lies here in clear. Each is wrapped under its parent (`runtime/wrapped.py`): the keys of a
call under the key of that call, that one under the KEK, as are the keys of no call. So one
tombstone for the call's key makes all of the call unreadable, and one for a key below it only
what that key sealed.

A key is prepared under a random id before the action that gives it its right to be used; a
prepared key that no row names is swept away when the store opens. A destroyed key leaves a
tombstone: should its file come back from a copy, it is not read, and destroyed again.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from runtime import key_files, key_making, wrapped
from runtime.kek import Source
from runtime.kek_check import CHECK, is_clear
from runtime.kek_sources import source_of
from runtime.key_errors import KekError, KeyDestroyed, KeystoreError, failures
from runtime.key_files import ids_in
from runtime.tombstones import TOMBSTONES, Tombstones, read_tombstones
from runtime.unlocking import Unlocking
from runtime.wrapped import KEY_BYTES, NotWrapped, is_call_key, is_id, parent_of

__all__ = [
    "TOMBSTONES",
    "KekError",
    "KeyDestroyed",
    "Keystore",
    "KeystoreError",
    "read_tombstones",
]


class Keystore:
    """One file for each key, readable by its owner only.

    Whatever writes raises KeystoreError where there is no room or no KEK, and StoreBroken where
    the disk fails.
    """

    def __init__(self, directory: Path, kek: Source | None = None) -> None:
        """Destroys again what has a tombstone and is back; wraps what an older release left in
        clear. `kek` is `kek` beside the directory by default. Raises KekError for a wrong one."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._unlocking = Unlocking(directory, kek or source_of("", directory.parent))
        self._destroyed = Tombstones(directory)
        with failures(directory), key_files.locked(directory):
            key_files.tidy(directory)
        self._erase_the_buried()
        there = self.ids()
        if there or (directory / CHECK).exists():
            self._unlocking.kek()
        self._wrap_the_clear(there)

    # -- making --

    def prepare(self) -> str:
        """A new key of no call, on disk before this returns. Answers its id."""
        (key_id,) = self.prepare_several(1)
        return key_id

    def prepare_several(self, count: int) -> list[str]:
        """The same for many: the directory is flushed once for all."""
        files = key_making.loose(self._unlocking.kek(), count)
        self._write(files)
        return list(files)

    def prepare_families(self, count: int, children: int) -> dict[str, list[str]]:
        """Keys of calls, each with so many keys under it. Answers these, by the call's key."""
        kek = self._unlocking.kek()
        made = [key_making.family(kek, children) for _ in range(count)]
        self._write({name: data for one in made for name, data in one.files.items()})
        for one in made:
            self._unlocking.hold(one.call_key, one.files[one.call_key], one.key)
        return {one.call_key: [name for name in one.files if parent_of(name)] for one in made}

    def prepare_children(self, call_key: str, count: int) -> list[str]:
        """More keys under the key of a call. Raises KeyDestroyed."""
        files = key_making.below(call_key, self._open(call_key), count)
        self._write(files)
        return list(files)

    # -- reading --

    def key(self, key_id: str) -> bytes:
        """The 32 bytes. Raises KeyDestroyed where there are none, or may be none; KekError."""
        if (call_key := parent_of(key_id)) is None:
            return self._open(key_id)
        data = self._read(key_id)
        try:
            parent = self._open(call_key)
        except KeyDestroyed as error:
            raise KeyDestroyed(key_id) from error
        try:
            return wrapped.unwrap_child(key_id, call_key, parent, data)
        except NotWrapped as error:
            raise self._unreadable(key_id, error) from error

    def is_destroyed(self, key_id: str) -> bool:
        """Whether it has a tombstone, or its call's key has."""
        return key_id in self._destroyed

    def ids(self) -> list[str]:
        """The keys that are here, in order: the key of a call before those under it."""
        return sorted(ids_in(self._directory))

    # -- destroying --

    def destroy(self, key_id: str) -> None:
        """Bury, overwrite and remove the key; to destroy it twice is to destroy it once.

        With the key of a call all that are under it go. Where there is no room for the tombstone
        the key is left as it was.
        """
        self._path(key_id)
        self._destroyed.add([key_id])
        below = self.ids() if is_call_key(key_id) else []
        self._erase([key_id, *(one for one in below if parent_of(one) == key_id)])

    def destroy_all(self, key_ids: Iterable[str]) -> None:
        """Many at once, whether their keys are here or not: none of them will come back.

        The key of a call goes with the last of the keys under it.
        """
        buried = [key_id for key_id in key_ids if is_id(key_id)]
        self._destroyed.add(buried)
        self._erase_the_buried()
        left = self.ids()
        parents = {parent_of(key_id) for key_id in buried} - {parent_of(one) for one in left}
        childless = [one for one in left if one in parents]
        self._destroyed.add(childless)
        self._erase(childless)

    def discard(self, key_ids: Iterable[str]) -> None:
        """Let go of keys that sealed nothing: coming back they would open nothing."""
        self._erase(list(key_ids))

    def sweep(self, known: Iterable[str]) -> list[str]:
        """Destroy every key that no row names: its granting commit never came.

        The key of a call lives as long as one of those under it is named.
        """
        names = set(known)
        names |= {call_key for name in names if (call_key := parent_of(name)) is not None}
        strays = [key_id for key_id in self.ids() if key_id not in names]
        gone = set(strays)
        self._destroyed.add([key_id for key_id in strays if parent_of(key_id) not in gone])
        self._erase(strays)
        return strays

    # -- copies, and what older releases wrote --

    def take(self, key_id: str, data: bytes) -> bool:
        """Put back the file of a key from a copy, also one from before keys were wrapped.

        False where it is here, was destroyed, or is no key that opens here.
        """
        if key_id in self._destroyed or self._path(key_id).exists() or not data.strip(b"\0"):
            return False
        try:
            if len(data) == KEY_BYTES:
                data = self._wrapped(key_id, data)
            elif (call_key := parent_of(key_id)) is None:
                self._unlocking.open(key_id, data)
            else:
                wrapped.unwrap_child(key_id, call_key, self._open(call_key), data)
        except (KeyDestroyed, NotWrapped):
            return False
        self._write({key_id: data})
        return True

    def _wrap_the_clear(self, key_ids: list[str]) -> None:
        """In place; a crash leaves each in clear or wrapped."""
        if not any(is_clear(self._path(key_id)) for key_id in key_ids):
            return
        files: dict[str, bytes] = {}
        with failures(self._directory), key_files.locked(self._directory):
            for key_id in key_ids:
                # Destroyed meanwhile, or wrapped by another process, it is left alone.
                with suppress(FileNotFoundError, KeyDestroyed):
                    data = self._path(key_id).read_bytes()
                    if len(data) == KEY_BYTES and data.strip(b"\0"):
                        files[key_id] = self._wrapped(key_id, data)
            key_files.replace_all(self._directory, files)

    def _wrapped(self, key_id: str, key: bytes) -> bytes:
        """The file of a key that was in clear. Raises KeyDestroyed where its parent is."""
        if (call_key := parent_of(key_id)) is None:
            return key_making.under_kek(self._unlocking.kek(), key_id, key)
        return key_making.under(call_key, self._open(call_key), key_id, key)

    # -- files --

    def _open(self, key_id: str) -> bytes:
        """A key under the KEK."""
        data = self._read(key_id)
        try:
            return self._unlocking.open(key_id, data)
        except NotWrapped as error:
            raise self._unreadable(key_id, error) from error

    def _read(self, key_id: str) -> bytes:
        if key_id in self._destroyed:
            raise KeyDestroyed(key_id)
        try:
            data = self._path(key_id).read_bytes()
        except FileNotFoundError:
            raise KeyDestroyed(key_id) from None
        if not data.strip(b"\0"):  # A crash came between overwriting and removing it.
            raise KeyDestroyed(key_id)
        return data

    def _write(self, files: Mapping[str, bytes]) -> None:
        with failures(self._directory):
            key_files.write_all(self._directory, files)

    def _erase_the_buried(self) -> None:
        self._erase([key_id for key_id in self.ids() if key_id in self._destroyed])

    def _erase(self, key_ids: list[str]) -> None:
        """Overwrite and remove them; the directory is flushed once for all."""
        self._unlocking.forget(key_ids)
        with failures(self._directory):
            if key_ids:
                key_files.overwrite_all([self._path(key_id) for key_id in key_ids])
                key_files.sync(self._directory)

    def _path(self, key_id: str) -> Path:
        if not is_id(key_id):
            raise KeyDestroyed(key_id)
        return self._directory / key_id

    def _unreadable(self, key_id: str, error: Exception) -> KekError:
        path = self._path(key_id)
        return KekError(f"{path} is not as it was written: {error}; bring it back from a copy")
