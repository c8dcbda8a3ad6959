"""Change the sample rate of 16-bit mono audio, as the engines of speech hand it over."""

import numpy as np

from media import resample as filters


def resample(pcm: bytes, rate: int, wanted: int) -> bytes:
    """The same sound at another rate: s16le mono in, s16le mono out, rates in Hz."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16)
    return filters.resample(samples, rate, wanted).astype("<i2").tobytes()
