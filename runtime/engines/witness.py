"""A small file beside the store that says how far the log was acknowledged.

It is never flushed, yet the kernel keeps it when the process is killed: a log that is found
shorter has lost entries. After a power cut it may be older than the log, which harms nothing.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

_MARK = b"acked\x00\x00\x01"
_LEAF_BYTES = 32
_SUM_BYTES = 8


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """At least `size` entries were acknowledged; the last of those has this leaf."""

    size: int
    leaf: bytes

    def to_bytes(self) -> bytes:
        """56 bytes, within one sector."""
        body = _MARK + self.size.to_bytes(8, "big") + self.leaf
        return body + sha256(body).digest()[:_SUM_BYTES]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """None for what a power cut left half written: it was only ever a lower bound."""
        found = cls(int.from_bytes(data[8:16], "big"), data[16 : 16 + _LEAF_BYTES])
        return found if data == found.to_bytes() else None


def path_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-acked")


def read(database: Path) -> Acknowledged | None:
    """What the file beside this database says, if it says anything."""
    try:
        return Acknowledged.from_bytes(path_of(database).read_bytes())
    except FileNotFoundError:
        return None


class Witness:
    """The writer's end. One `pwrite` for each commit."""

    def __init__(self, database: Path) -> None:
        self._file = os.open(path_of(database), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def saw(self, size: int, leaf: bytes) -> None:
        """Note how far the log is acknowledged. Raises nothing: the commit stands anyway."""
        try:
            os.pwrite(self._file, Acknowledged(size, leaf).to_bytes(), 0)
        except OSError:
            return  # No room, perhaps: an older note is a lower bound as well.

    def close(self) -> None:
        os.close(self._file)
