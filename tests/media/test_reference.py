"""The plane against one `Leg` for each of its legs: random packets and commands, alike in both."""

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest

from media.commands import LegCommand, Open, parse
from media.leg import Leg
from media.outbox import Event
from media.plane import Plane
from media.rtp import RtpPacket
from media.seal import GateMark, SealJob
from media.units import FRAME_US, Address, pcm
from media.vad import webrtc_detector
from tests.media.line import EPOCH, deliver, gate, lease, noise, opening, play, ticked

LEGS = 5
TICKS = 250
TOLD = ("dtmf", "played", "gate_closed")
"""What does not depend on how long sound waits to be heard, which is decided otherwise."""


@dataclass
class Caller:
    """Sends in order or not, of one length or another, from where it should or not."""

    random: Random
    home: Address
    law: int
    sequence: int = 0
    timestamp: int = 0
    ssrc: int = 1
    samples: int = 160

    def packets(self) -> list[tuple[bytes, Address]]:
        chance = self.random.random
        if chance() < 0.02:
            self.ssrc, self.timestamp = self.random.getrandbits(32), self.random.getrandbits(32)
        if chance() < 0.02:
            self.samples = self.random.choice((80, 160, 240, 400))
        if chance() < 0.02:
            self.home = (self.home[0], self.random.randint(1_024, 60_000))
        made = [self._packet() for _ in range(self.random.choice((0, 1, 1, 1, 1, 2)))]
        if chance() < 0.1:
            made += made  # Twice.
        if chance() < 0.1:
            made.reverse()
        if chance() < 0.05:
            made.append((self.random.randbytes(self.random.randint(0, 200)), self.home))
        if chance() < 0.05:
            stranger = ("203.0.113.9", self.random.randint(0, 2))
            made.append((self._packet()[0], stranger))
        return made

    def _packet(self) -> tuple[bytes, Address]:
        self.sequence = (self.sequence + 1) & 0xFFFF
        if self.random.random() < 0.05:
            key = bytes([self.random.randint(0, 15), 10, 0, 160])
            return RtpPacket(
                101, self.sequence, self.timestamp, self.ssrc, key
            ).serialize(), self.home
        payload = self.random.randbytes(self.samples)
        csrcs = (1, 2) if self.random.random() < 0.05 else ()
        kind = 13 if self.random.random() < 0.02 else self.law
        packet = RtpPacket(kind, self.sequence, self.timestamp, self.ssrc, payload, csrcs=csrcs)
        self.timestamp = (self.timestamp + self.samples) & 0xFFFF_FFFF
        return packet.serialize(), self.home


def command(random: Random, leg: str, n: int, now: int) -> tuple[dict[str, object], bytes] | None:
    """What a node might ask for at this tick."""
    match random.randint(0, 40):
        case 0:
            return play(leg, f"u{n}", False), pcm(noise(random.randint(1, 900), seed=n))
        case 1:
            return play(leg, f"u{n}", False) | {"from_ms": 60}, pcm(noise(200, seed=n))
        case 2:
            return {"cmd": "stop", "leg": leg, "utterance": None}, b""
        case 3:
            return {"cmd": "dtmf", "leg": leg, "digits": "1#", "duration_ms": 80}, b""
        case 4:
            return gate(leg, n, now + random.randint(-50_000, 50_000)), b""
        case 5:
            return {"cmd": "close_gate", "leg": leg}, b""
        case _:
            return None


def told(found: list[Event], leg: str) -> list[dict[str, object]]:
    headers = [e.header for e in found if e.header["event"] in TOLD and e.header["leg"] == leg]
    return [{k: v for k, v in header.items() if k != "id"} for header in headers]


@pytest.mark.parametrize("seed", range(3))
def test_a_plane_does_what_single_legs_do(seed: int) -> None:
    random = Random(seed)
    plane, legs, callers = Plane("boot"), dict[str, Leg](), dict[str, Caller]()
    ports = {f"l{n}": 4_000 + 2 * n for n in range(LEGS)}
    for n, (leg, port) in enumerate(ports.items()):
        law = random.choice((("PCMU", 0), ("PCMA", 8)))
        header = opening(
            leg,
            ("192.0.2.1", 5_000 + n),
            port=port,
            codec=law[0],
            payload_type=law[1],
            epoch_us=EPOCH - random.randint(0, 40_000),
            ssrc=n,
        )
        plane.add_port(port, "h", EPOCH)
        plane.command(header, b"", EPOCH)
        opened = parse(header)
        assert isinstance(opened, Open)
        legs[leg] = Leg(opened, port, webrtc_detector())
        callers[leg] = Caller(random, ("192.0.2.1", 5_000 + n), law[1])
    jobs: dict[str, list[SealJob | GateMark]] = {leg: [] for leg in legs}
    expected: dict[str, list[Event]] = {leg: [] for leg in legs}
    now = EPOCH
    for n in range(1, TICKS):
        now += FRAME_US * random.choice((1,) * 30 + (2, 9))
        plane.command(lease(now), b"", now)
        for leg, port in ports.items():
            came = now - random.randint(0, 15_000)
            if packets := callers[leg].packets():
                deliver(plane, port, packets, came)
            for data, source in packets:
                legs[leg].receive(data, source, came)
            if (asked := command(random, leg, n, now)) is not None:
                plane.command(*asked, now)
                order = parse(*asked)
                assert isinstance(order, LegCommand)
                try:
                    legs[leg].do(order, now)
                except ValueError:
                    continue
        sent = {out.port: (out.data, out.destination) for out in ticked(plane, now)}
        for leg, port in ports.items():
            assert sent.get(port) == legs[leg].tick(now)
            jobs[leg] += legs[leg].take_jobs()
            expected[leg] += legs[leg].take_events()
    found = [event for _, event in plane.outbox.after(0)]
    sealed = plane.take_jobs()
    for leg in legs:
        kinds = [event for event in expected[leg] if event.header["event"] in TOLD]
        assert told(found, leg) == told(kinds, leg)
        assert_alike([job for job in sealed if job.leg == leg], jobs[leg])


def assert_alike(ours: list[SealJob | GateMark], theirs: list[SealJob | GateMark]) -> None:
    """The same samples at the same places, up to the last chunk that both have cut."""

    def key(job: SealJob) -> tuple[str, int, int]:
        return (job.chunk.track.party, job.chunk.epoch, job.chunk.n)

    cut = {key(job): job for job in ours if isinstance(job, SealJob)}
    wanted = {key(job): job for job in theirs if isinstance(job, SealJob)}
    assert cut.keys() == wanted.keys()
    for name, job in wanted.items():
        assert cut[name].at_us == job.at_us
        assert cut[name].chunk.first_sample == job.chunk.first_sample
        assert np.array_equal(cut[name].chunk.samples, job.chunk.samples), name
    marks = [(m.epoch, m.reason) for m in ours if isinstance(m, GateMark)]
    assert marks == [(m.epoch, m.reason) for m in theirs if isinstance(m, GateMark)]
