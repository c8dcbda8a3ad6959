"""One file between its process and its platter.

What is modelled, of a journaling file system (ext4, data=ordered) over a disk with a cache:

- A sector of 512 bytes is written whole or not at all. Between two syncs of a file each sector
  survives a power cut at any of its moments, whatever becomes of its neighbours: writes are
  lost, reordered and torn.
- Truncations keep their order, and what was written behind a truncation survives only with it,
  as the file system frees blocks before it gives them away again.
- A sync that fails drops the file's dirty sectors: the kernel goes on showing them and takes
  them for written ("fsyncgate").
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Change:
    """New content of whole sectors, from an offset on; or, without one, the size truncated to."""

    offset: int | None
    content: bytes = b""
    size: int = 0

    def sectors(self) -> Iterator["Change"]:
        """The same change, sector by sector."""
        if self.offset is None:
            yield self
            return
        for at in range(0, len(self.content), SECTOR):
            yield Change(self.offset + at, self.content[at : at + SECTOR])


class Inode:
    """What is shown, what is on the platter, and what is on its way."""

    def __init__(self) -> None:
        self.live = bytearray()
        self._durable = bytearray()
        self._pending: list[Change] = []

    def copy(self) -> "Inode":
        """The same content, all of it durable."""
        copy = Inode()
        copy.live, copy._durable = bytearray(self.live), bytearray(self.live)
        return copy

    def write(self, data: bytes, offset: int) -> None:
        end = offset + len(data)
        if len(self.live) < end:
            self.live.extend(bytes(end - len(self.live)))
        self.live[offset:end] = data
        start, stop = offset - offset % SECTOR, end + -end % SECTOR
        self._pending.append(Change(start, bytes(self.live[start:stop])))

    def truncate(self, size: int) -> None:
        del self.live[size:]
        self._pending.append(Change(None, size=size))

    def sync(self) -> None:
        """All that is pending reaches the platter; the size is the one that is shown."""
        self._settle(self._pending)
        self._resize(len(self.live))

    def forget(self) -> int:
        """The sync failed: what was pending never arrives, yet is shown. Answers how much."""
        before = len(self._pending)
        self._pending = [change for change in self._pending if change.offset is None]
        return before - len(self._pending)

    def lose_power(self, rng: Random, survives: float) -> None:
        """Show what is on the platter, where `survives` of the changes on their way arrived."""
        self._settle(list(self._survivors(rng, survives)))
        self.live = bytearray(self._durable)

    def _survivors(self, rng: Random, survives: float) -> Iterator[Change]:
        stuck: set[int] = set()
        for change in itertools.chain.from_iterable(one.sectors() for one in self._pending):
            arrives = change.offset not in stuck and rng.random() < survives
            if arrives:
                yield change
            elif change.offset is None:
                return
            else:
                # A sector that misses one of its writes stays at the moment before it.
                stuck.add(change.offset)

    def _settle(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.offset is None:
                self._resize(min(change.size, len(self._durable)))
            else:
                end = change.offset + len(change.content)
                if end > len(self._durable):
                    self._resize(end)
                self._durable[change.offset : end] = change.content
        self._pending = []

    def _resize(self, size: int) -> None:
        del self._durable[size:]
        self._durable.extend(bytes(size - len(self._durable)))
