"""What the tests share: voices, keys, openings, and a network between two planes."""

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import cast

import numpy as np

from media.bank.admission import Datagrams
from media.net import DATAGRAM_BYTES_MAX, pack, unpack
from media.outbox import Event
from media.plane import Plane
from media.recorder import Track
from media.units import FRAME_US, SAMPLE_RATE, Address, Samples

EPOCH = 1_800_000_000_000_000
CALLER_KEY = Track("caller", "key-caller")
AGENT_KEY = Track("agent", "key-agent")


def voice(ms: int, seed: int = 1) -> Samples:
    """Something a detector takes for speech: a buzzing throat, swelling like syllables."""
    t = np.arange(ms * 8) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * 130 * k * t + k * seed) / k for k in range(1, 20))
    swell = 0.75 + 0.25 * np.sin(2 * np.pi * 4 * t)
    return (np.asarray(wave) * swell * 5_000).astype(np.int16)


def noise(ms: int, seed: int = 1) -> Samples:
    """White noise: no two places in it look alike."""
    return np.random.default_rng(seed).integers(-8_000, 8_000, ms * 8).astype(np.int16)


def opening(leg: str, remote: Address, **changes: object) -> dict[str, object]:
    header: dict[str, object] = {
        "cmd": "open",
        "leg": leg,
        "call": "call-1",
        "codec": "PCMU",
        "payload_type": 0,
        "dtmf_payload_type": 101,
        "remote": list(remote),
        "ssrc": 0xABCD,
        "seq0": 65_500,
        "ts0": 4_294_960_000,
        "epoch_us": EPOCH,
        "port": None,
    }
    return {**header, **changes}


def play(leg: str, utterance: str, interruptible: bool = True) -> dict[str, object]:
    fields: dict[str, object] = {"from_ms": 0, "interruptible": interruptible, "rate": 8_000}
    return {"cmd": "play", "leg": leg, "utterance": utterance, **fields}


def gate(leg: str, epoch: int, granted_at: int) -> dict[str, object]:
    tracks = [{"party": track.party, "key_id": track.key_id} for track in (CALLER_KEY, AGENT_KEY)]
    times = {"epoch": epoch, "granted_at_us": granted_at}
    return {"cmd": "gate", "leg": leg, "call": "call-1", "tracks": tracks, **times}


def lease(since: int, ms: int = 1_000) -> dict[str, object]:
    """Of a plane whose clock is the machine's monotonic one."""
    return {"cmd": "lease", "since_us": since, "ms": ms}


def events(plane: Plane) -> list[Event]:
    """The kept and then the transient events of a plane; the kept ones stay."""
    return [event for _, event in plane.outbox.after(0)] + plane.take_transient()


def named(found: list[Event], name: str) -> list[Event]:
    return [event for event in found if event.header["event"] == name]


def gate_epoch(plane: Plane, leg: str) -> object:
    """The epoch of a leg's open gate, as the node is told of it."""
    legs = cast(list[dict[str, object]], plane.hello().header["legs"])
    (told,) = [told for told in legs if told["leg"] == leg]
    return told["gate_epoch"]


@dataclass(frozen=True)
class Sent:
    """A datagram that a plane sent."""

    data: bytes
    port: int
    destination: Address


def ticked(plane: Plane, now: int) -> list[Sent]:
    """What a plane sends in a tick."""
    out = plane.tick(now)
    if out is None:
        return []
    return [
        Sent(
            out.data[n, : out.lengths[n]].tobytes(),
            int(out.ports[n]),
            unpack(out.destinations[n].tobytes()),
        )
        for n in range(len(out.ports))
    ]


def deliver(plane: Plane, port: int, datagrams: list[tuple[bytes, Address]], now: int) -> None:
    """Datagrams come in on a port, in one batch."""
    data = np.zeros((len(datagrams), DATAGRAM_BYTES_MAX), np.uint8)
    for row, (datagram, _) in zip(data, datagrams, strict=True):
        row[: len(datagram)] = np.frombuffer(datagram, np.uint8)
    lengths = np.array([len(datagram) for datagram, _ in datagrams], np.int32)
    sources = np.array([list(pack(source)) for _, source in datagrams], np.uint8)
    ports = np.full(len(datagrams), port, np.int32)
    plane.receive(Datagrams(data, lengths, sources, ports), now)


@dataclass
class Network:
    """Two planes, one leg each, joined in memory. Delay and loss by a seed."""

    seed: int = 1
    jitter_us: int = 0
    loss: float = 0.0
    now: int = EPOCH
    delay_us: int = 1_000
    near: Plane = field(default_factory=lambda: Plane("near"))
    far: Plane = field(default_factory=lambda: Plane("far"))
    is_leased: bool = True

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._flying: list[tuple[int, int, Plane, int, bytes, Address]] = []
        self._sent = 0
        self.near.add_port(4_000, "10.0.0.1", self.now)
        self.far.add_port(5_000, "10.0.0.2", self.now)
        self._renew()
        self.near.command(opening("near", ("10.0.0.2", 5_000)), b"", self.now)
        self.far.command(opening("far", ("10.0.0.1", 4_000), ssrc=77), b"", self.now)

    def run(self, ms: int) -> None:
        """Let time pass, tick by tick."""
        end = self.now + ms * 1_000
        while self.now < end:
            self.now += FRAME_US
            self._renew()
            self._deliver()
            self._tick(self.near, self.far, 5_000, ("10.0.0.1", 4_000))
            self._tick(self.far, self.near, 4_000, ("10.0.0.2", 5_000))

    def _renew(self) -> None:
        """The node of each plane lives."""
        if self.is_leased:
            for plane in (self.near, self.far):
                plane.command(lease(self.now), b"", self.now)

    def _tick(self, sender: Plane, receiver: Plane, port: int, source: Address) -> None:
        for outgoing in ticked(sender, self.now):
            if self._random.random() < self.loss:
                continue
            self._sent += 1
            arrival = self.now + self.delay_us + self._random.randint(0, self.jitter_us)
            item = (arrival, self._sent, receiver, port, outgoing.data, source)
            heapq.heappush(self._flying, item)

    def _deliver(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            arrival, _, receiver, port, data, source = heapq.heappop(self._flying)
            deliver(receiver, port, [(data, source)], arrival)
