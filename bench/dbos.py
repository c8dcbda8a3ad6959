"""The same durable work done by us and by DBOS, in one run. `python -m bench.dbos`

The work: under an idempotency key, read and update an account's row, and know after a crash that
it was done. With us that is one action with a request id. With DBOS it is their fastest durable
way that is documented: a workflow, its id the idempotency key, with one step, a transaction of a
SQLAlchemy data source, which commits its result with the row.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from bench._measure import DURABILITY, HEADING, closed_loop, machine, opened, row
from bench._postgres import NoPostgres, cluster

CLIENTS = (1, 16, 64)
SECONDS = 4.0
SIDE_S_MAX = 300.0


async def ours(path: Path, clients: list[int], seconds: float) -> dict[int, list[float]]:
    """Seconds of each action, by how many clients there were."""
    store = await opened(path)
    found = {count: await closed_loop(store, count, seconds) for count in clients}
    await store.close()
    return found


def theirs(url: str, clients: list[int], seconds: float) -> Iterator[dict[str, object]]:
    """The lines that the other side prints."""
    command = [sys.executable, "-m", "bench._dbos_side", "--url", url]
    command += ["--seconds", str(seconds), *map(str, clients)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SIDE_S_MAX, check=False)
    if done.returncode:
        print(f"DBOS failed here: {done.stderr.strip()[-400:]}")
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def compare(name: str, url: str, base: dict[int, list[float]], seconds: float) -> None:
    """Their lines; the ratio is theirs against ours with as many clients."""
    for found in theirs(url, list(base), seconds):
        if "settings" in found:
            print(f"{name}: {found['settings']}")
            continue
        count, times = found["clients"], found["times"]
        assert isinstance(count, int) and isinstance(times, list)
        ours_per_s = len(base[count]) / seconds
        theirs_per_s = len(times) / seconds
        print(row(f"  {name}, {count} clients", theirs_per_s, times, ours_per_s), flush=True)
        if theirs_per_s:
            print(f"    ours / theirs: {ours_per_s / theirs_per_s:.1f}", flush=True)


def main() -> None:
    """Where, how durable, how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each line")
    chosen = parser.parse_args()
    clients, seconds = list(chosen.clients), chosen.seconds
    print(f"{machine()}; DBOS {version('dbos')}")
    print(f"parley: {DURABILITY}")
    with tempfile.TemporaryDirectory(dir=".") as name:
        directory = Path(name).resolve()
        base = asyncio.run(ours(directory / "ours.db", clients, seconds))
        print(HEADING)
        for count, times in base.items():
            rate = len(times) / seconds
            print(row(f"  parley, {count} clients", rate, times, rate), flush=True)
        compare("DBOS on SQLite", f"sqlite:///{directory}/", base, seconds)
        try:
            with cluster(directory) as url:
                compare("DBOS on PostgreSQL", url, base, seconds)
        except NoPostgres as why:
            print(why)


if __name__ == "__main__":
    main()
