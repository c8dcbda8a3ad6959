"""Performs effects after their commit, and again after a crash, one lane at a time."""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from runtime import canonical
from runtime.effects import effect_done, effect_failed, effect_overtaken, effects_found_open
from runtime.errors import NotNow, Refused
from runtime.outbox import FIRE, Effect, EffectState
from runtime.store import Store
from runtime.values import typed_row
from runtime.writer import Committed

SENDER = "node"
TIMER = "timer"
LANES_MAX = 10_000
"""Lanes at work at once; further ones wait for one to end."""

REAP_S = 30.0
"""How often the rows are looked through for an effect that is due and in nobody's hands."""

FOUND_OPEN_MAX = 500
"""Effects named in one entry after a crash."""


@dataclass(frozen=True)
class Closing:
    """The action that closes an effect: it and the closing commit together."""

    reducer: str | Callable[..., Any]
    args: dict[str, Any] = field(default_factory=dict[str, Any])


Perform = Callable[[Effect, dict[str, Any]], Awaitable[Closing | None]]
"""Do it, under the idempotency key `effect.id`; answer what to commit. Raise to try again."""


class Performer:
    """One task per lane with due effects; each is performed until a reducer closed it."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._kinds: dict[str, Perform] = {FIRE: _fire}
        self._open: dict[str, Effect] = {}
        """Every open effect in our hands: waiting for its time, in a lane, or being performed."""
        self._later: list[tuple[int, str]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._lanes: dict[str, deque[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._crowded: deque[str] = deque()
        self._reaper: asyncio.Task[None] | None = None
        store.listen(self._committed)

    def on(self, kind: str, perform: Perform) -> None:
        """Say who performs a kind of effect."""
        self._kinds[kind] = perform

    async def recover(self) -> int:
        """Take up every effect that a dead process left open, and look for strays from now on.

        Answers how many there were.
        """
        found = await self._store.reader.rows(Effect, state=EffectState.OPEN)
        # What is committed about them lines them up, too: in the order in which they were made.
        rows = sorted(found, key=lambda row: (row.created_us, row.id))
        now = self._clock()
        due = [row.id for row in rows if row.due_us <= now]
        given_up: set[str] = set()
        for at in range(0, len(due), FOUND_OPEN_MAX):
            some = due[at : at + FOUND_OPEN_MAX]
            given_up |= {*some} - {*await self._found_open(some)}
        for row in rows:
            if row.id not in given_up:
                self._take_up(row)
        self._reaper = asyncio.create_task(self._reap())
        return len(rows)

    async def _found_open(self, effects: list[str]) -> list[str]:
        """Count a start of each. A full disk is waited for: what is stored can be read."""
        while True:
            try:
                still: list[str] = await self._store.act(
                    effects_found_open, sender=SENDER, effects=effects
                )
                return still
            except NotNow as later:
                await asyncio.sleep(later.retry_after_ms / 1_000)

    async def idle(self) -> None:
        """Wait until nothing is due."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def close(self) -> None:
        """Stop; what is open stays open and is performed by the next process."""
        if self._alarm is not None:
            self._alarm.cancel()
        tasks = [*self._tasks.values(), *([self._reaper] if self._reaper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- what is open, and when it is due --

    def _committed(self, batch: list[Committed]) -> None:
        for committed in batch:
            for table, _, new in committed.entry.deltas:
                if table == "effect" and new is not None:
                    self._changed(typed_row(Effect, new))

    def _changed(self, effect: Effect) -> None:
        if effect.state is not EffectState.OPEN:
            self._open.pop(effect.id, None)
        elif effect.id in self._open:
            self._open[effect.id] = effect
        else:
            self._take_up(effect)

    def _take_up(self, effect: Effect) -> None:
        if effect.id in self._open:
            return
        self._open[effect.id] = effect
        # A timer is alone in its lane; any other effect keeps its place there and waits in it.
        if effect.kind == FIRE and effect.due_us > self._clock():
            heapq.heappush(self._later, (effect.due_us, effect.id))
            self._set_alarm()
        else:
            self._line_up(effect)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._later:
            # The wall clock may be set meanwhile: look again now and then.
            wait_s = min(max(0, self._later[0][0] - self._clock()) / 1e6, REAP_S)
            self._alarm = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            _, effect = heapq.heappop(self._later)
            if effect in self._open:  # Else it was cancelled.
                self._line_up(self._open[effect])
        self._alarm = None
        self._set_alarm()

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_S)
            for row in await self._store.reader.rows(Effect, state=EffectState.OPEN):
                self._take_up(row)

    # -- lanes --

    def _line_up(self, effect: Effect) -> None:
        self._lanes.setdefault(effect.lane, deque()).append(effect.id)
        if effect.lane in self._tasks or effect.lane in self._crowded:
            return
        if len(self._tasks) >= LANES_MAX:
            self._crowded.append(effect.lane)
        else:
            self._tasks[effect.lane] = asyncio.create_task(self._work(effect.lane))

    async def _work(self, name: str) -> None:
        lane = self._lanes[name]
        while lane:
            await self._until_closed(lane[0])
            self._open.pop(lane.popleft(), None)
        del self._lanes[name], self._tasks[name]
        if self._crowded:
            other = self._crowded.popleft()
            self._tasks[other] = asyncio.create_task(self._work(other))

    async def _until_closed(self, effect_id: str) -> None:
        while (effect := self._open.get(effect_id)) is not None:
            wait_us = effect.due_us - self._clock()
            # What is due at once is not held up where the clock was set back since.
            if wait_us > 0 and effect.due_us > effect.created_us:
                await asyncio.sleep(wait_us / 1e6)
                continue
            try:
                await self._once(effect)
                return
            except NotNow as later:  # The queue or the disk is full, or the scope is paused.
                await asyncio.sleep(later.retry_after_ms / 1_000)
            except Exception as error:  # Committed as the reason; tried again by the row.
                await self._failed(effect, error)

    async def _once(self, effect: Effect) -> None:
        perform = self._kinds.get(effect.kind)
        if perform is None:
            raise LookupError(f"nobody performs effects of kind {effect.kind}")
        closing = await perform(effect, canonical.decode(effect.args.encode()))
        closing = closing or Closing(effect_done)
        try:
            await self._store.act(
                closing.reducer,
                sender=TIMER if effect.kind == FIRE else SENDER,
                scope=effect.scope,
                request=f"{effect.id}/closed",
                closes=effect.id,
                **closing.args,
            )
        except NotNow:
            raise
        except Refused as why:
            # The rules took the world elsewhere meanwhile (the caller hung up): it is done.
            await self._note(effect_overtaken, effect, str(why))

    async def _failed(self, effect: Effect, error: Exception) -> None:
        """Commit why. A full queue or disk is waited for."""
        while effect.id in self._open:
            try:
                await self._note(effect_failed, effect, f"{type(error).__name__}: {error}")
                return
            except NotNow as later:
                await asyncio.sleep(later.retry_after_ms / 1_000)

    async def _note(self, reducer: Callable[..., Any], effect: Effect, reason: str) -> None:
        await self._store.act(
            reducer, sender=SENDER, scope=effect.scope, effect=effect.id, reason=reason
        )


async def _fire(effect: Effect, args: dict[str, Any]) -> Closing:
    """A timer is due: what is to be done is the action itself."""
    return Closing(args["reducer"], args["args"])
