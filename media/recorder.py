"""The recording gate: two tracks on one timeline, and no way to open it without keys."""

from dataclasses import dataclass

import numpy as np

from media.units import SAMPLE_RATE, Samples

AGENT = "agent"
"""The party whose track is what we send; any other party's is what we receive."""

CHUNK_SAMPLES = SAMPLE_RATE
GRACE_SAMPLES = SAMPLE_RATE // 2
"""How long a chunk waits for late packets before it is sealed."""

STALL_SAMPLES_MAX = 10 * SAMPLE_RATE
TRACKS_MAX = 2


@dataclass(frozen=True, slots=True)
class Track:
    """Whose voice, and the name of the key that wraps those of its chunks, born with the grant.

    The key itself never comes here: a chunk is sealed under one of its own (`media/seal.py`).
    """

    party: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one track, to be sealed. `first_sample` counts from the leg's epoch."""

    call: str
    track: Track
    epoch: int
    n: int
    first_sample: int
    samples: Samples
    rate: int = SAMPLE_RATE


class _TrackBuffer:
    """What is not yet sealed of one track, from `base` on; silent where nothing was written."""

    def __init__(self, track: Track, start: int, length: int) -> None:
        self.track = track
        self.base = start
        self.n = 0
        self._samples: Samples = np.zeros(length, np.int16)

    def write(self, position: int, samples: Samples) -> None:
        first = max(position, self.base)
        last = min(position + len(samples), self.base + len(self._samples))
        if first < last:
            written = samples[first - position : last - position]
            self._samples[first - self.base : last - self.base] = written

    def cut(self, length: int) -> Samples:
        """Take the oldest samples out."""
        samples = self._samples[:length].copy()
        self._samples[:-length] = self._samples[length:]
        self._samples[-length:] = 0
        self.base += length
        self.n += 1
        return samples

    def skip_to(self, position: int) -> None:
        self._samples[:] = 0
        self.base = position


class Gate:
    """An open gate. Nothing captured before `start` gets in; `close` seals what is there."""

    def __init__(
        self,
        call: str,
        epoch: int,
        start: int,
        tracks: tuple[Track, ...],
        chunk_samples: int = CHUNK_SAMPLES,
    ) -> None:
        self.call = call
        self.epoch = epoch
        self._chunk = chunk_samples
        room = chunk_samples + 2 * GRACE_SAMPLES
        self._buffers = [_TrackBuffer(track, start, room) for track in tracks]

    def write_sent(self, position: int, samples: Samples) -> None:
        self._write(position, samples, sent=True)

    def write_received(self, position: int, samples: Samples) -> None:
        self._write(position, samples, sent=False)

    def due(self, now: int) -> list[Chunk]:
        """The chunks which are complete at position `now`."""
        return [chunk for buffer in self._buffers for chunk in self._due(buffer, now)]

    def close(self, now: int) -> list[Chunk]:
        """All that is left up to position `now`; the last chunk of a track may be short."""
        chunks = self.due(now)
        for buffer in self._buffers:
            while (length := min(self._chunk, now - buffer.base)) > 0:
                chunks.append(self._cut(buffer, length))
        return chunks

    def _write(self, position: int, samples: Samples, *, sent: bool) -> None:
        for buffer in self._buffers:
            if (buffer.track.party == AGENT) == sent:
                buffer.write(position, samples)

    def _due(self, buffer: _TrackBuffer, now: int) -> list[Chunk]:
        chunks: list[Chunk] = []
        # After a long stall there is nothing to seal but silence: the timeline skips it.
        if now - buffer.base > STALL_SAMPLES_MAX:
            chunks.append(self._cut(buffer, self._chunk))
            buffer.skip_to(now - self._chunk)
        while now >= buffer.base + self._chunk + GRACE_SAMPLES:
            chunks.append(self._cut(buffer, self._chunk))
        return chunks

    def _cut(self, buffer: _TrackBuffer, length: int) -> Chunk:
        first, n = buffer.base, buffer.n
        samples = buffer.cut(length)
        return Chunk(self.call, buffer.track, self.epoch, n, first, samples)
