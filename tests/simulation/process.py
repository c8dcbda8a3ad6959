"""How SQLite, unmodified, sees a simulated disk: one VFS for each process that ever lived."""

import itertools
from random import Random

import apsw

from tests.simulation.disk import Disk, failure
from tests.simulation.inode import SECTOR, Inode

EPOCH_MS = 212_541_710_400_000
"""What SQLite's clock shows first: milliseconds since noon, 24 November 4714 BC."""
_UNUSED = {"xDlOpen", "xDlSym", "xDlClose", "xDlError", "xRandomness", "xCurrentTime"}


class Chance(apsw.VFS):
    """The default VFS with seeded chance: SQLite draws from the default one alone."""

    def __init__(self, rng: Random) -> None:
        super().__init__("chance", "", makedefault=True)
        self._rng = rng
        apsw.randomness(0)  # What was drawn before is forgotten.

    def xRandomness(self, numbytes: int) -> bytes:
        return self._rng.randbytes(numbytes)


class Process(apsw.VFS):
    """The calls of a process that has ended go nowhere: nothing it still holds does harm."""

    _numbers = itertools.count()

    def __init__(self, disk: Disk) -> None:
        self.vfs = f"process-{next(self._numbers)}"
        super().__init__(self.vfs, exclude=_UNUSED)
        self.disk = disk
        self.ended = False
        self._clock_ms = EPOCH_MS

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "File":
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if self.ended:
            raise failure("open")
        flags[1] = flags[0]
        create = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        return File(self, path, self.disk.open(path, create))

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if self.ended:
            return
        self.disk.delete(filename)
        if syncdir:
            self.disk.sync_directory()

    def xAccess(self, pathname: str, flags: int) -> bool:
        return not self.ended and self.disk.has(pathname)

    def xFullPathname(self, name: str) -> str:
        return name

    def xSleep(self, microseconds: int) -> int:
        self._clock_ms += microseconds // 1_000
        return microseconds

    def xCurrentTimeInt64(self) -> int:
        self._clock_ms += 1
        return self._clock_ms

    def xGetLastError(self) -> tuple[int, str | None]:
        return 0, None


class File(apsw.VFSFile):
    """An open file. Every lock is granted: one process at a time has the disk."""

    def __init__(self, process: Process, name: str, inode: Inode) -> None:
        # Not the constructor above, which would open a file of the machine.
        self._process = process
        self._disk = process.disk
        self._name = name
        self._inode = inode

    def xRead(self, amount: int, offset: int) -> bytes:
        if not self._enter("read", f" {offset}+{amount}"):
            return b""
        return self._disk.read(self._inode, amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._enter("write", f" {offset}+{len(data)}", data):
            self._disk.write(self._inode, data, offset)

    def xTruncate(self, newsize: int) -> None:
        if self._enter("truncate", f" to {newsize}"):
            self._inode.truncate(newsize)

    def xSync(self, flags: int) -> None:
        if self._enter("sync"):
            self._disk.sync(self._inode)

    def xFileSize(self) -> int:
        return len(self._inode.live) if self._enter("size") else 0

    def xClose(self) -> None: ...

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def _enter(self, call: str, what: str = "", data: bytes = b"") -> bool:
        if self._process.ended:
            return False
        self._disk.enter(call, self._name, what, data)
        return True
