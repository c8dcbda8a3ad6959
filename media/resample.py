"""Change the sample rate of 16-bit mono audio with windowed-sinc polyphase filters.

`Resampler` runs short filters on the frames of many legs at once, with the end of each leg's last
frame as history, so that frames join without a seam. `resample` has the whole sound at hand and
takes longer filters.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from media.units import Samples

Filter: TypeAlias = NDArray[np.float32]

LIVE_DELAY = 16
"""What a live filter delays, in samples of the lower of its two rates: 2 ms at 8 kHz."""

# About 60 dB off the aliases, and a pass band up to 0.8 of the lower Nyquist frequency.
LIVE_BETA = 6.0
LIVE_CUTOFF = 0.91
BLOCK = 20

# Stop-band attenuation near 80 dB: the aliases stay below the noise of 16-bit samples at speech
# levels, and far below that of G.711.
WHOLE_BETA = 8.0
WHOLE_ZERO_CROSSINGS = 24
# The -6 dB point as a share of the lower Nyquist frequency: 3.68 kHz for 8 kHz audio, so that
# the transition band ends near 4 kHz.
WHOLE_CUTOFF = 0.92


class Resampler:
    """The frames of up to `slots` legs from one rate to another, rates in Hz.

    A frame has a multiple of `BLOCK` times the reduced rate: any multiple of 2.5 ms from 8, 16 or
    48 kHz to 8 or 16 kHz. What comes out is `LIVE_DELAY` samples of the lower rate late.
    """

    def __init__(self, slots: int, rate: int, wanted: int) -> None:
        up, down = _ratio(rate, wanted)
        self._block = BLOCK * down
        self._filter = _live_filter(up, down)
        self._past = np.zeros((slots, len(self._filter) - self._block), np.float32)

    def run(self, slots: NDArray[np.integer], frames: NDArray[np.int16]) -> NDArray[np.int16]:
        """int16[k, m] of the slots, each named once, as int16[k, m * wanted / rate]."""
        history = self._past.shape[1]
        sound = np.concatenate([self._past[slots], frames], axis=1, dtype=np.float32)
        self._past[slots] = sound[:, sound.shape[1] - history :]
        blocks, (row, sample) = frames.shape[1] // self._block, sound.strides
        windows = as_strided(
            sound,
            (len(frames), blocks, len(self._filter)),
            (row, self._block * sample, sample),
            writeable=False,
        )
        out: NDArray[np.float32] = windows @ self._filter
        return _rounded(out.reshape(len(frames), -1))

    def reset(self, slots: NDArray[np.integer]) -> None:
        """Forget what the slots played before: other legs have them now."""
        self._past[slots] = 0


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound at another rate, not delayed. int16[n] in and out, rates in Hz."""
    if rate == wanted or not len(samples):
        return samples
    up, down = _ratio(rate, wanted)
    return _rounded(_polyphase(samples.astype(np.float64), up, down))


def _ratio(rate: int, wanted: int) -> tuple[int, int]:
    divisor = int(np.gcd(rate, wanted))
    return wanted // divisor, rate // divisor


def _rounded(sound: NDArray[np.floating]) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return samples


@lru_cache(maxsize=8)
def _live_filter(up: int, down: int) -> Filter:
    """A causal filter for blocks, as a matrix: (history + block) samples in, a block out.

    So that all blocks of all legs are one product of matrices.
    """
    half = LIVE_DELAY * max(up, down)
    history = -(-2 * half // up)
    place = np.arange(BLOCK * up)[None, :] * down
    source = np.arange(-history, BLOCK * down)[:, None] * up
    position = (place - source - half) / max(up, down)
    inside = np.abs(position) <= LIVE_DELAY
    window = np.i0(LIVE_BETA * np.sqrt(np.where(inside, 1 - (position / LIVE_DELAY) ** 2, 0)))
    taps = np.where(inside, np.sinc(LIVE_CUTOFF * position) * window, 0)
    return np.asarray(taps / taps.sum(axis=0, keepdims=True), np.float32)


def _polyphase(samples: NDArray[np.float64], up: int, down: int) -> NDArray[np.float64]:
    phases = _phases(up, down)
    taps = phases.shape[1]
    length = (len(samples) * up + down - 1) // down
    # Output n lies at n*down/up input samples. All outputs of one phase are `down` inputs apart.
    margin = taps // 2 + down
    windows = sliding_window_view(np.pad(samples, margin), taps)
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
    cutoff = WHOLE_CUTOFF * min(1.0, up / down)
    half = int(np.ceil(WHOLE_ZERO_CROSSINGS / cutoff))
    position = np.arange(-half + 1, half + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(WHOLE_BETA * np.sqrt(np.clip(1 - (position / half) ** 2, 0, None)))
    rows = np.sinc(cutoff * position) * window
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)
