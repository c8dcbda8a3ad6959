"""Call set-ups per second, by SIPp: every call durable in rows before it is answered.

Run: python -m bench.setups [--seconds S] [--rates R ...]. Needs sipp (apt-get install sip-tester).
The ratio is against SIPp's own answering machine (-sn uas), which keeps nothing.
"""

import argparse
import asyncio
import csv
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench._measure import DURABILITY, machine, p50_p99
from parley.demonstration.server import HOST, Server, free_port

SCENARIO = Path(__file__).with_name("_setup.xml")
RATES = (10, 25, 50, 100, 200)
SECONDS = 8
SIPP_S_MAX = 120
HEADING = f"{'':<26}{'asked/s':>9}{'done/s':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one run: calls which were set up and hung up, and the seconds from INVITE to 200."""

    seconds: float
    done: int
    failed: int
    set_up: list[float]

    def line(self, name: str, rate: int, floor: "Outcome | None") -> str:
        p50, p99 = p50_p99(self.set_up)
        per_s = self.done / self.seconds
        ratio = "" if floor is None else f"{per_s * floor.seconds / max(1, floor.done):.2f}"
        return f"{name:<26}{rate:>9}{per_s:>9.1f}{self.failed:>8}{p50:>9.1f}{p99:>9.1f}{ratio:>8}"


def called(port: int, rate: int, seconds: int, folder: Path) -> Outcome:
    """Have SIPp place `rate` calls per second."""
    folder.mkdir()
    command = [
        *("sipp", "-sf", str(SCENARIO), "-s", "desk", "-nostdin", "-i", HOST, "-mi", HOST),
        *(
            "-p",
            str(free_port(socket.SOCK_DGRAM)),
            "-mp",
            "31000",
            "-r",
            str(rate),
            "-m",
            str(rate * seconds),
        ),
        *("-l", "100000", "-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-fd", "1"),
        *("-recv_timeout", "10000", "-timeout", str(SIPP_S_MAX), f"{HOST}:{port}"),
    ]
    began = time.monotonic()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    took = time.monotonic() - began
    (times,) = folder.glob("*_rtt.csv")
    with times.open() as written:
        set_up = [float(row["response_time_ms"]) / 1e3 for row in _rows(written)]
    statistics = next(path for path in folder.glob("*.csv") if path != times)
    with statistics.open() as written:
        last = list(_rows(written))[-1]
    return Outcome(took, int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), set_up)


def _rows(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(lines, delimiter=";"):
        yield {name.lower() if name.startswith("Resp") else name: v for name, v in row.items()}


@contextmanager
def answering_machine(folder: Path) -> Iterator[int]:
    """SIPp's own user agent server."""
    port = free_port(socket.SOCK_DGRAM)
    command = ["sipp", "-sn", "uas", "-nostdin", "-i", HOST, "-p", str(port), "-mi", HOST]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def measure(rates: Sequence[int], seconds: int, folder: Path) -> None:
    print(HEADING)
    floors: dict[int, Outcome] = {}
    with answering_machine(folder) as port:
        for rate in rates:
            floors[rate] = called(port, rate, seconds, folder / f"floor-{rate}")
            print(floors[rate].line("SIPp uas, nothing kept", rate, None))
    data = folder / "data"
    data.mkdir()
    with Server(data, 'ring_ms = 0\n[agent]\napp = "bench._quiet:Quiet"') as server:
        asyncio.run(server.ready())
        for rate in rates:
            outcome = called(server.sip_port, rate, seconds, folder / f"ours-{rate}")
            print(outcome.line("Parley", rate, floors[rate]), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.setups", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES)
    options = parser.parse_args(argv)
    if shutil.which("sipp") is None:
        print("bench.setups: sipp is not installed (apt-get install sip-tester): not measured")
        return 0
    print(f"{machine()}; {DURABILITY}; dialog, call, leg and their changes as rows")
    with tempfile.TemporaryDirectory() as folder:
        measure(options.rates, options.seconds, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
