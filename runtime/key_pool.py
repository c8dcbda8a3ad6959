"""Keys prepared ahead of need: a call that comes in waits for no flush of a key to disk."""

import asyncio
from collections import deque

from runtime.keystore import Keystore

READY_KEYS = 16
"""So many are ready when nobody takes any; those left at a crash are swept at the next start."""


class KeyPool:
    """For one event loop. Fill it after the sweep, which knows nothing of it."""

    def __init__(self, keystore: Keystore, size: int = READY_KEYS) -> None:
        self._keystore = keystore
        self._size = size
        self._ready: deque[str] = deque()
        self._filling: asyncio.Task[None] | None = None

    async def take(self) -> str:
        """A prepared key, on disk, for one taker: at once where one is ready.

        Raises KeystoreError, StoreBroken.
        """
        while not self._ready:
            await asyncio.shield(self.fill())
        key_id = self._ready.popleft()
        # Not for each one: its flushes would be in the way of the commit that this key is for.
        if len(self._ready) <= self._size // 2:
            self.fill()
        return key_id

    def fill(self) -> "asyncio.Task[None]":
        """Begin to prepare what is missing, unless that is under way. Answers the work."""
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill())
            # Where nobody waits for it, whoever takes the last one learns what is wrong.
            self._filling.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._filling

    async def _fill(self) -> None:
        missing = self._size - len(self._ready)
        self._ready += await asyncio.to_thread(self._keystore.prepare_several, missing)
