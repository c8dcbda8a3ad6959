"""Change the sample rate of 16-bit mono audio with a windowed-sinc polyphase filter."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Stop-band attenuation near 80 dB: the aliases stay below the noise of 16-bit samples at speech
# levels, and far below that of G.711.
KAISER_BETA = 8.0
ZERO_CROSSINGS = 24
# The -6 dB point as a share of the lower Nyquist frequency: 3.68 kHz for 8 kHz audio, so that
# the transition band ends near 4 kHz.
CUTOFF = 0.92


def resample(pcm: bytes, rate: int, wanted: int) -> bytes:
    """The same sound at another rate: s16le mono in, s16le mono out, rates in Hz."""
    if rate == wanted or not pcm:
        return pcm
    divisor = int(np.gcd(rate, wanted))
    up, down = wanted // divisor, rate // divisor
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    filtered = _polyphase(samples, up, down)
    return np.clip(np.rint(filtered), -32768, 32767).astype("<i2").tobytes()


def _polyphase(samples: NDArray[np.float64], up: int, down: int) -> NDArray[np.float64]:
    phases = _phases(up, down)
    taps = phases.shape[1]
    length = (len(samples) * up + down - 1) // down
    # Output n lies at n*down/up input samples. All outputs of one phase are `down` inputs apart.
    margin = taps // 2 + down
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, margin), taps)
    offset = margin - (taps // 2 - 1)
    out = np.empty(length)
    for first in range(min(up, length)):
        base, phase = divmod(first * down, up)
        count = (length - first + up - 1) // up
        view = windows[offset + base :: down][:count]
        out[first::up] = np.einsum("ij,j->i", view, phases[phase])
    return out


@lru_cache(maxsize=8)
def _phases(up: int, down: int) -> NDArray[np.float64]:
    """One row of taps for each fractional delay; each row has unit gain at 0 Hz."""
    cutoff = CUTOFF * min(1.0, up / down)
    half = int(np.ceil(ZERO_CROSSINGS / cutoff))
    position = np.arange(-half + 1, half + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (position / half) ** 2, 0, None)))
    rows = np.sinc(cutoff * position) * window
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)
