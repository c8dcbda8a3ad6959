"""Performs effects after their commit, and again after a crash, one lane at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from runtime import canonical
from runtime.effects import effect_done, effect_failed
from runtime.errors import NotNow, Refused
from runtime.outbox import Effect, EffectState
from runtime.store import Store
from runtime.values import typed_row
from runtime.writer import Committed

SENDER = "node"
LANES_MAX = 10_000


@dataclass(frozen=True)
class Closing:
    """The action that closes an effect: it and the closing commit together."""

    reducer: Callable[..., Any]
    args: dict[str, Any] = field(default_factory=dict[str, Any])


Perform = Callable[[Effect, dict[str, Any]], Awaitable[Closing | None]]
"""Do it, under the idempotency key `effect.id`; answer what to commit. Raise to try again."""


class Performer:
    """One task per lane with open effects; each is performed until a reducer closed it."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._kinds: dict[str, Perform] = {}
        self._lanes: dict[str, deque[Effect]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        store.listen(self._committed)

    def on(self, kind: str, perform: Perform) -> None:
        """Say who performs a kind of effect."""
        self._kinds[kind] = perform

    async def recover(self) -> int:
        """Take up every effect that a dead process left open. Answers how many."""
        rows = await self._store.reader.rows(Effect, state=EffectState.OPEN)
        for effect in sorted(rows, key=lambda row: (row.created_us, row.id)):
            self._enqueue(effect)
        return len(rows)

    async def idle(self) -> None:
        """Wait until nothing is open."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def close(self) -> None:
        """Stop; what is open stays open and is performed by the next process."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _committed(self, batch: list[Committed]) -> None:
        for committed in batch:
            for table, old, new in committed.entry.deltas:
                if table == "effect" and old is None:
                    self._enqueue(typed_row(Effect, new))

    def _enqueue(self, effect: Effect) -> None:
        lane = self._lanes.setdefault(effect.lane, deque())
        if any(waiting.id == effect.id for waiting in lane):
            return
        lane.append(effect)
        if effect.lane not in self._tasks:
            assert len(self._tasks) < LANES_MAX, "more lanes than any number of calls opens"
            self._tasks[effect.lane] = asyncio.create_task(self._work(effect.lane))

    async def _work(self, name: str) -> None:
        lane = self._lanes[name]
        while lane:
            await self._until_closed(lane[0])
            lane.popleft()
        del self._lanes[name], self._tasks[name]

    async def _until_closed(self, effect: Effect) -> None:
        while effect.state is EffectState.OPEN:
            try:
                await self._once(effect)
                return
            except Exception as error:  # Committed as the reason; tried again by the row.
                effect = await self._failed(effect, error)
            await asyncio.sleep(max(0, effect.due_us - self._clock()) / 1e6)

    async def _once(self, effect: Effect) -> None:
        args = canonical.decode(effect.args.encode())
        closing = await self._kinds[effect.kind](effect, args) or Closing(effect_done)
        try:
            await self._store.act(
                closing.reducer,
                sender=SENDER,
                scope=effect.scope,
                request=f"{effect.id}/closed",
                closes=effect.id,
                **closing.args,
            )
        except NotNow:
            raise
        except Refused:
            # The rules took the world elsewhere meanwhile (the caller hung up): it is done.
            await self._store.act(
                effect_done,
                sender=SENDER,
                scope=effect.scope,
                request=f"{effect.id}/closed",
                closes=effect.id,
            )

    async def _failed(self, effect: Effect, error: Exception) -> Effect:
        """Commit why; answers the row as it is now. A full queue or disk is waited for."""
        try:
            await self._store.act(
                effect_failed,
                sender=SENDER,
                scope=effect.scope,
                effect=effect.id,
                reason=f"{type(error).__name__}: {error}",
            )
        except NotNow as later:
            await asyncio.sleep(later.retry_after_ms / 1_000)
        (row,) = await self._store.reader.rows(Effect, id=effect.id)
        return row
