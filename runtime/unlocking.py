"""Opening what lies under the KEK: it is asked once for each key of a call, and let go of."""

import threading
from collections.abc import Iterable
from pathlib import Path

from runtime import key_files, wrapped
from runtime.kek import Kek, Source
from runtime.kek_check import CHECK, check_of, checked, known_in
from runtime.key_errors import KekError, failures
from runtime.wrapped import NotWrapped

OPENED_MAX = 4_096
"""So many keys under the KEK are held open: more than there are calls at once."""


class Unlocking:
    """Of one keystore, for all threads."""

    def __init__(self, directory: Path, source: Source) -> None:
        self._directory = directory
        self._source = source
        self._kek_id = ""
        self._opened: dict[str, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()

    def kek(self) -> Kek:
        """The KEK, to be let go of soon; made where there never was one. Raises KekError."""
        if not self._kek_id:
            return self._first()
        kek = self._source.open()
        if kek.id != self._kek_id:
            raise KekError(f"{self._source.where} changed to {kek.id}: put {self._kek_id} back")
        return kek

    def _first(self) -> Kek:
        with failures(self._directory), key_files.locked(self._directory):
            kek = checked(self._directory, self._source)
            if kek is None:
                self._source.make()
                kek = self._source.open()
                key_files.write_all(self._directory, {CHECK: check_of(kek)})
            elif len(known_in(self._directory)) > 1:
                # New keys are under this one only: it is the one that goes on.
                key_files.replace_all(self._directory, {CHECK: check_of(kek)})
        self._kek_id = kek.id
        return kek

    def open(self, key_id: str, data: bytes) -> bytes:
        """The key in a file. Raises KekError, NotWrapped."""
        with self._lock:
            held = self._opened.get(key_id)
        if held is not None and held[0] == data:
            return held[1]
        kek = self.kek()
        found = wrapped.decode(data).get(kek.id)
        if found is None:
            raise NotWrapped(f"it is not wrapped under {kek.id}")
        key = kek.unwrap(found, wrapped.context(key_id, kek.id))
        self.hold(key_id, data, key)
        return key

    def hold(self, key_id: str, data: bytes, key: bytes) -> None:
        """Keep a key open as long as its file stays the same; the oldest gives way."""
        with self._lock:
            self._opened.pop(key_id, None)
            self._opened[key_id] = data, key
            if len(self._opened) > OPENED_MAX:
                del self._opened[next(iter(self._opened))]

    def forget(self, key_ids: Iterable[str]) -> None:
        with self._lock:
            for key_id in key_ids:
                self._opened.pop(key_id, None)
