"""The store as the event loop sees it: act, read, be told what was committed."""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.errors import Busy, StoreBroken
from runtime.execution import Action
from runtime.query import Reader
from runtime.writer import Committed, Outcome, Writer, action_of

QUEUE_MAX = 4_096
BATCH_MAX = 512
BUSY_RETRY_MS = 50

Listener = Callable[[list[Committed]], None]


@dataclass(slots=True)
class _Waiting:
    """An action with somebody who waits for it, or a job for the writer's thread."""

    action: Action | None
    job: Callable[[], Any] | None
    answer: asyncio.Future[Any]


class Store:
    """Typed rows changed by reducers only; `act` returns when the action is on disk."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self.reader = reader
        """Committed rows."""
        self.broken: asyncio.Future[StoreBroken] = asyncio.get_running_loop().create_future()
        """Answered when the disk fails: whoever runs the store must stop the process."""
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._listeners: list[Listener] = []
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @classmethod
    async def open(
        cls, path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
    ) -> "Store":
        """Open or create the store at `path`. `clock` gives microseconds since 1970, UTC."""
        writer = Writer(path, clock, entropy)
        return cls(writer, await Reader.open(path))

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
        if self._waiting >= QUEUE_MAX:
            raise Busy("too many actions are waiting", BUSY_RETRY_MS)
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
        return await self._put(action, None)

    async def checkpoint(self, origin: str, key: Ed25519PrivateKey) -> str:
        """Sign the log as it stands; answers the signed note."""
        note: str = await self._put(None, lambda: self._writer.checkpoint(origin, key))
        return note

    def listen(self, listener: Listener) -> None:
        """Be told of every committed batch, in order, before the senders are answered."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Finish what is queued, then close."""
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        await self.reader.close()

    async def _put(self, action: Action | None, job: Callable[[], Any] | None) -> Any:
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Waiting(action, job, answer))
        return await answer

    # -- the writer's thread --

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < BATCH_MAX and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    last = True
                    break
                batch.append(item)
            self._serve(batch)
            if last:
                break
        self._writer.close()

    def _serve(self, batch: list[_Waiting]) -> None:
        acting = [item for item in batch if item.action is not None]
        try:
            outcomes = self._writer.commit([item.action for item in acting if item.action])
        except StoreBroken as error:
            outcomes = [error] * len(acting)
            self._loop.call_soon_threadsafe(self._break, error)
        answers = list(zip(acting, outcomes, strict=True))
        jobs = [(item, _attempt(item.job)) for item in batch if item.job is not None]
        self._loop.call_soon_threadsafe(self._answer, answers, jobs)

    # -- the event loop's thread --

    def _answer(
        self, answers: list[tuple[_Waiting, Outcome]], jobs: list[tuple[_Waiting, Any]]
    ) -> None:
        fresh = [one for _, one in answers if isinstance(one, Committed) and one.fresh]
        for listener in self._listeners:
            listener(fresh)
        for waiting, outcome in answers:
            self._settle(
                waiting, outcome.entry.result if isinstance(outcome, Committed) else outcome
            )
        for waiting, result in jobs:
            self._settle(waiting, result)

    def _settle(self, waiting: _Waiting, result: Any) -> None:
        self._waiting -= 1
        if waiting.answer.done():  # The sender was cancelled; the action stands all the same.
            return
        if isinstance(result, Exception):
            waiting.answer.set_exception(result)
        else:
            waiting.answer.set_result(result)

    def _break(self, error: StoreBroken) -> None:
        if not self.broken.done():
            self.broken.set_result(error)


def _attempt(job: Callable[[], Any]) -> Any:
    try:
        return job()
    except Exception as error:  # The answer belongs to this job's sender alone.
        return error
