"""What drives the writer: a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Protocol

from runtime.admission import FairQueue

BATCH_MAX = 512


class Pump(Protocol):
    """Takes what is queued, batch by batch, and has it served."""

    def start(self, queue: FairQueue[Any], serve: Callable[[list[Any]], None]) -> None:
        """Begin to serve what is put into the queue."""
        ...

    def wake(self) -> None:
        """Something was put into the queue."""
        ...

    async def finish(self) -> None:
        """The queue is closed: serve what is left."""
        ...


class ThreadPump:
    """A thread that waits for the queue; commits wait for the disk there, not in the loop."""

    def start(self, queue: FairQueue[Any], serve: Callable[[list[Any]], None]) -> None:
        """Begin to serve what is put into the queue."""
        self._thread = threading.Thread(
            target=_run, args=(queue, serve), name="writer", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """The thread waits on the queue itself."""

    async def finish(self) -> None:
        """Wait for the thread, which ends when the closed queue is empty."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)


def _run(queue: FairQueue[Any], serve: Callable[[list[Any]], None]) -> None:
    while batch := queue.take(BATCH_MAX):
        serve(batch)
