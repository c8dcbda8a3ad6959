"""Packet-loss concealment by pitch waveform substitution, for many legs at once.

After ITU-T G.711 Appendix I: the last pitch period of what was heard is repeated, and fades out
by 60 ms. Nothing is kept between frames: what stands for the k-th lost frame is a function of the
sound before the loss and of k, so that a caller keeps `HISTORY_MS` of received sound per leg.
"""

import numpy as np
from numpy.typing import NDArray

HISTORY_MS = 50
LOST_FRAMES_MAX = 3
"""From here on there is nothing left to hear: 60 ms."""

PERIOD_US_MIN, PERIOD_US_MAX = 5_000, 15_000
"""200 to 66 Hz; of a higher voice, several periods are one."""

SEARCH_RATE = 8_000
WINDOW_MS = 20
VOICED_MIN = 0.5
FULL_MS, FADED_MS = 10, 60
JOIN_MS = 5
FRAMES_PER_SECOND = 50

Sound = NDArray[np.float32]
Legs = NDArray[np.int32]


def conceal(history: NDArray[np.int16], run: Legs, rate: int) -> NDArray[np.int16]:
    """int16[n, frame] in the place of lost frames.

    `history` is int16[n, HISTORY_MS of samples] received last, of zeros where there was less;
    `run` int32[n] how many frames before this one are lost already.
    """
    sound = history.astype(np.float32)
    out = _continuation(sound, run, rate, rate // FRAMES_PER_SECOND)
    return np.rint(out).astype(np.int16)


def join(
    history: NDArray[np.int16], run: Legs, frames: NDArray[np.int16], rate: int
) -> NDArray[np.int16]:
    """The first frames received after `run` lost ones, int16[n, frame], faded over into.

    `history` as it was for `conceal`: without these frames.
    """
    count = rate * JOIN_MS // 1_000
    rising = ((np.arange(count) + 1) / (count + 1)).astype(np.float32)
    falling = _continuation(history.astype(np.float32), run, rate, count) * (1 - rising)
    joined = frames.copy()
    joined[:, :count] = np.rint(frames[:, :count] * rising + falling)
    return joined


def _continuation(sound: Sound, run: Legs, rate: int, count: int) -> Sound:
    """`count` samples from the start of lost frame `run` on, by repeating the last period."""
    end = sound.shape[1]
    period = _periods(sound, rate)[:, None]
    lost = np.minimum(run, LOST_FRAMES_MAX)[:, None]
    since = lost * (rate // FRAMES_PER_SECOND) + np.arange(count, dtype=np.int32)
    phase = since % period
    place = end - period + phase
    # The end of a period is faded over into what came before it, and so meets its own beginning.
    overlap = period // 4
    fade = np.clip((phase - period + overlap + 1) / (overlap + 1), 0, 1).astype(np.float32)
    last = np.take_along_axis(sound, place, axis=1)
    before = np.take_along_axis(sound, place - period, axis=1)
    out = last + (before - last) * fade
    out += _step(sound, period, rate) * np.clip(1 - (since + 1) / overlap, 0, 1)
    faded = (FADED_MS - since * 1_000 / rate) / (FADED_MS - FULL_MS)
    return np.asarray(np.clip(out * np.clip(faded, 0, 1), -32768, 32767), np.float32)


def _step(sound: Sound, period: Legs, rate: int) -> Sound:
    """float32[n, 1]: by how much the repetition would begin beside where the sound ended."""
    before = np.take_along_axis(sound, sound.shape[1] - period - 1, axis=1)
    return sound[:, -1:] - before


def _periods(sound: Sound, rate: int) -> Legs:
    """int32[n]: the pitch period in samples, by the best normalized correlation with the end."""
    factor = rate // SEARCH_RATE
    coarse = sound.reshape(len(sound), sound.shape[1] // factor, factor).mean(axis=2)
    shortest = PERIOD_US_MIN * SEARCH_RATE // 1_000_000
    longest = PERIOD_US_MAX * SEARCH_RATE // 1_000_000
    window = WINDOW_MS * SEARCH_RATE // 1_000
    end = coarse[:, -window:]
    # Row i of the candidates lies `longest - i` samples before the end.
    reach = coarse[:, -window - longest : coarse.shape[1] - shortest]
    candidates = np.lib.stride_tricks.sliding_window_view(reach, window, axis=1)
    likeness = (candidates @ end[:, :, None])[:, :, 0]
    power = np.pad(np.cumsum(reach.astype(np.float64) ** 2, axis=1), ((0, 0), (1, 0)))
    energy = power[:, window:] - power[:, :-window] + 1.0
    likeness = likeness / np.sqrt(energy * (np.square(end).sum(axis=1, keepdims=True) + 1.0))
    best = np.argmax(likeness, axis=1)
    # What has no pitch is repeated as rarely as possible: a short period would buzz.
    voiced = np.take_along_axis(likeness, best[:, None], axis=1)[:, 0] >= VOICED_MIN
    return (np.where(voiced, longest - best, longest) * factor).astype(np.int32)
