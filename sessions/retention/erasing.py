"""The shell of retention: it looks, asks the reducers, and destroys what they decided.

Destroying is an effect: what was begun and not closed is begun again by the next process. Each
step can be done twice. The order is: the last look is committed; the keys get their tombstones
and go; their ciphertext is overwritten; that it was done is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recordings import segments
from recordings.retention.policies import Policies
from recordings.retention.precedence import Terms, Trigger
from recordings.tables import Chunk
from runtime.errors import Refused, StoreBroken
from runtime.keystore import Keystore
from runtime.outbox import Effect
from runtime.performer import SENDER, Closing
from runtime.sealed import Sealed, seal
from runtime.store import Store
from runtime.values import typed_row
from runtime.writer import Committed
from sessions.retention import subjects
from sessions.retention.hold_reducers import call_held, hold_placed
from sessions.retention.paging import pages
from sessions.retention.reducers import (
    erasure_begun,
    erasure_requested,
    erasure_woken,
    keys_destroyed,
)
from sessions.retention.rules import HoldsChanged
from sessions.retention.shelf import TABLES, Shelf, terms_of
from sessions.retention.shredding import Shredding
from sessions.retention.span_tables import SpanShred
from sessions.retention.tables import Erasure, ErasureState, HoldState, LegalHold
from sessions.tables import Call
from telephony.tables import Dialog

LOOKS_MAX = 8
"""So often holds may change under an action before it is given up."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a call: its terms, every hold there is, and those that bind it."""

    terms: list[Terms]
    seen: list[str]
    binding: list[str]

    def told(self) -> dict[str, Any]:
        return {"terms": self.terms, "seen": self.seen, "binding": self.binding}


class Retention:
    """Of one store, with or without a node around it. `policies` raises NotNow where it cannot."""

    def __init__(
        self,
        store: Store,
        keystore: Keystore,
        recordings: Path,
        policies: Callable[[], Policies],
        *,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.store = store
        self.policies = policies
        self.clock = clock
        self.entropy = entropy
        self._keystore = keystore
        self._recordings = recordings
        self.shredding = Shredding(store, keystore, recordings, entropy)
        self._tasks: set[asyncio.Task[None]] = set()

    # -- asking --

    async def request(
        self, call: str, trigger: Trigger, *, sender: str, by: str = "", reason: str = ""
    ) -> Erasure:
        """Ask for one call to be erased. `by` is whose wish it is, where that is not the sender's.

        Raises Refused where there is nothing to ask for.
        """
        erasure = f"erasure_{self.entropy(8).hex()}"
        sealed = await self._sealed([reason]) if reason else []

        async def ask(look: Look) -> str:
            await self.store.act(
                erasure_requested,
                sender=sender,
                scope=call,
                erasure=erasure,
                call=call,
                trigger=trigger,
                reason=sealed[0] if sealed else None,
                by=by,
                **look.told(),
            )
            return erasure

        try:
            await self._looking(call, ask)
        except BaseException:
            await self._forget(sealed)
            raise
        (row,) = await self.store.reader.rows(Erasure, id=erasure)
        return row

    async def hold(
        self, matter: str, calls: list[str], callers: list[str], sender: str
    ) -> LegalHold:
        """Hold calls, and all calls of callers, now and in future."""
        names = [subjects.named(caller) for caller in callers]
        shelf = await self.shelf()
        bound = sorted({call.id for name in names for call in shelf.of_subject(name)})
        hold = f"hold_{self.entropy(8).hex()}"
        sealed = await self._sealed([matter, *names])
        try:
            await self.store.act(
                hold_placed,
                sender=sender,
                hold=hold,
                matter=sealed[0],
                calls=calls,
                callers=sealed[1:],
                bound=bound,
            )
        except BaseException:
            await self._forget(sealed)
            raise
        (row,) = await self.store.reader.rows(LegalHold, id=hold)
        return row

    async def shred(
        self,
        call: str,
        party: str,
        span: tuple[int, int],
        words: list[str],
        reason: str,
        *,
        sender: str,
        by: str,
        counsel: bool,
    ) -> SpanShred:
        """Ask for a span of a call to be destroyed: `words` are "SEGMENT#4-6"."""
        found: list[SpanShred] = []

        async def ask(look: Look) -> str:
            row = await self.shredding.request(
                call,
                party,
                span,
                words,
                reason,
                sender=sender,
                by=by,
                counsel=counsel,
                **look.told(),
            )
            found.append(row)
            return row.id

        await self._looking(call, ask)
        return found[-1]

    async def shelf(self) -> Shelf:
        """All that is kept, as it is now."""
        rows = {cls: await self.store.reader.rows(cls) for cls in TABLES}
        return Shelf(rows, self.policies(), self._keystore.key)

    async def run(self, sender: str) -> list[Erasure]:
        """Ask for all that has expired; under a standing approval it goes without more asking."""
        now_us = self.clock()
        asked: list[Erasure] = []
        async for shelf, calls in pages(
            self.store.reader, self.policies(), self._keystore.key, now_us
        ):
            for call in shelf.expired(now_us, calls):
                try:
                    asked.append(await self.request(call.id, Trigger.EXPIRY, sender=sender))
                except Refused:
                    continue  # A hold or another erasure came between: tomorrow is another day.
        return asked

    # -- doing: effects --

    async def erase(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Destroy what an approved erasure names, unless a hold was placed meanwhile."""
        erasure = str(args["erasure"])
        (row,) = await self.store.reader.rows(Erasure, id=erasure)

        async def begin(look: Look) -> str:
            state: str = await self.store.act(
                erasure_begun, sender=SENDER, scope=row.call, erasure=erasure, **look.told()
            )
            return state

        if row.state not in (ErasureState.APPROVED, ErasureState.BEGUN):
            return None
        if await self._looking(row.call, begin) != ErasureState.BEGUN:
            return None
        (row,) = await self.store.reader.rows(Erasure, id=erasure)
        await self.destroy(row)
        return Closing(keys_destroyed, {"erasure": erasure})

    async def destroy(self, row: Erasure) -> None:
        """The keys first: the disk may keep copies of ciphertext that we cannot reach."""
        try:
            await asyncio.to_thread(self._keystore.destroy_all, row.keys)
        except StoreBroken as broken:
            self.store.give_up(broken)
            raise
        chunks = await self.store.reader.rows(Chunk, call=row.call)
        ranges = [
            segments.Range(one.path, one.offset, one.bytes)
            for one in chunks
            if one.key_id in row.keys
        ]
        await asyncio.to_thread(segments.erase, self._recordings, ranges)

    async def wake(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """The call is sealed: what was asked for while it was up goes the way of all erasures."""
        erasure = str(args["erasure"])
        (row,) = await self.store.reader.rows(Erasure, id=erasure)

        async def act(look: Look) -> str:
            state: str = await self.store.act(
                erasure_woken, sender=SENDER, scope=row.call, erasure=erasure, **look.told()
            )
            return state

        if row.state is ErasureState.QUEUED:
            await self._looking(row.call, act)
        return None

    async def retain(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """The daily look, under a standing approval."""
        await self.run(SENDER)
        return None

    # -- calls that begin --

    def committed(self, batch: list[Committed]) -> None:
        """A call that begins under a hold is held from its beginning."""
        for committed in batch:
            for name, old, new in committed.entry.deltas:
                if name == "call" and old is None and new is not None:
                    task = asyncio.create_task(self.begun(typed_row(Call, new)))
                    self._tasks.add(task)
                    task.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[None]) -> None:
        # What could not be noted, because the store closes, is found when it matters.
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def idle(self) -> None:
        """Wait until each call that began has been looked at."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def begun(self, call: Call) -> None:
        """Note the holds that bind a call. What is not noted here is found when it matters."""
        look = await self._look(call.id)
        for hold in look.binding:
            await self.store.act(call_held, sender=SENDER, scope=call.id, hold=hold, call=call.id)

    # -- looking --

    async def _looking(self, call: str, act: Callable[[Look], Awaitable[str]]) -> str:
        """Act on what was seen; look again where it has changed. Raises HoldsChanged."""
        for _ in range(LOOKS_MAX - 1):
            try:
                return await act(await self._look(call))
            except HoldsChanged:
                continue
        return await act(await self._look(call))

    async def _look(self, call: str) -> Look:
        reader = self.store.reader
        rows = await reader.rows(Call, id=call)
        if not rows:
            raise Refused(f"there is no call {call}")
        dialogs = await reader.rows(Dialog, id=call)
        key = self._keystore.key
        names = subjects.parties(rows[0], dialogs[0] if dialogs else None, key)
        holds = await reader.rows(LegalHold, state=HoldState.ACTIVE)
        seen, binding = subjects.holds_on(names, holds, key)
        return Look(terms_of(self.policies(), rows[0]), seen, binding)

    async def _sealed(self, texts: list[str]) -> list[Sealed[str]]:
        """All under one new key."""
        key_id = await asyncio.to_thread(self._keystore.prepare)
        key = self._keystore.key(key_id)
        return [seal(text, key_id, key, self.entropy) for text in texts]

    async def _forget(self, sealed: list[Sealed[str]]) -> None:
        for one in sealed[:1]:
            await asyncio.to_thread(self._keystore.destroy, one.key_id)
