"""The keys, outside the log, its WAL and its backups: what is destroyed here is unreadable.

No key lies here in clear. Each is wrapped under its parent (`runtime/wrapped.py`): the keys of a
call under the key of that call, that one under the KEK, as are the keys of no call. So one
tombstone for the call's key makes all of the call unreadable, and one for a key below it only
what that key sealed.

A key is prepared under a random id before the action that gives it its right to be used; a
prepared key that no row names is swept away when the store opens. A destroyed key leaves a
tombstone: should its file come back from a copy, it is not read, and destroyed again.
"""

import errno
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from runtime import key_files, key_making, wrapped
from runtime.errors import StoreBroken
from runtime.kek import Kek, KekError, KeystoreError, Source
from runtime.kek_check import CHECK, check_of, checked, is_clear, known_in
from runtime.kek_sources import source_of
from runtime.key_files import ids_in
from runtime.wrapped import KEY_BYTES, NotWrapped, is_call_key, is_id, parent_of

__all__ = ["KekError", "KeyDestroyed", "Keystore", "KeystoreError"]

TOMBSTONES = "destroyed"
"""The file that lists them: ids, one to a line, only ever added to."""
OPENED_MAX = 4_096
"""So many keys of calls are held open, so that a KEK is asked once for each call."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class KeyDestroyed(KeyError):
    """There is no such key (any more): what it sealed can not be read."""


class Keystore:
    """One file for each key, readable by its owner only.

    Whatever writes raises KeystoreError where there is no room or no KEK, and StoreBroken where
    the disk fails: nobody knows then which keys are on it, and a flush that failed is never tried
    again.
    """

    def __init__(self, directory: Path, kek: Source | None = None) -> None:
        """Destroys again what has a tombstone and is back; wraps what an older release left in
        clear. `kek` is `kek` beside the directory by default. Raises KekError for a wrong one."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._source = kek or source_of("", directory.parent)
        self._opened: dict[str, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()
        self._is_checked = False
        self._destroyed = read_tombstones(directory)
        try:
            with key_files.locked(directory):
                key_files.tidy(directory)
        except OSError as error:
            raise self._failed(error) from error
        self._erase_the_buried()
        there = self.ids()
        if there or (directory / CHECK).exists():
            self._kek()
        self._wrap_the_clear(there)

    @property
    def where(self) -> str:
        """Where the KEK comes from, for the operator."""
        return self._source.where

    # -- making --

    def prepare(self) -> str:
        """A new key of no call, on disk before this returns. Answers its id."""
        (key_id,) = self.prepare_several(1)
        return key_id

    def prepare_several(self, count: int) -> list[str]:
        """The same for many: the directory is flushed once for all."""
        kek = self._kek()
        files = {
            (key_id := key_making.new_id()): key_making.under_kek(kek, key_id, key_making.new_key())
            for _ in range(count)
        }
        self._write(files)
        return list(files)

    def prepare_families(self, count: int, children: int) -> dict[str, list[str]]:
        """Keys of calls, each with so many keys under it. Answers these, by the call's key."""
        kek = self._kek()
        files: dict[str, bytes] = {}
        families: dict[str, list[str]] = {}
        opened: dict[str, bytes] = {}
        for _ in range(count):
            call_key, key = f"{key_making.new_id()}x", key_making.new_key()
            files[call_key], opened[call_key] = key_making.under_kek(kek, call_key, key), key
            below = key_making.below(call_key, key, children)
            files |= below
            families[call_key] = list(below)
        self._write(files)
        for call_key, key in opened.items():
            self._hold(call_key, files[call_key], key)
        return families

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
            found = wrapped.decode(data)[call_key]
            bound_to = wrapped.context(key_id, call_key)
            return wrapped.unwrap(found, self._open(call_key), bound_to)
        except (KeyError, NotWrapped) as error:
            if isinstance(error, KeyDestroyed):
                raise KeyDestroyed(key_id) from error
            raise self._unreadable(key_id, error) from error

    def is_destroyed(self, key_id: str) -> bool:
        """Whether it has a tombstone, or its call's key has."""
        return key_id in self._destroyed or parent_of(key_id) in self._destroyed

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
        self._bury([key_id])
        below = self.ids() if is_call_key(key_id) else []
        self._erase([key_id, *(one for one in below if parent_of(one) == key_id)])

    def destroy_all(self, key_ids: Iterable[str]) -> None:
        """Many at once, whether their keys are here or not: none of them will come back.

        The key of a call goes with the last of the keys under it.
        """
        buried = [key_id for key_id in key_ids if is_id(key_id)]
        self._bury(buried)
        self._erase_the_buried()
        left = self.ids()
        parents = {parent_of(key_id) for key_id in buried} - {parent_of(one) for one in left}
        if childless := [one for one in left if one in parents]:
            self._bury(childless)
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
        self._bury([key_id for key_id in strays if parent_of(key_id) not in gone])
        self._erase(strays)
        return strays

    # -- copies --

    def take(self, key_id: str, data: bytes) -> bool:
        """Put back the file of a key from a copy, also one from before keys were wrapped.

        False where it is here, was destroyed, or is no key that opens here.
        """
        path = self._path(key_id)
        if self.is_destroyed(key_id) or path.exists() or not data.strip(b"\0"):
            return False
        kek = self._kek()
        try:
            call_key = parent_of(key_id)
            if len(data) == KEY_BYTES:
                data = self._wrapped(kek, key_id, data)
            elif call_key is None:
                kek.unwrap(wrapped.decode(data)[kek.id], wrapped.context(key_id, kek.id))
            else:
                bound_to = wrapped.context(key_id, call_key)
                wrapped.unwrap(wrapped.decode(data)[call_key], self._open(call_key), bound_to)
        except (KeyError, NotWrapped):
            return False
        self._write({key_id: data})
        return True

    # -- the KEK --

    def _kek(self) -> Kek:
        """The KEK, to be let go of soon. Made where there never was one. Raises KekError."""
        if self._is_checked:
            return self._source.open()
        try:
            with key_files.locked(self._directory):
                kek = checked(self._directory, self._source)
                if kek is None:
                    self._source.make()
                    kek = self._source.open()
                    key_files.write_all(self._directory, {CHECK: check_of(kek)})
                elif len(known_in(self._directory)) > 1:
                    # New keys are under this one only: it is the one that goes on.
                    key_files.replace_all(self._directory, {CHECK: check_of(kek)})
        except OSError as error:
            raise self._failed(error) from error
        self._is_checked = True
        return kek

    def _open(self, key_id: str) -> bytes:
        """A key under the KEK, which is asked once for each as long as its file stays the same."""
        data = self._read(key_id)
        with self._lock:
            held = self._opened.get(key_id)
        if held is not None and held[0] == data:
            return held[1]
        kek = self._kek()
        try:
            found = kek.unwrap(wrapped.decode(data)[kek.id], wrapped.context(key_id, kek.id))
        except (KeyError, NotWrapped) as error:
            raise self._unreadable(key_id, error) from error
        self._hold(key_id, data, found)
        return found

    def _hold(self, key_id: str, data: bytes, key: bytes) -> None:
        with self._lock:
            self._opened.pop(key_id, None)
            self._opened[key_id] = data, key
            if len(self._opened) > OPENED_MAX:
                del self._opened[next(iter(self._opened))]

    def _wrapped(self, kek: Kek, key_id: str, key: bytes) -> bytes:
        """The file of a key that was in clear. Raises KeyDestroyed where its parent is."""
        if (call_key := parent_of(key_id)) is None:
            return key_making.under_kek(kek, key_id, key)
        return key_making.under(call_key, self._open(call_key), key_id, key)

    def _wrap_the_clear(self, key_ids: list[str]) -> None:
        """What an older release left, in place; a crash leaves each in clear or wrapped."""
        if not any(is_clear(self._path(key_id)) for key_id in key_ids):
            return
        kek = self._kek()
        try:
            with key_files.locked(self._directory):
                files: dict[str, bytes] = {}
                for key_id in key_ids:
                    data = self._path(key_id).read_bytes()
                    if len(data) == KEY_BYTES and data.strip(b"\0"):
                        with suppress(KeyDestroyed):
                            files[key_id] = self._wrapped(kek, key_id, data)
                key_files.replace_all(self._directory, files)
        except OSError as error:
            raise self._failed(error) from error

    # -- files --

    def _read(self, key_id: str) -> bytes:
        if self.is_destroyed(key_id):
            raise KeyDestroyed(key_id)
        try:
            data = self._path(key_id).read_bytes()
        except FileNotFoundError:
            raise KeyDestroyed(key_id) from None
        if not data.strip(b"\0"):  # A crash came between overwriting and removing it.
            raise KeyDestroyed(key_id)
        return data

    def _write(self, files: Mapping[str, bytes]) -> None:
        try:
            key_files.write_all(self._directory, files)
        except OSError as error:
            raise self._failed(error) from error

    def _bury(self, key_ids: Iterable[str]) -> None:
        """Add tombstones, on disk before this returns."""
        new = sorted(set(key_ids) - self._destroyed)
        if not new:
            return
        # A line that a crash cut short must not swallow the next: each begins with a line feed.
        lines = "".join(f"\n{key_id}\n" for key_id in new).encode()
        try:
            key_files.append(self._directory / TOMBSTONES, lines)
        except OSError as error:
            raise self._failed(error) from error
        self._destroyed.update(new)

    def _erase_the_buried(self) -> None:
        self._erase([key_id for key_id in self.ids() if self.is_destroyed(key_id)])

    def _erase(self, key_ids: list[str]) -> None:
        """Overwrite and remove them; the directory is flushed once for all."""
        with self._lock:
            for key_id in key_ids:
                self._opened.pop(key_id, None)
        try:
            for key_id in key_ids:
                key_files.overwrite(self._path(key_id))
            if key_ids:
                key_files.sync(self._directory)
        except OSError as error:
            raise self._failed(error) from error

    def _path(self, key_id: str) -> Path:
        if not is_id(key_id):
            raise KeyDestroyed(key_id)
        return self._directory / key_id

    def _unreadable(self, key_id: str, error: Exception) -> KekError:
        path = self._path(key_id)
        return KekError(f"{path} is not as it was written: {error}; bring it back from a copy")

    def _failed(self, error: OSError) -> Exception:
        if isinstance(error, KeystoreError):
            return error
        why = f"the keys in {self._directory} cannot be written: {error.strerror}"
        if error.errno in NO_ROOM:
            return KeystoreError(error.errno, f"{why}; make room there")
        return StoreBroken(f"the disk failed, restart to recover: {why}")


def read_tombstones(directory: Path) -> set[str]:
    """The ids that a keystore, or a copy of one, says were destroyed."""
    try:
        text = (directory / TOMBSTONES).read_text("ascii", "replace")
    except FileNotFoundError:
        return set()
    # A crash may have cut the last line short: its key was not touched yet.
    return {line for line in text.split("\n") if is_id(line)}
