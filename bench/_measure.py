"""What the measurements of the store share: the action, the clients, the disk's floor, a line."""

import asyncio
import os
import platform
import secrets
import statistics
import time
from pathlib import Path

from runtime import Context, reducer, table
from runtime.store import Store

FLUSHES = 400
BLOCK = bytes(4_096)
DURABILITY = (
    "SQLite WAL, synchronous=FULL; log entry, deltas, Merkle leaf, request id, scope chain: on"
)
HEADING = f"{'':<32}{'per s':>10}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>9}"


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


def clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


async def opened(path: Path) -> Store:
    return await Store.open(path, clock, secrets.token_bytes)


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


async def closed_loop(store: Store, clients: int, seconds: float) -> list[float]:
    """Each client waits for its acknowledgement, then sends the next. Seconds of each."""
    until = time.perf_counter() + seconds
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


def p50_p99(times: list[float]) -> tuple[float, float]:
    """Milliseconds."""
    if len(times) < 2:
        return (times[0] * 1e3,) * 2 if times else (0.0, 0.0)
    return statistics.median(times) * 1e3, statistics.quantiles(times, n=100)[98] * 1e3


def row(name: str, rate: float, times: list[float], base: float) -> str:
    """One line of the table; the ratio is against `base` per second."""
    p50, p99 = p50_p99(times)
    return f"{name:<32}{rate:>10,.0f}{p50:>10.2f}{p99:>10.2f}{rate / base:>9.2f}"
