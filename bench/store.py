"""Durable actions per second, beside what the same disk can flush. `python -m bench.store`"""

import asyncio
import os
import platform
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from runtime import Context, reducer, table
from runtime.store import Store

CLIENTS = (1, 16, 64, 256)
SECONDS = 2.0
FLUSHES = 400
BLOCK = bytes(4_096)


@table(name="bench_account")
class Account:
    """A row that every action changes."""

    id: str
    cents: int


@reducer
def paid_in(ctx: Context, account: str, cents: int) -> int:
    """Money came in: read a row, write a row."""
    accounts = ctx.table(Account)
    row = accounts.get(account)
    if row is None:
        return accounts.insert(Account(id=account, cents=cents)).cents
    return accounts.replace(Account(id=account, cents=row.cents + cents)).cents


def flushes(directory: Path) -> list[float]:
    """Seconds of each append of 4 KiB with fdatasync: the floor of one durable action."""
    handle = os.open(directory / "floor", os.O_WRONLY | os.O_CREAT)
    try:
        return [_flush(handle) for _ in range(FLUSHES)]
    finally:
        os.close(handle)


def _flush(handle: int) -> float:
    began = time.perf_counter()
    os.write(handle, BLOCK)
    os.fdatasync(handle)
    return time.perf_counter() - began


async def closed_loop(store: Store, clients: int) -> list[float]:
    """Each client waits for its acknowledgement, then sends the next. Seconds of each."""
    until = time.perf_counter() + SECONDS
    taken: list[float] = []

    async def client(n: int) -> None:
        count = 0
        while (began := time.perf_counter()) < until:
            count += 1
            await store.act(
                paid_in,
                sender="bench",
                scope=f"s{n}",
                request=f"{clients}/{n}/{count}",
                account=f"a{n}",
                cents=1,
            )
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(client(n) for n in range(clients)))
    return taken


def row(name: str, rate: float, times: list[float], floor: float) -> str:
    """One line of the table; the ratio is against the disk's own flushes per second."""
    cuts = statistics.quantiles(times, n=100)
    return (
        f"{name:<28}{rate:>10,.0f}{statistics.median(times) * 1e3:>10.2f}"
        f"{cuts[98] * 1e3:>10.2f}{rate / floor:>9.2f}"
    )


async def measure(directory: Path, say: Callable[[str], None]) -> None:
    """Print the table."""
    floor = flushes(directory)
    base = 1 / statistics.mean(floor)
    store = await Store.open(
        directory / "bench.db", lambda: time.time_ns() // 1_000, secrets.token_bytes
    )
    say(f"{'':<28}{'per s':>10}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>9}")
    say(row("disk: 4 KiB + fdatasync", base, floor, base))
    for clients in CLIENTS:
        times = await closed_loop(store, clients)
        say(row(f"actions, {clients} clients", len(times) / SECONDS, times, base))
    await store.close()


def main() -> None:
    """Where, how durable, how fast."""
    say: Callable[[str], None] = lambda line: print(line, file=sys.stdout)  # noqa: E731
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    say("SQLite WAL, synchronous=FULL; log entry, deltas, Merkle leaf, request id, scope chain: on")
    with tempfile.TemporaryDirectory(dir=".") as directory:
        asyncio.run(measure(Path(directory), say))


if __name__ == "__main__":
    main()
