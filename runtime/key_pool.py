"""Keys prepared ahead of need: a call that comes in waits for no flush of a key to disk.

Nobody knows then which call will come, so what is ready for one is a family: a key of a call with
keys under it. A call takes one at its first row, and later its keys, which are on disk already.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from runtime.keystore import Keystore

READY_FAMILIES = 16
"""So many are ready when nobody takes any; those left at a crash are swept at the next start."""

READY_KEYS = 2
"""Keys of no call: few need them, and nobody who calls waits."""

CHILDREN = 4
"""Of each family: for the call's words, for who calls, and for the voice of each."""

MORE_CHILDREN = 2
"""What is prepared when a family has no key left."""

T = TypeVar("T")


class Family:
    """The key of one call, and the keys under it that nothing is sealed with yet."""

    def __init__(self, keystore: Keystore, call_key: str, ready: Iterable[str] = ()) -> None:
        """With nothing ready, it goes on with a call from before a restart."""
        self.call_key = call_key
        self._keystore = keystore
        self._ready = deque(ready)
        self._preparing = asyncio.Lock()

    @property
    def is_destroyed(self) -> bool:
        """The call was erased: no key under it is of any use."""
        return self._keystore.is_destroyed(self.call_key)

    async def child(self) -> str:
        """A key under the call's, on disk, for one artefact of one party: the row says of which.

        Raises KeyDestroyed, KeystoreError, StoreBroken.
        """
        async with self._preparing:
            if not self._ready:
                prepare = self._keystore.prepare_children
                self._ready += await asyncio.to_thread(prepare, self.call_key, MORE_CHILDREN)
            return self._ready.popleft()

    def left(self) -> list[str]:
        """The keys that nobody took, for whoever lets go of them; there are none any more."""
        left = list(self._ready)
        self._ready.clear()
        return left


class KeyPool:
    """For one event loop. Fill it after the sweep, which knows nothing of it."""

    def __init__(self, keystore: Keystore, size: int = READY_FAMILIES) -> None:
        self._families = Ready(size, lambda count: _families(keystore, count))
        self._keys = Ready(min(size, READY_KEYS), keystore.prepare_several)

    async def take(self) -> str:
        """A prepared key of no call, on disk, for one taker: at once where one is ready.

        Raises KeystoreError, StoreBroken.
        """
        return await self._keys.take()

    async def take_family(self) -> Family:
        """The same, for a call."""
        return await self._families.take()

    def fill(self) -> "asyncio.Task[None]":
        """Begin to prepare what is missing, unless that is under way. Answers the work."""
        self._keys.fill()
        return self._families.fill()


class Ready(Generic[T]):
    """Things prepared beside the event loop, `size` of them at rest."""

    def __init__(self, size: int, prepare: Callable[[int], list[T]]) -> None:
        self._size = size
        self._prepare = prepare
        self._ready: deque[T] = deque()
        self._filling: asyncio.Task[None] | None = None

    async def take(self) -> T:
        while not self._ready:
            await asyncio.shield(self.fill())
        found = self._ready.popleft()
        # Not for each one: its flushes would be in the way of the commit that this key is for.
        if len(self._ready) <= self._size // 2:
            self.fill()
        return found

    def fill(self) -> "asyncio.Task[None]":
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill())
            # Where nobody waits for it, whoever takes the last one learns what is wrong.
            self._filling.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._filling

    async def _fill(self) -> None:
        missing = self._size - len(self._ready)
        self._ready += await asyncio.to_thread(self._prepare, missing)


def _families(keystore: Keystore, count: int) -> list[Family]:
    prepared = keystore.prepare_families(count, CHILDREN)
    return [Family(keystore, call_key, children) for call_key, children in prepared.items()]
