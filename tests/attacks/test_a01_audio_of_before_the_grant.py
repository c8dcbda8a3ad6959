"""A01: what was said before anybody agreed lies in buffers, and gets into the recording from there.

Each buffer that has it is named here with its limit. None of them is read by the recorder, which
takes what comes after its gate has opened, by the place in time at which it was captured.
"""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from media import delay, vad
from media.appending import Appender
from media.bank.ring import HISTORY_FRAMES, RING_TENTHS, Rings
from media.bank.stage import BLOCK_FRAMES
from media.plane import Plane
from media.rtp import RtpPacket
from media.seal import SealJob
from media.sealer import Sealer
from media.units import FRAME_MS, FRAME_US, Samples, pcm
from tests.media.line import (
    EPOCH,
    Network,
    deliver,
    events,
    gate,
    lease,
    named,
    noise,
    opening,
    play,
    ticked,
)

HOST, PORT = ("192.0.2.1", 14_000), 4_000
SECRET_FRAMES, AFTER_FRAMES = 150, 150


def recorded(seed: int, jitter_ms: int) -> Samples:
    """What is sealed of a caller who is loud until the grant, then silent; and late."""
    random = Random(seed)
    plane = Plane("boot")
    plane.add_port(PORT, "10.0.0.1", EPOCH)
    plane.command(opening("l", HOST, port=PORT), b"", EPOCH)
    plane.command({"cmd": "listen", "leg": "l", "on": True}, b"", EPOCH)
    granted = EPOCH + SECRET_FRAMES * FRAME_US
    flying: list[tuple[int, bytes]] = []
    for n in range(SECRET_FRAMES + AFTER_FRAMES):
        now = EPOCH + n * FRAME_US
        plane.command(lease(now), b"", now)
        if now == granted:
            plane.command(gate("l", 1, granted), b"", now)
        ticked(plane, now)
        # Loud until the grant, then silent: of what is sealed, all has to be silence.
        payload = bytes([0x80 if n < SECRET_FRAMES else 0xFF]) * 160
        captured = now if n == 0 else now + random.randint(0, jitter_ms * 1_000)
        flying.append((captured, RtpPacket(0, n, n * 160, 7, payload).serialize()))
        due = [one for one in flying if one[0] < now + FRAME_US]
        flying = [one for one in flying if one[0] >= now + FRAME_US]
        random.shuffle(due)
        for came, data in due:
            deliver(plane, PORT, [(data, HOST)], came)
    end = EPOCH + (SECRET_FRAMES + AFTER_FRAMES) * FRAME_US
    plane.command({"cmd": "close_gate", "leg": "l"}, b"", end)
    jobs = [job for job in plane.take_jobs() if isinstance(job, SealJob)]
    assert min(job.at_us for job in jobs) == granted
    return np.concatenate([j.chunk.samples for j in jobs if j.chunk.track.party == "caller"])


@pytest.mark.parametrize("jitter_ms", [0, 15, 40, 80])
@pytest.mark.parametrize("seed", range(4))
def test_no_sample_of_before_the_grant_is_sealed_however_late_it_comes(
    seed: int, jitter_ms: int
) -> None:
    assert not recorded(seed, jitter_ms).any()


@pytest.mark.parametrize("seed", range(8))
def test_where_all_packets_come_late_they_are_of_when_they_came(seed: int) -> None:
    """After 200 ms of nothing but late packets nobody can tell delay from time: see `placement`."""
    jitter_ms = 150
    assert not recorded(seed, jitter_ms)[jitter_ms * 8 :].any()


def test_what_an_agent_had_begun_to_say_before_is_recorded_from_the_grant_on() -> None:
    network, said = Network(), noise(4_000)
    network.far.command(play("far", "u", False), pcm(said), network.now)
    network.run(1_000)
    granted = network.now - 7_000
    network.far.command(gate("far", 1, granted), b"", network.now)
    opened = network.now
    network.run(3_500)
    jobs = [j for j in network.far.take_jobs() if isinstance(j, SealJob)]
    kept = np.concatenate([j.chunk.samples for j in jobs if j.chunk.track.party == "agent"])
    assert min(job.at_us for job in jobs) == opened
    begin = int(np.flatnonzero(kept)[0])
    part = kept[begin : begin + 400]
    place = next(n for n in range(len(said) - 400) if (said[n : n + 400] == part).all())
    assert place * 125 >= opened - EPOCH - FRAME_US


def test_buffers_hold_so_much_and_no_more() -> None:
    assert RING_TENTHS * 100 <= 2_400, "of each leg, what is heard and was heard: jitter, look-back"
    assert HISTORY_FRAMES * FRAME_MS <= 960, "of that, what was heard already"
    assert delay.MAX_MS <= 400, "what waits to be heard"
    assert vad.PREROLL_MS <= 300, "what speech begins with, of before it was known to be speech"
    assert vad.SEGMENT_MS_MAX <= 15_000, "what is said and to be understood, if one may listen"
    assert BLOCK_FRAMES * FRAME_MS <= 1_000, "what is about to be played"


def test_the_ring_forgets_what_was_heard_a_second_ago() -> None:
    rings, slot = Rings(1, 8_000), np.array([0])
    rings.open(0)
    for n in range(200):
        loud = np.full((1, 160), 1_234 if n < 100 else 5, np.int16)
        rings.put(slot, np.array([n * 160]), loud)
        rings.release(slot)
        held = int(np.count_nonzero(rings.span(0, 0, rings.length) == 1_234)) // 160
        assert held <= HISTORY_FRAMES + 1
        assert n < 100 + HISTORY_FRAMES + 1 or held == 0


def test_who_may_not_listen_keeps_no_words_for_later() -> None:
    network = Network()
    network.near.command(play("near", "u", False), pcm(noise(2_000)), network.now)
    network.run(2_000)
    network.far.command({"cmd": "listen", "leg": "far", "on": True}, b"", network.now)
    allowed = network.now
    network.run(2_000)
    for heard in named(events(network.far), "heard"):
        assert int(str(heard.header["at_us"])) >= allowed - vad.PREROLL_MS * 1_000


def test_no_byte_is_written_before_a_grant(tmp_path: Path) -> None:
    network = Network()
    sealer = Sealer(Appender(tmp_path, "boot"), batch_s=0.0)
    network.near.command(play("near", "u", False), pcm(noise(3_000)), network.now)
    network.run(3_000)
    for job in network.far.take_jobs():
        sealer.offer(job)
    sealer.start()
    sealer.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
