"""Samples and microseconds: the two units of a leg's timeline."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
"""One channel of 16-bit samples at 8 kHz."""

Address: TypeAlias = tuple[str, int]
"""Host and UDP port."""

SAMPLE_RATE = 8_000
FRAME_MS = 20
FRAME_US = 20_000
FRAME_SAMPLES = 160
SAMPLES_PER_MS = 8
SAMPLE_US = 125


def to_samples(us: int) -> int:
    """Whole samples in a span of microseconds, rounded down."""
    return us * SAMPLES_PER_MS // 1_000


def to_us(samples: int) -> int:
    """Microseconds in a span of samples; exact."""
    return samples * SAMPLE_US


def to_ms(samples: int) -> int:
    """Whole milliseconds in a span of samples, rounded down."""
    return samples // SAMPLES_PER_MS


def slot_start(now: int) -> int:
    """The start of the 20 ms slot of the wall clock that `now` falls into, in microseconds."""
    return now - now % FRAME_US


def pcm(samples: Samples) -> bytes:
    """The samples as s16le bytes, on any machine."""
    return samples.astype("<i2", copy=False).tobytes()


def from_pcm(data: bytes | memoryview) -> Samples:
    """s16le bytes as samples. ValueError for half a sample."""
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)
