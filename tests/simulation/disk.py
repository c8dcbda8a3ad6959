"""A disk in memory: it fails, and it loses power. SQLite runs on it through `process.py`.

What is modelled of its files stands in `inode.py`; of its one directory: files are made and
deleted in order, and a power cut keeps the first few of what was not synced. A file's sync makes
what stands in the directory durable too, as SQLite's own VFS syncs the directory of a new file.
"""

import hashlib
from collections import deque
from random import Random

import apsw

from tests.simulation.faults import Mix
from tests.simulation.inode import Inode

STEPS_KEPT = 40
_CODES = {
    "open": apsw.SQLITE_CANTOPEN,
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "size": apsw.SQLITE_IOERR_FSTAT,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "delete": apsw.SQLITE_IOERR_DELETE,
    "no such file": apsw.SQLITE_IOERR_DELETE_NOENT,
    "full": apsw.SQLITE_FULL,
}


def failure(what: str) -> Exception:
    """The error by which SQLite is told."""
    return apsw.exception_for(_CODES[what])


class Disk:
    """`cut_in` counts the calls until the power fails; then every call fails until `power_on`."""

    def __init__(self, rng: Random, mix: Mix) -> None:
        self.mix = mix
        self.cut_in: int | None = None
        self.powered = True
        self.calls = 0
        self.lost = 0
        """How many writes failed syncs have dropped."""
        self.trace = hashlib.blake2b(digest_size=8)
        self.steps: deque[str] = deque(maxlen=STEPS_KEPT)
        self._rng = rng
        self._files: dict[str, Inode] = {}
        self._durable_files: dict[str, Inode] = {}
        self._renamed: list[tuple[str, Inode | None]] = []
        self._full_for = 0

    # -- what happens to it --

    def power_on(self) -> None:
        """What reached the platter is what there is."""
        kept = sum(self._rng.random() < self.mix.survives for _ in self._renamed)
        del self._renamed[kept:]
        self.sync_directory()
        self._files = dict(self._durable_files)
        for inode in self._files.values():
            inode.lose_power(self._rng, self.mix.survives)
        self.powered = True
        self.cut_in = None

    def heal(self) -> None:
        """Nothing fails any more."""
        self.mix, self.cut_in, self._full_for = self.mix.healed(), None, 0

    def glass(self) -> "Disk":
        """A disk to look at this one through: the same files, as shown, and nothing fails."""
        copy = Disk(Random(0), Mix())
        copy._files = {name: inode.copy() for name, inode in self._files.items()}
        return copy

    def note(self, step: str) -> None:
        """A step of the run, for its trace and for whoever reads it."""
        self.trace.update(step.encode())
        self.steps.append(step)

    # -- what a process asks for --

    def enter(self, call: str, name: str, what: str = "", data: bytes = b"") -> None:
        """Count and trace a call; fail it where the power is off or goes off now."""
        if self.cut_in is not None and self.powered:
            self.cut_in -= 1
            self.powered = self.cut_in > 0
        if not self.powered:
            raise failure(call)
        self.calls += 1
        step = f"{self.calls} {call} {name}{what}"
        self.trace.update(step.encode() + data)
        if call != "read":  # There are too many of them for a story.
            self.steps.append(step)
        self._full_for = max(0, self._full_for - 1)

    def open(self, name: str, create: bool) -> Inode:
        self.enter("open", name)
        if name not in self._files:
            if not create:
                raise failure("open")
            self._rename(name, Inode())
        return self._files[name]

    def delete(self, name: str) -> None:
        self.enter("delete", name)
        if name not in self._files:
            raise failure("no such file")
        self._rename(name, None)

    def has(self, name: str) -> bool:
        return name in self._files

    def sync_directory(self) -> None:
        for name, inode in self._renamed:
            _put(self._durable_files, name, inode)
        self._renamed = []

    def read(self, inode: Inode, amount: int, offset: int) -> bytes:
        if self._strikes(self.mix.read_fails, "it fails"):
            raise failure("read")
        return bytes(inode.live[offset : offset + amount])

    def write(self, inode: Inode, data: bytes, offset: int) -> None:
        """Where it fails, some of the data is written."""
        grows = offset + len(data) > len(inode.live)
        why = "full" if grows and self._is_full() else ""
        if self._strikes(self.mix.write_fails, "it fails half-way"):
            why = "write"
        inode.write(data[: self._rng.randrange(len(data))] if why else data, offset)
        if why:
            raise failure(why)

    def sync(self, inode: Inode) -> None:
        if self._strikes(self.mix.sync_lies, "it lies"):
            return
        if self._strikes(self.mix.sync_fails, "it fails"):
            self.lost += inode.forget()
            raise failure("sync")
        inode.sync()
        self.sync_directory()

    def _strikes(self, rate: float, what: str) -> bool:
        if not rate or self._rng.random() >= rate:
            return False
        self.note(f"   {what}")
        return True

    def _is_full(self) -> bool:
        if not self._full_for and self._strikes(self.mix.fills, "there is no room"):
            self._full_for = self.mix.full_calls
        return self._full_for > 0

    def _rename(self, name: str, inode: Inode | None) -> None:
        _put(self._files, name, inode)
        self._renamed.append((name, inode))


def _put(files: dict[str, Inode], name: str, inode: Inode | None) -> None:
    if inode is None:
        files.pop(name, None)
    else:
        files[name] = inode
