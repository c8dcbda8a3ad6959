"""Signs the log as it grows, and has the newest checkpoint stamped with the time.

What it signs with is a job on the writer's thread, between two batches. Nothing here is in
anybody's way: what fails is noted and tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.store import Store
from runtime.timestamps import Stamp
from runtime.writer import Committed, Writer

SIGN_ENTRIES = 1_000
SIGN_S = 1.0
"""A checkpoint after so many entries, or so long after the first that has none."""
POLL_S = 10.0
"""How often is looked whether there is something new to stamp, once a stamp is due."""
BACK_OFF_S = 2.0
BACK_OFF_S_MAX = 900.0

Stamper = Callable[[str], Awaitable[tuple[Stamp, bytes]]]
"""Has a note stamped: what the stamp says, and its token."""


class Notary:
    """One for a store. Close it before the store."""

    def __init__(
        self,
        store: Store,
        origin: str,
        key: Ed25519PrivateKey,
        note: Callable[..., None],
        *,
        every_entries: int = SIGN_ENTRIES,
        every_s: float = SIGN_S,
    ) -> None:
        self._store = store
        self._origin = origin
        self._key = key
        self._note = note
        self._every_entries = every_entries
        self._every_s = every_s
        self._unsigned = 0
        self._new = asyncio.Event()
        self._many = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Sign what a dead process left unsigned, and from now on what is committed."""
        self._store.listen(self._committed)
        ((size,),) = await self._store.reader.sql("SELECT coalesce(max(seq), 0) FROM log")
        ((signed,),) = await self._store.reader.sql("SELECT coalesce(max(size), 0) FROM checkpoint")
        if size > signed:
            self._new.set()
        self._tasks.append(asyncio.create_task(self._sign_for_ever()))

    def stamp_with(self, stamper: Stamper, clock: Callable[[], int], every_s: float) -> None:
        """Have the newest checkpoint stamped each `every_s`. `clock` gives microseconds, UTC."""
        self._tasks.append(asyncio.create_task(self._stamp_for_ever(stamper, clock, every_s)))

    async def stamp_newest(self, stamper: Stamper) -> bool:
        """Have the newest checkpoint stamped. False where it is already, or there is none."""
        rows = await self._store.reader.sql(
            "SELECT size, note FROM checkpoint WHERE size > (SELECT coalesce(max(size), 0)"
            " FROM stamp) ORDER BY size DESC LIMIT 1"
        )
        for size, note in rows:
            stamp, token = await stamper(note)
            at_us = int(stamp.at.timestamp() * 1e6)
            await self._store.between_batches(partial(_keep, size, at_us, token))
        return bool(rows)

    async def close(self) -> None:
        """Stop, and sign what has no checkpoint yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._new.is_set():
            await self._sign()

    def _committed(self, batch: list[Committed]) -> None:
        if not batch:
            return
        self._unsigned += len(batch)
        self._new.set()
        if self._unsigned >= self._every_entries:
            self._many.set()

    async def _sign_for_ever(self) -> None:
        while True:
            await self._new.wait()
            await _at_most(self._every_s, self._many)
            if not await self._sign():
                await asyncio.sleep(self._every_s)

    async def _sign(self) -> bool:
        self._unsigned = 0
        self._new.clear()
        self._many.clear()
        try:
            await self._store.checkpoint(self._origin, self._key)
        except Exception as error:  # The log itself is whole: it is signed later.
            self._new.set()
            self._note("the log was not signed", why=_named(error))
            return False
        return True

    async def _stamp_for_ever(
        self, stamper: Stamper, clock: Callable[[], int], every_s: float
    ) -> None:
        failures = 0
        while True:
            try:
                last_us = await self._last_stamp_us()
                await asyncio.sleep(due_in_s(last_us, clock(), every_s))
                await self.stamp_newest(stamper)
                failures, pause_s = 0, POLL_S
            except Exception as error:  # Whatever the authority did, calls go on without it.
                failures, pause_s = failures + 1, back_off_s(failures)
                self._note("the log was not time-stamped", why=_named(error), again_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _last_stamp_us(self) -> int | None:
        rows = await self._store.reader.sql("SELECT max(at_us) FROM stamp")
        return cast("int | None", rows[0][0])


def due_in_s(last_us: int | None, now_us: int, every_s: float) -> float:
    """How long until the next stamp; an authority whose clock is ahead does not put it off."""
    if last_us is None:
        return 0.0
    return min(max(0.0, (last_us - now_us) / 1e6 + every_s), every_s)


def back_off_s(failures: int) -> float:
    """How long to wait after so many failures before this one."""
    return min(BACK_OFF_S * 2.0 ** min(failures, 32), BACK_OFF_S_MAX)


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the event.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _keep(size: int, at_us: int, token: bytes, writer: Writer) -> None:
    writer.keep_stamp(size, at_us, token)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
