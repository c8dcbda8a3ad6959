"""Many callers in one process: RTP streams of talk spurts, sent and counted in batches."""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import ENCODE
from media.net import Batch, Sockets, pack
from media.rtp_headers import FIXED_BYTES, build, parse
from media.units import FRAME_US, SAMPLE_RATE, Samples

FRAME = 160
PACKET = FIXED_BYTES + FRAME
CYCLE_FRAMES = 250
"""Five seconds: two of speech and three of faint noise, as people talk on the telephone."""

SPEECH_FRAMES = 100
READ_US = 5_000


def voice(frames: int) -> Samples:
    """A buzzing throat, swelling like syllables: a detector takes it for speech."""
    t = np.arange(frames * FRAME) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * 130 * k * t + k) / k for k in range(1, 20))
    swell = 0.75 + 0.25 * np.sin(2 * np.pi * 4 * t)
    return (np.asarray(wave) * swell * 5_000).astype(np.int16)


def cycle(speech_frames: int) -> NDArray[np.uint8]:
    """µ-law of one cycle: (CYCLE_FRAMES, 160)."""
    sound = np.random.default_rng(1).integers(-20, 20, CYCLE_FRAMES * FRAME).astype(np.int16)
    sound[: speech_frames * FRAME] = voice(speech_frames)
    octets: NDArray[np.uint8] = ENCODE[0][sound.view(np.uint16)].reshape(CYCLE_FRAMES, FRAME)
    return octets


@dataclass
class Callers:
    """Calls that begin where the last one ended in the cycle, so that not all speak at once."""

    sockets: Sockets
    ports: list[int]
    targets: list[int]
    speech_frames: int = SPEECH_FRAMES
    sent: int = 0
    sent_ever: int = 0
    received: int = 0
    _first: NDArray[np.int64] = field(init=False)
    _last: NDArray[np.int64] = field(init=False)
    _batch: Batch = field(default_factory=Batch)

    def __post_init__(self) -> None:
        count = len(self.targets)
        self.count_anew()
        self._cycle = cycle(self.speech_frames)
        self._rows = np.zeros((count, PACKET), np.uint8)
        self._ssrcs = np.arange(1, count + 1)
        self._offsets = np.arange(count) * 37 % CYCLE_FRAMES
        order = np.argsort(np.arange(count) % len(self.ports), kind="stable")
        ports = np.array(self.ports, np.int32)
        self._from = ports[order % len(ports)]
        self._ssrcs, self._offsets = self._ssrcs[order], self._offsets[order]
        places: list[int] = order.tolist()
        to = [pack(("127.0.0.1", self.targets[n])) for n in places]
        self._to = np.frombuffer(b"".join(to), np.uint8).reshape(count, -1)
        self._lengths = np.full(count, PACKET, np.int32)

    def send(self, n: int, only: NDArray[np.bool_] | None = None) -> None:
        """Frame number n of every call."""
        rows = self._rows
        build(
            rows,
            payload_type=np.zeros(len(rows), np.uint8),
            marker=np.zeros(len(rows), np.bool_),
            sequence=np.full(len(rows), n),
            timestamp=np.full(len(rows), n * FRAME),
            ssrc=self._ssrcs,
        )
        rows[:, FIXED_BYTES:] = self._cycle[(n + self._offsets) % CYCLE_FRAMES]
        chosen = slice(None) if only is None else only[self._ssrcs - 1]
        sent = self.sockets.send(
            self._from[chosen], rows[chosen], self._lengths[chosen], self._to[chosen]
        )
        self.sent += sent
        self.sent_ever += sent

    def receive(self) -> None:
        """Count what came back, and by its sequence numbers what did not."""
        while count := self.sockets.receive(self._batch):
            self.received += count
            headers = parse(self._batch.data[:count], self._batch.lengths[:count])
            sequences = headers.sequence.astype(np.int64)
            np.minimum.at(self._first, headers.ssrc, sequences)
            np.maximum.at(self._last, headers.ssrc, sequences)

    def count_anew(self) -> None:
        """Forget what was counted."""
        self.sent = self.received = 0
        self._first = np.full(len(self.targets) + 1, 1 << 16)
        self._last = np.full(len(self.targets) + 1, -1)

    @property
    def missing(self) -> int:
        """How many packets never came of those between the first and the last of each call."""
        spans = np.maximum(self._last - self._first + 1, 0)
        return int(spans.sum()) - self.received

    def run(self, seconds: float, first: int) -> None:
        """Send every 20 ms, each call once; read what comes back in between."""
        began = time.monotonic_ns() // 1_000
        for n in range(int(seconds * 1_000_000) // FRAME_US):
            self.send(first + n)
            due = began + (n + 1) * FRAME_US
            while (now := time.monotonic_ns() // 1_000) < due:
                self.receive()
                time.sleep(min(READ_US, due - now) / 1_000_000)


def settle(callers: Callers) -> None:
    """Read what is still under way."""
    time.sleep(0.1)
    callers.receive()
