"""A process to be killed: clients count, each with the number of its successes as its key.

`python -m tests.simulation.victim FOLDER UNTIL COUNT...`: client n has been acknowledged COUNT
times so far. Each acknowledgement is a line "n count" on standard output. A client stops at
UNTIL; when all have, and every effect is done, the process ends with 0. It ends with `REPLACED`
where another process has taken over the store.
"""

import asyncio
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Any

from runtime.errors import StoreBroken
from runtime.outbox import Effect
from runtime.performer import Performer
from runtime.store import Store
from tests.runtime.bank import opened, paid

STORE = "parley.db"
WORLD = "world"
MINT = "mint"
REPLACED = 3


class World:
    """What is outside: it notes each thing done, and under one key does it once."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._read = 0
        self._done: set[str] = set()

    async def perform(self, effect: Effect, args: dict[str, Any]) -> None:
        # A process that was replaced may not know it yet, and knock as well.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        news = os.pread(self._file, os.fstat(self._file).st_size - self._read, self._read)
        self._read += len(news)
        self._done.update(news.decode().split())
        if effect.id not in self._done:
            os.write(self._file, f"{effect.id}\n".encode())
        fcntl.flock(self._file, fcntl.LOCK_UN)


async def count(store: Store, client: str, done: int, until: int) -> None:
    """Take one cent after the other. After a crash the same key asks for the same cent."""
    await store.act(opened, sender=client, request=f"{client}/opened", account=client, cents=0)
    while done < until:
        request = f"{client}/{done}"
        await store.act(paid, sender=client, request=request, source=MINT, target=client, cents=1)
        done += 1
        os.write(sys.stdout.fileno(), f"{client} {done}\n".encode())


async def live(folder: Path, until: int, counts: list[int]) -> None:
    """Until all clients have what they want. Raises StoreBroken where the store is lost."""
    store = await Store.open(folder / STORE, clock, os.urandom)
    performer = Performer(store, clock)
    performer.on("notify", World(folder / WORLD).perform)
    await performer.recover()
    all_cents = until * len(counts)
    await store.act(opened, sender=MINT, request=f"{MINT}/opened", account=MINT, cents=all_cents)
    async with asyncio.TaskGroup() as clients:
        for n, done in enumerate(counts):
            clients.create_task(count(store, str(n), done, until))
    await performer.idle()
    await performer.close()
    await store.close()


def clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def main() -> int:
    folder, until, *counts = sys.argv[1:]
    try:
        asyncio.run(live(Path(folder), int(until), [int(done) for done in counts]))
    except* StoreBroken:
        os._exit(REPLACED)  # As a store that is lost leaves nothing to say good-bye to.
    return 0


if __name__ == "__main__":
    sys.exit(main())
