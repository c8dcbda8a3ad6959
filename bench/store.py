"""Durable actions per second, beside what the same disk can flush. `python -m bench.store`"""

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from bench._measure import DURABILITY, HEADING, closed_loop, flushes, machine, opened, row

CLIENTS = (1, 16, 64, 256)
SECONDS = 2.0


async def measure(directory: Path, clients: list[int], seconds: float) -> None:
    """Print the table; the ratio is against the disk's own flushes per second."""
    floor = flushes(directory)
    base = 1 / statistics.mean(floor)
    store = await opened(directory / "bench.db")
    print(HEADING)
    print(row("disk: 4 KiB + fdatasync", base, floor, base))
    for count in clients:
        times = await closed_loop(store, count, seconds)
        print(row(f"actions, {count} clients", len(times) / seconds, times, base), flush=True)
    await store.close()


def main() -> None:
    """Where, how durable, how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each line")
    chosen = parser.parse_args()
    print(machine())
    print(DURABILITY)
    with tempfile.TemporaryDirectory(dir=".") as directory:
        asyncio.run(measure(Path(directory), chosen.clients, chosen.seconds))


if __name__ == "__main__":
    main()
