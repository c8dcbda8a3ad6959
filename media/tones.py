"""Keys that are pressed as sound: pairs of tones (ITU-T Q.23), found as Q.24 wants receivers to be.

A window of 12.5 ms is a key where nearly all of its energy is in one tone of each group, neither
much louder than the other. Speech does that for a moment, too: so windows in a row decide.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.units import Samples

KEYS = "123A456B789C*0#D"
LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
GROUP = len(LOW_HZ)
NO_KEY = -1
WINDOWS_A_SECOND_OF_LENGTH = 80
HOPS_A_SECOND = 100
"""A window begins every 10 ms and is 12.5 ms long: its bins are as far apart as the tones are."""

LOUD_MEAN_SQUARE = 100_000.0
"""-36 dBm0 in each tone. Q.24 wants -25 dBm to be heard."""

SHARE_MIN = 0.75
"""Of the energy: two tones which are off by 1.5 % still have so much."""

PEAK = 6.3
"""How much more the tone has than any other of its group: 8 dB."""

TWIST = 8.0
"""How much more one of both tones may have: 9 dB; Q.24 wants 8 to be heard."""

IN_A_ROW = 4
"""Windows that make a key: pressed for 53 ms and longer it is always one."""

RELEASED = 4
"""Windows without it after which it is no longer held: less is a loss on the way."""

Windows = NDArray[np.int16]
Hits = NDArray[np.int8]
"""For each window the place of its key in KEYS, or NO_KEY."""


def window_samples(rate: int) -> int:
    return rate // WINDOWS_A_SECOND_OF_LENGTH


def hop_samples(rate: int) -> int:
    return rate // HOPS_A_SECOND


def judged(windows: Windows, rate: int) -> Hits:
    """Which key each window sounds like: (windows, window_samples)."""
    wide = windows.astype(np.float32)
    energy = np.einsum("ij,ij->i", wide, wide)
    hits = np.full(len(windows), NO_KEY, np.int8)
    length = windows.shape[1]
    loud = np.flatnonzero(energy >= LOUD_MEAN_SQUARE * length)
    if not loud.size:
        return hits
    energy = energy[loud]
    waves = wide[loud] @ _basis(rate)
    power = (waves[:, : 2 * GROUP] ** 2 + waves[:, 2 * GROUP :] ** 2) * (2 / length)
    groups = power.reshape(len(loud), 2, GROUP)
    most = groups.max(axis=2)
    likely = np.flatnonzero(
        (most.sum(axis=1) >= SHARE_MIN * energy) & (most.max(axis=1) <= TWIST * most.min(axis=1))
    )
    if likely.size:
        groups = np.sort(groups[likely], axis=2)
        clear = likely[(groups[:, :, -2] * PEAK <= groups[:, :, -1]).all(axis=1)]
        low, high = power[clear, :GROUP].argmax(axis=1), power[clear, GROUP:].argmax(axis=1)
        hits[loud[clear]] = low * GROUP + high
    return hits


@lru_cache(maxsize=4)
def _basis(rate: int) -> NDArray[np.float32]:
    """Cosines, then sines, of all tones: (window, 2 * tones)."""
    turns = np.outer(np.arange(window_samples(rate)), (*LOW_HZ, *HIGH_HZ)) * 2 * np.pi / rate
    return np.concatenate([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)


def tone(key: str, ms: int, rate: int = 8_000, level: float = 6_000.0) -> Samples:
    """The sound of a key; `level` is the peak of each of its tones."""
    low, high = divmod(KEYS.index(key), GROUP)
    turns = 2 * np.pi * np.arange(ms * rate // 1_000) / rate
    sound = np.sin(turns * LOW_HZ[low]) + np.sin(turns * HIGH_HZ[high])
    return (sound * level).astype(np.int16)
