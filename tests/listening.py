"""Find one sound in another."""

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.resample import resample
from media.units import SAMPLE_RATE, Samples, from_pcm
from parley.caller import wav

PIECE_SAMPLES = SAMPLE_RATE // 4
SLIP_SAMPLES = SAMPLE_RATE
ALIKE = 0.9
"""From here on two sounds are the same one, coded to G.711 and back."""


class Found(NamedTuple):
    """`likeness` is 1 for an exact copy, whatever its level; `at` is a sample."""

    likeness: float
    at: int

    @property
    def at_s(self) -> float:
        return self.at / SAMPLE_RATE


def find(part: Samples, whole: Samples) -> Found:
    """Where `part` is most like `whole`: a normalised cross-correlation."""
    if len(part) > len(whole):
        return Found(0.0, 0)
    needle, hay = part.astype(np.float64), whole.astype(np.float64)
    size = 1 << (len(hay) + len(needle)).bit_length()
    product = np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size))
    places = len(hay) - len(needle) + 1
    products = np.fft.irfft(product, size)[:places]
    power = np.concatenate([[0.0], np.cumsum(hay**2)])
    energy = (power[len(needle) :] - power[:places]) * float(np.sum(needle**2))
    alike: NDArray[np.float64] = products / np.sqrt(np.maximum(energy, 1.0))
    best = int(np.argmax(alike))
    return Found(float(alike[best]), best)


def share(part: Samples, whole: Samples, alike: float = ALIKE) -> float:
    """How much of `part` is in `whole`, piece by piece and in this order.

    A machine with too much to do lets sound wait: each piece is there, and not where it would be.
    """
    pieces = np.array_split(part, max(1, len(part) // PIECE_SAMPLES))
    pieces = [piece for piece in pieces if len(voiced(piece))]
    first, last, there = 0, len(whole), 0
    for piece in pieces:
        found = find(piece, whole[first:last])
        last += len(piece)
        if found.likeness > alike:
            there += 1
            first += found.at + len(piece)
            last = first + len(piece) + SLIP_SAMPLES
    return there / len(pieces)


def load(path: Path) -> Samples:
    """A WAV file as 8 kHz mono."""
    return from_pcm(wav.read(str(path)).audio)


def sides(path: Path) -> tuple[Samples, Samples]:
    """The left and the right of a stereo WAV file at 8 or 16 kHz, as 8 kHz."""
    with wave.open(str(path)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        rate = file.getframerate()
    left, right = (resample(both[:, side].copy(), rate, SAMPLE_RATE) for side in (0, 1))
    return left, right


def voiced(samples: Samples) -> Samples:
    """Without the silence before and after."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 500)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]
