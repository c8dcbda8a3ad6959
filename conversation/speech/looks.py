"""One utterance, looked at in several ways.

The acoustic model was trained on 16 kHz and finds nothing between 4 and 8 kHz on a telephone. What
is put there instead, and how much silence goes into the normalisation, change which wrong words
look plausible, but not which right ones.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from conversation.speech.engines import RATE
from conversation.speech.resample import resample
from conversation.speech.sphinx_library import MODEL_RATE

# The mirror image of the lower band at -10 dB stands in for fricatives.
MIRROR_GAIN = 0.3
NOISE_RMS = 20.0
NOISE_SEED = 1


@dataclass(frozen=True, slots=True)
class Look:
    upper_band: Literal["empty", "mirrored", "noisy"]
    margin_ms: int


LOOKS = (
    Look("mirrored", 120),
    Look("noisy", 120),
    Look("empty", 250),
    Look("mirrored", 250),
    Look("empty", 120),
)


def widened(pcm: bytes, look: Look) -> bytes:
    """8 kHz in, 16 kHz out; the same for the same input."""
    wide = resample(pcm, RATE, MODEL_RATE)
    if look.upper_band == "empty":
        return wide
    samples = np.frombuffer(wide, dtype="<i2").astype(np.float64)
    if look.upper_band == "noisy":
        samples += np.random.default_rng(NOISE_SEED).normal(0, NOISE_RMS, len(samples))
    else:
        # Zeros between the samples mirror the spectrum at 4 kHz.
        mirrored = np.zeros(len(samples))
        mirrored[::2] = 2.0 * np.frombuffer(pcm, dtype="<i2")
        samples += MIRROR_GAIN * (mirrored - samples)
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()
