"""Claims about the way from a chunk to the disk: in order, in batches, durable or refused."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media import segment
from media.appending import ALIVE, Appender
from media.recorder import Chunk
from media.seal import (
    GateMark,
    Sealed,
    SealFailed,
    SealJob,
    associated_data,
    frame_of,
    nonce,
    seal_into,
    sealed_bytes,
)
from media.sealer import Sealer
from media.segment import FRAME_BYTES, HEADER_BYTES
from media.units import pcm
from tests.disks import small_disk
from tests.media.line import AGENT_KEY, CALLER_KEY, noise

ROOT = Path(__file__).parents[2]
BOOT, OTHER_BOOT = "0123456789abcdef", "fedcba9876543210"
WAIT_S = 10.0
OWN = bytes(range(32))
"""The key of one chunk."""
SIZE = FRAME_BYTES + 16_016
"""What a second at 8 kHz takes."""


def job(n: int = 0, epoch: int = 3) -> SealJob:
    return SealJob("leg", Chunk("call", CALLER_KEY, epoch, n, 8_000 * n, noise(1_000, seed=n)), 5)


def results(sealer: Sealer, count: int) -> list[Sealed | SealFailed | GateMark]:
    found: list[Sealed | SealFailed | GateMark] = []
    with DefaultSelector() as selector:
        selector.register(sealer, EVENT_READ)
        while len(found) < count:
            assert selector.select(WAIT_S), "the sealer has nothing to say"
            found += sealer.results()
    return found


@contextmanager
def sealing(appender: Appender, queue_max: int = 100) -> Generator[Sealer]:
    sealer = Sealer(appender, queue_max, batch_s=0.0)
    sealer.start()
    try:
        yield sealer
    finally:
        sealer.close()


def one_by_one(sealer: Sealer, *jobs: SealJob) -> list[Sealed | SealFailed | GateMark]:
    """Each in a batch of its own."""
    found: list[Sealed | SealFailed | GateMark] = []
    for each in jobs:
        assert sealer.offer(each)
        found += results(sealer, 1)
    return found


def ciphertext(recordings: Path, sealed: Sealed) -> bytes:
    data = (recordings / sealed.path).read_bytes()[sealed.offset : sealed.offset + sealed.size]
    assert hashlib.sha256(data).hexdigest() == sealed.sha256
    return data


def opened(recordings: Path, sealed: object) -> bytes:
    assert isinstance(sealed, Sealed)
    chunk = sealed.job.chunk
    cipher = AESGCM(sealed.key)
    return cipher.decrypt(nonce(chunk), ciphertext(recordings, sealed), associated_data(chunk))


def failing_at(*calls: int) -> Callable[[int], None]:
    """A flush which fails at these of its calls, as a disk does."""
    count = iter(range(sys.maxsize))

    def flush(descriptor: int) -> None:
        if next(count) in calls:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(descriptor)

    return flush


def test_a_sealed_chunk_opens_with_its_key_its_nonce_and_its_place(tmp_path: Path) -> None:
    with sealing(Appender(tmp_path, BOOT)) as sealer:
        (sealed,) = one_by_one(sealer, job())
    assert isinstance(sealed, Sealed)
    assert (sealed.path, sealed.offset) == (f"{BOOT}-0.seg", HEADER_BYTES + FRAME_BYTES)
    assert (sealed.size, sealed.rate) == (16_016, 8_000)
    opened = AESGCM(sealed.key).decrypt(
        (3).to_bytes(4, "big") + bytes(8), ciphertext(tmp_path, sealed), b"call|caller|3|0"
    )
    assert opened == pcm(noise(1_000, seed=0))


def test_a_chunk_in_the_place_of_another_does_not_open() -> None:
    first = job(0).chunk
    room = memoryview(bytearray(SIZE))
    seal_into(first, OWN, room)
    for other in (job(1).chunk, replace(first, rate=16_000)):
        with pytest.raises(InvalidTag):
            AESGCM(OWN).decrypt(nonce(first), room[FRAME_BYTES:], associated_data(other))


def test_samples_are_sealed_little_endian_wherever_they_lie() -> None:
    samples = noise(2_000)[::2]
    for form in (samples, samples.astype(">i2"), np.ascontiguousarray(samples)):
        chunk = replace(job().chunk, samples=form)
        room = memoryview(bytearray(FRAME_BYTES + sealed_bytes(chunk)))
        seal_into(chunk, OWN, room)
        assert AESGCM(OWN).decrypt(nonce(chunk), room[FRAME_BYTES:], associated_data(chunk)) == pcm(
            samples
        )


def test_a_segment_alone_says_whose_its_chunks_are(tmp_path: Path) -> None:
    jobs = [job(0), job(1), replace(job(2), chunk=replace(job(2).chunk, rate=16_000))]
    with sealing(Appender(tmp_path, BOOT)) as sealer:
        done = one_by_one(sealer, *jobs)
    found = list(segment.frames((tmp_path / f"{BOOT}-0.seg").read_bytes()))
    assert [frame for _, frame in found] == [frame_of(each.chunk) for each in jobs]
    assert [begin for begin, _ in found] == [one.offset for one in done if isinstance(one, Sealed)]


def test_results_come_in_order_and_the_end_of_a_gate_last(tmp_path: Path) -> None:
    flushes: list[int] = []
    sealer = Sealer(Appender(tmp_path, BOOT, flush=flushes.append))
    mark = GateMark("leg", 3, "closed")
    for n in range(5):
        sealer.offer(job(n))
    sealer.offer(mark)
    sealer.start()
    found = results(sealer, 6)
    sealer.close()
    assert [r.job.chunk.n for r in found if isinstance(r, Sealed)] == [0, 1, 2, 3, 4]
    assert found[-1] is mark
    assert [opened(tmp_path, one) for one in found[:5]] == [
        pcm(noise(1_000, seed=n)) for n in range(5)
    ]
    assert len(flushes) == 1  # What waits is flushed together.


def test_the_end_of_a_gate_alone_needs_no_disk(tmp_path: Path) -> None:
    mark = GateMark("leg", 3, "closed")
    with sealing(Appender(tmp_path / "none", BOOT)) as sealer:
        sealer.offer(mark)
        assert results(sealer, 1) == [mark]
    assert not (tmp_path / "none").exists()


def test_a_full_queue_refuses_chunks_but_not_the_end_of_a_gate(tmp_path: Path) -> None:
    sealer = Sealer(Appender(tmp_path, BOOT), queue_max=1)
    assert sealer.offer(job(0))
    assert not sealer.offer(job(1))
    assert sealer.offer(GateMark("leg", 3, "closed"))
    sealer.close()


def test_what_is_queued_is_done_before_the_end(tmp_path: Path) -> None:
    sealer = Sealer(Appender(tmp_path, BOOT), batch_s=WAIT_S)
    for n in range(3):
        sealer.offer(job(n))
    sealer.start()
    sealer.close()
    assert len(list(segment.frames((tmp_path / f"{BOOT}-0.seg").read_bytes()))) == 3


@pytest.mark.parametrize("again", [job(4), job(3), job(9, epoch=2)])
def test_a_chunk_sealed_twice_is_a_failure_and_not_on_disk(tmp_path: Path, again: SealJob) -> None:
    with sealing(Appender(tmp_path, BOOT)) as sealer:
        _, failed, other, after = one_by_one(
            sealer,
            job(4),
            again,
            SealJob("leg", replace(again.chunk, track=AGENT_KEY), 5),
            job(0, epoch=4),
        )
    assert isinstance(failed, SealFailed)
    assert "sealed before" in failed.reason
    assert isinstance(other, Sealed) and isinstance(after, Sealed)
    assert (tmp_path / other.path).stat().st_size == HEADER_BYTES + 3 * SIZE


def test_a_chunk_that_cannot_be_sealed_does_not_harm_the_others(tmp_path: Path) -> None:
    bad = SealJob("leg", replace(job(1).chunk, call="c" * 65), 5)
    sealer = Sealer(Appender(tmp_path, BOOT))
    for each in (job(0), bad, job(2)):
        sealer.offer(each)
    sealer.start()
    first, failed, last = results(sealer, 3)
    sealer.close()
    assert isinstance(failed, SealFailed) and failed.job is bad
    assert opened(tmp_path, first) == pcm(noise(1_000, seed=0))
    assert opened(tmp_path, last) == pcm(noise(1_000, seed=2))


def test_a_flush_that_fails_is_told_and_its_segment_never_used_again(tmp_path: Path) -> None:
    appender = Appender(tmp_path, BOOT, flush=failing_at(1))
    with sealing(appender) as sealer:
        before, failed, after = one_by_one(sealer, job(0), job(1), job(2))
    assert isinstance(failed, SealFailed)
    assert "OSError" in failed.reason
    assert isinstance(before, Sealed) and isinstance(after, Sealed)
    assert (before.path, after.path) == (f"{BOOT}-0.seg", f"{BOOT}-1.seg")
    # What was flushed before is there, what failed is not.
    assert opened(tmp_path, before) == pcm(noise(1_000, seed=0))
    assert (tmp_path / before.path).stat().st_size == HEADER_BYTES + SIZE
    assert opened(tmp_path, after) == pcm(noise(1_000, seed=2))


def test_all_chunks_of_a_batch_that_fails_are_told(tmp_path: Path) -> None:
    mark = GateMark("leg", 3, "closed")
    sealer = Sealer(Appender(tmp_path, BOOT, flush=failing_at(0)))
    for each in (job(0), job(1), mark):
        sealer.offer(each)
    sealer.start()
    first, second, last = results(sealer, 3)
    sealer.close()
    assert isinstance(first, SealFailed) and isinstance(second, SealFailed)
    assert last is mark
    assert list(tmp_path.glob("*.seg")) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with sealing(Appender(tmp_path / "file" / "recordings", BOOT)) as sealer:
        (failed,) = one_by_one(sealer, job())
    assert isinstance(failed, SealFailed)


def test_a_full_disk_fails_closed_leaves_no_litter_and_goes_on(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 200_000) as disk,
        sealing(Appender(disk, BOOT)) as sealer,
    ):
        done = one_by_one(sealer, *(job(n) for n in range(20)))
        good = [one for one in done if isinstance(one, Sealed)]
        assert 0 < len(good) < 20
        assert all(isinstance(one, SealFailed) for one in done[len(good) :])
        assert [path.name for path in disk.glob("*.seg")] == [f"{BOOT}-0.seg"]
        (disk / f"{BOOT}-0.seg").unlink()
        (after,) = one_by_one(sealer, job(20))
        assert opened(disk, after) == pcm(noise(1_000, seed=20))


def test_a_segment_has_a_size_and_an_age(tmp_path: Path) -> None:
    large = Appender(tmp_path, BOOT, bytes_max=2 * SIZE)
    with sealing(large) as sealer:
        paths = [
            one.path for one in one_by_one(sealer, *map(job, range(5))) if isinstance(one, Sealed)
        ]
    assert paths == [f"{BOOT}-{n}.seg" for n in (0, 0, 1, 1, 2)]
    old = Appender(tmp_path, OTHER_BOOT, age_s_max=-1.0)
    assert [old.append(memoryview(b"x"))[0] for _ in range(2)] == [
        f"{OTHER_BOOT}-{n}.seg" for n in range(2)
    ]
    old.close()


def test_nobody_else_may_read_a_segment_or_write_to_it(tmp_path: Path) -> None:
    (tmp_path / f"{BOOT}-0.seg").write_bytes(b"somebody's")
    with sealing(Appender(tmp_path, BOOT)) as sealer:
        failed, after = one_by_one(sealer, job(0), job(1))
    assert isinstance(failed, SealFailed)
    assert isinstance(after, Sealed) and after.path == f"{BOOT}-1.seg"
    assert (tmp_path / f"{BOOT}-0.seg").read_bytes() == b"somebody's"
    with sealing(Appender(tmp_path, OTHER_BOOT)) as sealer:
        one_by_one(sealer, job())
    assert (tmp_path / f"{OTHER_BOOT}-0.seg").stat().st_mode & 0o077 == 0


def test_two_processes_at_once_append_to_segments_of_their_own(tmp_path: Path) -> None:
    with sealing(Appender(tmp_path, BOOT)) as one, sealing(Appender(tmp_path, OTHER_BOOT)) as two:
        for n in range(10):
            one.offer(job(n))
            two.offer(SealJob("leg", replace(job(n).chunk, track=AGENT_KEY), 5))
        done = [*results(one, 10), *results(two, 10)]
        assert {path.name for path in tmp_path.iterdir()} == {
            f"{BOOT}-0.seg", f"{OTHER_BOOT}-0.seg", f"{BOOT}{ALIVE}", f"{OTHER_BOOT}{ALIVE}",
        }  # fmt: skip
    assert [opened(tmp_path, each) for each in done] == 2 * [
        pcm(noise(1_000, seed=n)) for n in range(10)
    ]


def test_no_audio_stands_in_a_segment_in_clear(tmp_path: Path) -> None:
    with sealing(Appender(tmp_path, BOOT)) as sealer:
        done = one_by_one(sealer, job(0), job(1))
    keys = [one.key for one in done if isinstance(one, Sealed)]
    snippets = [pcm(noise(1_000, seed=n))[at : at + 32] for n in (0, 1) for at in (0, 8_000)]

    def found() -> list[str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        secrets = [*keys, *snippets]
        return [
            path.name for path in files if any(secret in path.read_bytes() for secret in secrets)
        ]

    assert found() == []
    (tmp_path / "planted").write_bytes(b"x" + snippets[3])
    assert found() == ["planted"]


VICTIM = """
import sys
from pathlib import Path
import numpy as np
from media.appending import Appender
from media.recorder import Chunk, Track
from media.seal import Sealed, SealJob
from media.sealer import Sealer
sealer = Sealer(Appender(Path(sys.argv[1]), sys.argv[2], bytes_max=400_000), batch_s=0.0)
sealer.start()
track, n = Track("caller", "key-caller"), 0
while True:
    for _ in range(8):
        samples = np.full(8_000, n, np.int16)
        sealer.offer(SealJob("leg", Chunk("call", track, 3, n, 8_000 * n, samples), 5))
        n += 1
    for one in sealer.results():
        told = (one.path, one.offset, one.size, one.sha256, one.key.hex(), one.job.chunk.n)
        print(*told, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("told", [1, 40, 200])
def test_every_chunk_that_was_told_outlives_a_kill(tmp_path: Path, told: int) -> None:
    """Killed while it appends: what is torn at the end was never told."""
    command = [sys.executable, "-P", "-c", VICTIM, str(tmp_path), BOOT]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        lines = [victim.stdout.readline() for _ in range(told)]
        victim.send_signal(signal.SIGKILL)
        lines += [line for line in victim.stdout if line.endswith("\n")]
    for line in lines:
        path, offset, size, sha256, key, n = line.split()
        data = (tmp_path / path).read_bytes()[int(offset) :][: int(size)]
        assert hashlib.sha256(data).hexdigest() == sha256
        expected = np.full(8_000, int(n), np.int16)
        chunk = Chunk("call", CALLER_KEY, 3, int(n), 0, expected)
        clear = AESGCM(bytes.fromhex(key)).decrypt(nonce(chunk), data, associated_data(chunk))
        assert clear == pcm(expected)
