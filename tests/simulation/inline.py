"""What threads do for the store, done in the simulated loop: the writer's, and the readers'."""

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from runtime.admission import FairQueue
from runtime.engines import sqlite
from runtime.tables import schema_of, to_row
from runtime.values import to_column
from tests.simulation.loop import Loop

R = TypeVar("R")

READ_S = 0.005
"""The longest a read takes."""


class InlinePump:
    """Serves batches of drawn sizes after drawn delays (see `runtime/pump.py`)."""

    def __init__(self, loop: Loop, rng: Random, batch_max: int, after_s: float) -> None:
        self.batches = 0
        self._loop = loop
        self._rng = rng
        self._batch_max = batch_max
        self._after_s = after_s
        self._awake = False

    def start(self, queue: FairQueue[Any], serve: Callable[[list[Any]], None]) -> None:
        self._queue, self._serve = queue, serve
        # Whoever puts something into the queue, it is this process that serves it.
        self._context = contextvars.copy_context()

    def wake(self) -> None:
        if not self._awake:
            self._awake = True
            if self._after_s:
                delay_s = self._rng.random() * self._after_s
                self._loop.call_later(delay_s, self._turn, context=self._context)
            else:
                self._loop.call_soon(self._turn, context=self._context)

    async def finish(self) -> None:
        while len(self._queue):
            self._batch()

    def _turn(self) -> None:
        self._awake = False
        self._batch()
        if len(self._queue):
            self.wake()

    def _batch(self) -> None:
        batch = self._queue.take_now(self._rng.randint(1, self._batch_max))
        if batch:
            self.batches += 1
            self._serve(batch)


class InlineReader:
    """Reads on a connection of its own, after a while (see `runtime/query.py`)."""

    def __init__(self, path: Path, rng: Random) -> None:
        self._connection = sqlite.open_reader(path)
        self._rng = rng

    async def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        await asyncio.sleep(self._rng.random() * READ_S)
        found = sqlite.fetch(self._connection, statement, values)
        await asyncio.sleep(self._rng.random() * READ_S)
        return found

    async def rows(self, cls: type[R], **equals: Any) -> list[R]:
        statement = schema_of(cls).select_sql(tuple(equals))
        found = await self.sql(statement, [to_column(value) for value in equals.values()])
        return [to_row(cls, row) for row in found]

    async def close(self) -> None:
        self._connection.close()
