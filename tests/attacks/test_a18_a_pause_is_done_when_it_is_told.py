"""A18: a pause is acknowledged, and what is said goes on being recorded."""

import select
from pathlib import Path
from random import Random

import pytest

from media.appending import Appender
from media.gates import CLOSED
from media.seal import GateMark, SealJob
from media.sealer import Result, Sealer
from media.units import FRAME_US, pcm
from tests.media.line import EPOCH, Network, gate, noise, play

SECRET_MS = 2_000
WAIT_S = 10.0


def paused(seed: int) -> tuple[Network, int]:
    """Recorded, then paused at any moment, from when on the secret is said by both; and when."""
    random = Random(seed)
    network = Network(seed=seed, jitter_us=random.choice((0, 30_000)))
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(20 * random.randint(1, 150))
    until = network.now - random.randint(0, FRAME_US)
    # The commit is a little older than the command.
    network.far.command({"cmd": "close_gate", "leg": "far", "until": until}, b"", network.now)
    for plane, leg in ((network.near, "near"), (network.far, "far")):
        plane.command(play(leg, "secret", False), pcm(noise(SECRET_MS)), network.now)
    network.run(SECRET_MS + 500)
    return network, until


@pytest.mark.parametrize("seed", range(12))
def test_nothing_of_after_the_pause_is_handed_to_the_sealer(seed: int) -> None:
    network, until = paused(seed)
    *jobs, mark = network.far.take_jobs()
    pieces = [job for job in jobs if isinstance(job, SealJob)]
    assert (mark.leg, getattr(mark, "reason", "")) == ("far", CLOSED)
    assert len(pieces) == len(jobs), "the acknowledgement is the last there is"
    for piece in pieces:
        assert not piece.chunk.samples.any(), "nobody had said anything before"
        assert piece.at_us + len(piece.chunk.samples) * 125 <= until


def test_it_is_told_after_the_last_piece_is_on_disk(tmp_path: Path) -> None:
    network, until = paused(1)
    sealer = Sealer(Appender(tmp_path, "boot"), batch_s=0.0)
    for job in network.far.take_jobs():
        assert sealer.offer(job)
    sealer.start()
    results: list[Result] = []
    while not any(isinstance(result, GateMark) for result in results):
        assert select.select([sealer], [], [], WAIT_S)[0], "the sealer does nothing"
        results += sealer.results()
    sealer.close()
    for result in results:
        network.far.sealed(result)
    told = [event.header for _, event in network.far.outbox.after(0)]
    *chunks, last = [told for told in told if told["event"] in ("chunk", "gate_closed")]
    assert last["event"] == "gate_closed"
    assert {header["event"] for header in chunks} == {"chunk"}
    ends = [int(str(h["at_us"])) + int(str(h["samples"])) * 125 for h in chunks]
    assert max(ends) <= until


def test_who_goes_on_after_a_pause_records_nothing_of_it() -> None:
    network, _ = paused(2)
    network.far.take_jobs()
    resumed = network.now
    network.far.command(gate("far", 2, resumed), b"", resumed)
    network.run(3_000)
    again = [job for job in network.far.take_jobs() if isinstance(job, SealJob)]
    assert min(job.at_us for job in again) >= resumed
    assert not any(job.chunk.samples.any() for job in again)
