"""A process: the whole runtime over one file, from its start until it is killed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

import apsw

from runtime.engines import sqlite
from runtime.errors import NotNow, StoreBroken
from runtime.execution import Action
from runtime.modules import registry
from runtime.performer import Performer
from runtime.replay import entries
from runtime.store import Store
from runtime.writer import Committed
from tests.simulation.checks import Violation
from tests.simulation.inline import InlinePump, InlineReader
from tests.simulation.loop import Loop, Process
from tests.simulation.outside import Outside
from tests.simulation.rig import Rig
from tests.simulation.swarm import Swarm
from tests.simulation.trace import Trace
from tests.simulation.witness import CALM, Told, Watched, Witness

PAGES_MAX = 1 << 30
WAL_PAGES = 64
"""A small run shall see checkpoints as well."""


@dataclass
class Machine:
    """What every process on it finds."""

    path: Path
    loop: Loop
    rng: Random
    swarm: Swarm
    rig: Rig
    witness: Witness
    outside: Outside
    trace: Trace
    clock: Callable[[], int]
    entropy: Callable[[int], bytes]


class Node:
    """`store` is there once it is open to clients; `took_over` is called once it is opened."""

    def __init__(self, name: str, machine: Machine, took_over: Callable[[], None]) -> None:
        self.process = Process(name)
        self.ready: asyncio.Future[None] = machine.loop.create_future()
        """Answered once it is open, and what was left open is taken up."""
        self.store: Store | None = None
        self.performer: Performer | None = None
        self.told: Told | None = None
        self._machine = machine
        self._took_over = took_over
        self._watched: Watched | None = None

    def start(self) -> None:
        """Have it run."""
        self._machine.trace.note(f"-- {self.process.name} starts --")
        self._machine.loop.create_task(self._live(), context=self.process.context())

    def begin(self, coroutine: Any) -> "asyncio.Task[Any]":
        """Something that is done by this process."""
        return self._machine.loop.create_task(coroutine, context=self.process.context())

    def kill(self) -> None:
        """No step of it is taken any more. The kernel closes its files."""
        if self.process.killed:
            return
        self._machine.trace.note(f"-- {self.process.name} is killed --")
        self.process.killed = True
        self.store = None
        if self._watched is not None:
            self._watched.writer._connection.close()
        registry.forget()

    def replaced(self) -> None:
        """Another one has opened the store."""
        if self._watched is not None:
            self._watched.replaced = True

    async def act(self, action: Action) -> Committed:
        """As a client, over whatever is in between. Raises ConnectionError where it is not up."""
        if self.store is None or self._watched is None:
            raise ConnectionError("nobody listens")
        if action.tenant == CALM and action.request is not None:
            self._watched.asked[action.request] = self._pump.batches
        return await self.store.submit(action)

    def fill(self, pages: int | None) -> None:
        """The disk has so many free pages; None is as many as one likes."""
        if self._watched is None or self.process.killed:
            return
        connection = self._watched.writer._connection
        with sqlite.unconfined(connection):
            ((used,),) = sqlite.fetch(connection, "PRAGMA page_count")
            most = PAGES_MAX if pages is None else used + pages
            connection.execute(f"PRAGMA max_page_count = {most}")

    async def end(self) -> None:
        """Finish what is queued, and close."""
        assert self.store is not None and self.performer is not None, "it was started"
        await self.performer.close()
        await self.store.close()

    async def _live(self) -> None:
        on, path, clock = self._machine, self._machine.path, self._machine.clock
        try:
            writer = on.rig.writer(path, clock, on.entropy, synchronous="OFF")
        except StoreBroken as error:
            raise Violation("the store opens", str(error)) from error
        writer._connection.wal_autocheckpoint(WAL_PAGES)
        self._took_over()
        told = self.told = Told(on.witness)
        self._look()
        drawn = on.swarm
        self._pump = InlinePump(on.loop, on.rng, drawn.batch_max, drawn.serves_after_s)
        self._watched = Watched(writer, on.witness, self._pump, on.trace)
        reader = InlineReader(path, on.rng)
        store = on.rig.store(cast("Any", self._watched), reader, clock, self._pump)
        store.listen(told)
        self.performer = self._machine.rig.performer(store, self._machine.clock)
        self.performer.on("notify", partial(self._machine.outside.notify, self))
        if self._machine.swarm.early_doors:
            self.store = store
        await self._recover()
        self.store = store
        self.ready.set_result(None)
        await store.broken
        self.kill()

    async def _recover(self) -> None:
        assert self.performer is not None, "it is made first"
        while True:
            try:
                await self.performer.recover()
                return
            except NotNow as later:
                await asyncio.sleep(later.retry_after_ms / 1_000)
            except StoreBroken:
                self.kill()
                await self._machine.loop.create_future()

    def _look(self) -> None:
        """What a new process finds is what was acknowledged."""
        with suppress(apsw.Error):
            found = entries(self._machine.path)
            same = found == self._machine.witness.log
            how = f"{len(found)} entries, not {len(self._machine.witness.log)}"
            self._machine.witness.demand("acknowledged is on disk", same, how)
