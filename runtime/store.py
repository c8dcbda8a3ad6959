"""The store as the event loop sees it: act, read, be told what was committed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.admission import FairQueue
from runtime.errors import Busy, StoreBroken
from runtime.execution import Action
from runtime.opening import Depth
from runtime.pump import Pump, ThreadPump
from runtime.query import Reader, Reads
from runtime.schema import Schema
from runtime.scrub import Scrub
from runtime.writer import Committed, Outcome, Writer, action_of

Listener = Callable[[list[Committed]], None]
HEARTBEAT_S = 0.2
"""How long the writer may take to show that it stands. A busy one shows it with every batch."""


@dataclass(slots=True)
class _Waiting:
    """An action with somebody who waits for it, or a job for the writer's thread."""

    action: Action | None
    job: Callable[[Writer], Any] | None
    answer: asyncio.Future[Any]


class Store:
    """Typed rows changed by reducers only; `act` returns when the action is on disk."""

    def __init__(self, writer: Writer, reader: Reads, clock: Callable[[], int], pump: Pump) -> None:
        self.reader = reader
        """Committed rows."""
        self.path = writer.path
        self.broken: asyncio.Future[StoreBroken] = asyncio.get_running_loop().create_future()
        """Answered when the disk fails: whoever runs the store must stop the process."""
        self._writer = writer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._listeners: list[Listener] = []
        self.scrub: Scrub | None = None
        """What reads the log again in the background, after a takeover."""
        self._pump = pump
        self._stood_us = self._monotonic_us()
        self._probe: asyncio.Future[Any] | None = None
        self._pump.start(self._queue, self._serve)

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        depth: Depth = Depth.ALL,
    ) -> "Store":
        """Open or create the store at `path`. `clock` gives microseconds since 1970, UTC.

        Raises StoreDamaged. What `depth` leaves out is read in the background, and breaks the
        store where it is damaged.
        """
        writer = Writer(path, clock, entropy, depth)
        store = cls(writer, await Reader.open(path), clock, ThreadPump())
        if depth is Depth.TAIL:
            store.scrub = Scrub(path, writer.end, store.give_up)
        return store

    def give_up(self, error: StoreBroken) -> None:
        """What the store stands on has failed: whoever watches `broken` ends. From any thread."""
        self._loop.call_soon_threadsafe(self._break, error)

    async def act(
        self,
        reducer: str | Callable[..., Any],
        /,
        *,
        sender: str,
        scope: str | None = None,
        request: str | None = None,
        closes: str | None = None,
        tenant: str = "",
        proof: dict[str, str] | None = None,
        **args: Any,
    ) -> Any:
        """Run a reducer and wait until it is on disk. Answers the reducer's result.

        The same `request` again answers the stored result and runs nothing. Raises `Refused`
        (the rules, or the queue, say no), and whatever else the reducer raised.
        """
        action = action_of(
            reducer,
            args,
            sender=sender,
            scope=scope,
            request=request,
            closes=closes,
            tenant=tenant,
            proof=proof,
        )
        return (await self.submit(action)).entry.result

    async def submit(self, action: Action) -> Committed:
        """The same for an action that is made already: answers what is on disk of it."""
        answer = self._put(action, None, action.tenant, action.scope or action.sender)
        committed: Committed = await answer
        return committed

    async def checkpoint(self, origin: str, key: Ed25519PrivateKey) -> str:
        """Sign the log as it stands; answers the signed note."""
        note: str = await self.between_batches(lambda writer: writer.checkpoint(origin, key))
        return note

    async def install(self, schemas: list[Schema], actions: list[Action]) -> list[Committed]:
        """Make or extend tables and act, between two batches, whole or not at all."""
        done: list[Committed] = await self.between_batches(
            lambda writer: writer.install(schemas, actions)
        )
        return done

    async def between_batches(self, job: Callable[[Writer], Any]) -> Any:
        """Have the writer's thread do something while no action is under way.

        What it answers as a list of Committed is told to the listeners like any batch.
        """
        return await self._put(None, job, "", "")

    async def heartbeat(self) -> int:
        """When the store was last seen to commit, or to be able to, in microseconds.

        Of the monotonic clock. That is just now, unless the writer hangs, was replaced, or its
        disk failed or is full.
        """
        if self._probe is None or self._probe.done():
            with suppress(Busy):  # Then there are batches enough to tell.
                self._probe = self._put(None, Writer.probe, "", "")
                self._probe.add_done_callback(_looked_at)
        if self._probe is not None:
            await asyncio.wait([self._probe], timeout=HEARTBEAT_S)
        return self._stood_us

    def listen(self, listener: Listener) -> None:
        """Be told of every committed batch, in order, before the senders are answered."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Finish what is queued, then close."""
        if self.scrub is not None:
            await self._loop.run_in_executor(None, self.scrub.close)
        self._queue.close()
        await self._pump.finish()
        self._writer.close()
        await self.reader.close()

    def _put(
        self, action: Action | None, job: Callable[[Writer], Any] | None, tenant: str, scope: str
    ) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put(_Waiting(action, job, answer), tenant, scope)
        self._pump.wake()
        return answer

    # -- the writer's thread --

    def _serve(self, batch: list[_Waiting]) -> None:
        began_us = self._clock()
        acting = [item for item in batch if item.action is not None]
        outcomes: list[Outcome] = []
        try:
            if acting:
                outcomes = self._writer.commit([item.action for item in acting if item.action])
        except StoreBroken as error:
            outcomes = [error] * len(acting)
            self.give_up(error)
        answers = list(zip(acting, outcomes, strict=True))
        jobs = [(item, self._attempt(item.job)) for item in batch if item.job is not None]
        if self._writer.stands:
            self._stood_us = self._monotonic_us()
        self._queue.took(len(batch), self._clock() - began_us)
        self._loop.call_soon_threadsafe(self._answer, answers, jobs)

    def _attempt(self, job: Callable[[Writer], Any]) -> Any:
        try:
            return job(self._writer)
        except StoreBroken as error:
            self.give_up(error)
            return error
        except Exception as error:  # The answer belongs to this job's sender alone.
            return error

    def _monotonic_us(self) -> int:
        return int(self._loop.time() * 1_000_000)

    # -- the event loop's thread --

    def _answer(
        self, answers: list[tuple[_Waiting, Outcome]], jobs: list[tuple[_Waiting, Any]]
    ) -> None:
        fresh = [one for _, one in answers if isinstance(one, Committed) and one.fresh]
        for _, installed in jobs:
            if isinstance(installed, list):
                fresh += cast("list[Committed]", installed)
        if fresh:
            for listener in self._listeners:
                listener(fresh)
        for waiting, outcome in (*answers, *jobs):
            if waiting.answer.done():  # The sender was cancelled; the action stands all the same.
                continue
            if isinstance(outcome, Exception):
                waiting.answer.set_exception(outcome)
            else:
                waiting.answer.set_result(outcome)

    def _break(self, error: StoreBroken) -> None:
        if not self.broken.done():
            self.broken.set_result(error)


def _looked_at(probe: "asyncio.Future[Any]") -> None:
    """What is wrong is told by `broken`, or by whoever acts: the probe's own error is no news."""
    if not probe.cancelled():
        probe.exception()
