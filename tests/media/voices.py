"""Seeded sounds at any rate: what speech does to a codec, a filter or a concealment."""

import numpy as np

from media.units import Samples


def voiced(rate: int, ms: int, seed: int = 1) -> Samples:
    """A throat whose pitch wanders, in syllables of changing vowels, with breath between them."""
    random = np.random.default_rng(seed)
    n = rate * ms // 1_000
    t = np.arange(n) / rate
    pitch = random.uniform(95, 220) * (1 + 0.08 * np.sin(2 * np.pi * 1.3 * t + seed))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    first = 500 + 200 * np.sin(2 * np.pi * 2.1 * t + seed)
    second = 1_500 + 500 * np.sin(2 * np.pi * 1.7 * t + 2 * seed)
    wave = np.zeros(n)
    for k in range(1, int(3_400 / pitch.max())):
        frequency = k * pitch
        formants = np.exp(-(((frequency - first) / 250) ** 2))
        formants = formants + 0.4 * np.exp(-(((frequency - second) / 350) ** 2)) + 0.02
        wave += formants * np.sin(k * phase)
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * t + seed) + 0.6, 0.02, 1)
    sound = wave * syllables + random.normal(0, 0.01, n)
    return np.asarray(sound / np.abs(sound).max() * 14_000).astype(np.int16)


def tone(rate: int, frequency: float, ms: int, amplitude: float = 8_000) -> Samples:
    t = np.arange(rate * ms // 1_000) / rate
    return np.asarray(amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.int16)


def snr_db(wanted: Samples, heard: Samples) -> float:
    """Power of what was wanted over the power of the difference."""
    signal = wanted.astype(np.float64)
    error = heard.astype(np.float64) - signal
    return float(10 * np.log10((signal**2).sum() / max((error**2).sum(), 1e-9)))


def best_snr_db(wanted: Samples, heard: Samples, delay_max: int) -> tuple[int, float]:
    """The delay of what is heard, in samples, at which it is most like what was wanted."""
    n = len(wanted) - delay_max
    delays = {d: snr_db(wanted[:n], heard[d : d + n]) for d in range(delay_max)}
    best = max(delays, key=lambda d: delays[d])
    return best, delays[best]
