"""What a second of audio costs on its way to the disk: in segments, and with a file for each.

Run: python -m bench.sealing [CHUNKS_PER_SECOND] [SECONDS] [FOLDER]
"""

import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import numpy as np

from media.appending import Appender
from media.recorder import Chunk, Track
from media.seal import KEY_BYTES, Sealed, SealJob, seal_into, sealed_bytes
from media.sealer import SEAL_QUEUE_MAX, Sealer
from media.segment import FRAME_BYTES

TICK_S = 0.02
TRACK = Track("caller", "key")
SAMPLES = np.random.default_rng(1).integers(-8_000, 8_000, 8_000).astype(np.int16)


@dataclass
class Measured:
    """Chunks on disk, of which a second; seconds of CPU; how long each waited for the disk."""

    chunks: int
    seconds: float
    cpu_s: float
    flushes: int
    waited_ms: list[float]

    def __str__(self) -> str:
        waits = statistics.quantiles(self.waited_ms, n=100)
        rate, share = self.chunks / self.seconds, 100 * self.cpu_s / self.seconds
        return (
            f"{rate:.0f} chunks/s durable, {share:.1f} % of a core"
            f" ({1e6 * self.cpu_s / self.chunks:.0f} us a chunk),"
            f" {self.flushes / self.seconds:.0f} flushes/s,"
            f" on disk after {waits[49]:.0f} ms (p99 {waits[98]:.0f} ms)"
        )


def job(n: int) -> SealJob:
    return SealJob("leg", Chunk("call", TRACK, 1, n, 8_000 * n, SAMPLES), 0)


def cpu_s() -> float:
    """Of all threads, in the kernel too."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cipher_us(chunks: int = 5_000) -> float:
    """CPU to seal one second at 8 kHz, without the disk."""
    room = memoryview(bytearray(FRAME_BYTES + sealed_bytes(job(0).chunk)))
    began = time.thread_time()
    for n in range(chunks):
        seal_into(job(n).chunk, os.urandom(KEY_BYTES), room)
    return 1e6 * (time.thread_time() - began) / chunks


def in_segments(folder: Path, rate: int, seconds: float) -> Measured:
    """So many chunks a second, offered each 20 ms as the plane does."""
    flushes = 0

    def flush(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        os.fdatasync(descriptor)

    sealer = Sealer(Appender(folder, os.urandom(8).hex(), flush=flush))
    sealer.start()
    offered: list[float] = []
    waited: list[float] = []
    began, used = time.monotonic(), cpu_s()
    with DefaultSelector() as selector:
        selector.register(sealer, EVENT_READ)
        while (now := time.monotonic()) < began + seconds or len(waited) < len(offered):
            due = int(rate * min(now - began, seconds))
            for n in range(len(offered), due):
                if sealer.offer(job(n)):
                    offered.append(time.monotonic())
            if selector.select(TICK_S):
                done = sealer.results()
                assert all(isinstance(one, Sealed) for one in done)
                now = time.monotonic()
                waited += [1_000 * (now - offered[len(waited) + n]) for n in range(len(done))]
            time.sleep(max(0.0, TICK_S - (time.monotonic() - now)))
    measured = Measured(len(waited), time.monotonic() - began, cpu_s() - used, flushes, waited)
    sealer.close()
    return measured


def in_files(folder: Path, seconds: float) -> Measured:
    """A file for each chunk, flushed with its folder, as fast as it goes."""
    waited: list[float] = []
    room = memoryview(bytearray(FRAME_BYTES + sealed_bytes(job(0).chunk)))
    began, used = time.monotonic(), cpu_s()
    handle = os.open(folder, os.O_RDONLY)
    while time.monotonic() < began + seconds and len(waited) < SEAL_QUEUE_MAX:
        before = time.monotonic()
        seal_into(job(len(waited)).chunk, os.urandom(KEY_BYTES), room)
        with (folder / f"{len(waited)}.chunk").open("xb", buffering=0) as file:
            file.write(room[FRAME_BYTES:])
            os.fsync(file.fileno())
        os.fsync(handle)
        waited.append(1_000 * (time.monotonic() - before))
    os.close(handle)
    flushes = 2 * len(waited)
    return Measured(len(waited), time.monotonic() - began, cpu_s() - used, flushes, waited)


def main() -> None:
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    beside = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    print(f"{platform.machine()}, Python {platform.python_version()}, {rate} chunks/s are due")
    print(f"sealing in memory: {cipher_us():.1f} us a chunk")
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        print(f"in segments: {in_segments(Path(folder), rate, seconds)}")
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        print(f"a file each: {in_files(Path(folder), seconds)}")


if __name__ == "__main__":
    main()
