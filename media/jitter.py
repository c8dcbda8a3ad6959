"""From packets as they arrive to frames in order, one per tick, each at its place in time."""

from dataclasses import dataclass

import numpy as np

from media.rtp import timestamp_delta
from media.units import FRAME_SAMPLES, SAMPLE_RATE, Samples

DELAY_SAMPLES = 480
"""A frame is released 60 ms after its place: what jitter is forgiven."""

RING_SAMPLES = 8_192
EARLY_SAMPLES_MAX = 80
LATE_SAMPLES_MAX = DELAY_SAMPLES - FRAME_SAMPLES
LATE_SPAN_SAMPLES = 1_600
JUMP_SAMPLES = 16_000
DRIFT_WINDOW_PACKETS = 250
DRIFT_SAMPLES_MAX = 80
FADE_FRAMES = 3

SILENCE: Samples = np.zeros(FRAME_SAMPLES, np.int16)


class Placement:
    """Where on the leg's timeline a packet belongs: by its timestamp, anchored at an arrival."""

    def __init__(self, clock_rate: int = SAMPLE_RATE) -> None:
        """`clock_rate` of the timestamps, in Hz."""
        self._clock_rate = clock_rate
        self._ssrc: int | None = None
        self._timestamp = 0
        self._position = 0
        self._late_since: int | None = None
        self._window = 0
        self._least_skew = 0
        self.anchored = 0

    def place(self, ssrc: int, timestamp: int, arrived: int) -> int:
        """The position of the packet's first sample, given the position of its arrival."""
        ticks = timestamp_delta(timestamp, self._timestamp)
        position = self._position + ticks * SAMPLE_RATE // self._clock_rate
        if ssrc != self._ssrc or self._is_off(arrived - position, arrived):
            position = self._anchor(ssrc, arrived)
        self._timestamp, self._position = timestamp, position
        self._follow_drift(arrived - position)
        return position

    def _is_off(self, skew: int, arrived: int) -> bool:
        # No packet arrives before it was sent: the anchor itself was late, or time jumped.
        if skew < -EARLY_SAMPLES_MAX or skew > JUMP_SAMPLES:
            return True
        if skew <= LATE_SAMPLES_MAX:
            self._late_since = None
            return False
        if self._late_since is None:
            self._late_since = arrived
        # A burst after a stall is late, too, but it ends; a sender who paused stays late.
        return arrived - self._late_since >= LATE_SPAN_SAMPLES

    def _anchor(self, ssrc: int, arrived: int) -> int:
        self._ssrc = ssrc
        self._late_since = None
        self._window = 0
        self.anchored += 1
        return arrived

    def _follow_drift(self, skew: int) -> None:
        """Move the anchor if even the luckiest packet of a window came late: a slow clock."""
        self._least_skew = min(self._least_skew, skew) if self._window else skew
        self._window += 1
        if self._window < DRIFT_WINDOW_PACKETS:
            return
        self._window = 0
        if self._least_skew > DRIFT_SAMPLES_MAX:
            self._position += self._least_skew
            self.anchored += 1


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of the timeline. `received` is false if the samples are a guess."""

    position: int
    samples: Samples
    received: bool


class JitterBuffer:
    """A ring of samples indexed by position, so order, duplicates and ptime do not matter."""

    def __init__(self) -> None:
        self._ring = np.zeros(RING_SAMPLES, np.int16)
        self._filled = np.zeros(RING_SAMPLES, np.bool_)
        self._cursor: int | None = None
        self._last = SILENCE
        self._missing = FADE_FRAMES
        self.late = 0
        self.lost = 0

    def put(self, position: int, samples: Samples) -> None:
        """Keep what is neither released yet nor further ahead than the ring is long."""
        if self._cursor is None:
            self._cursor = position
        first = max(position, self._cursor)
        last = min(position + len(samples), self._cursor + RING_SAMPLES)
        if first >= last:
            self.late += 1
            return
        self._write(first, samples[first - position : last - position])

    def release(self, now: int) -> list[Frame]:
        """The frames due at position `now`: one per tick, more after ticks were missed."""
        due = now - DELAY_SAMPLES
        if self._cursor is None:
            self._cursor = due
        if due - self._cursor >= RING_SAMPLES:
            self._filled[:] = False
            self._cursor = due
        frames: list[Frame] = []
        while self._cursor <= due:
            frames.append(self._frame(self._cursor))
            self._cursor += FRAME_SAMPLES
        return frames

    def _write(self, position: int, samples: Samples) -> None:
        start = position % RING_SAMPLES
        head = min(len(samples), RING_SAMPLES - start)
        self._ring[start : start + head] = samples[:head]
        self._filled[start : start + head] = True
        if tail := len(samples) - head:
            self._ring[:tail] = samples[head:]
            self._filled[:tail] = True

    def _frame(self, position: int) -> Frame:
        places = np.arange(position, position + FRAME_SAMPLES) % RING_SAMPLES
        filled = self._filled[places]
        count = int(np.count_nonzero(filled))
        if count == 0:
            return Frame(position, self._conceal(), False)
        samples = self._ring[places]
        if count < FRAME_SAMPLES:
            samples[~filled] = 0
        self._filled[places] = False
        self._last, self._missing = samples, 0
        return Frame(position, samples, True)

    def _conceal(self) -> Samples:
        """Repeat the last frame, halved each time; then silence."""
        if self._missing >= FADE_FRAMES:
            return SILENCE
        self._missing += 1
        self.lost += 1
        return self._last >> self._missing
