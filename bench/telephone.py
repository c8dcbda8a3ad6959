"""Speech as it arrives over a telephone, synthesised or recorded."""

import os
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conversation.speech.engines import RATE
from conversation.speech.espeak import Espeak, Voice
from conversation.speech.resample import resample
from media.codecs import CODECS

# Where recordings of people are, with a table of their words; they are no part of the project.
RECORDINGS = Path(
    os.environ.get("PARLEY_SPEECH", Path(__file__).resolve().parents[2] / "shared" / "speech")
)
SILENCE_MS = 250

VOICES = (
    Voice("en-us", 150, 50),
    Voice("en-us", 180, 40),
    Voice("en-us+f3", 160, 55),
    Voice("en-us+f1", 150, 50),
    Voice("en-us+f5", 170, 50),
    Voice("en-us+m3", 150, 50),
    Voice("en-us+m7", 165, 45),
    Voice("en", 150, 50),
    Voice("en+f2", 170, 55),
    Voice("en-gb-x-rp", 160, 50),
    Voice("en-us+klatt2", 150, 50),
    Voice("en-us-nyc", 160, 45),
    Voice("en-us+Andrea", 150, 50),
    Voice("en-us+michel", 150, 50),
)


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    words: str
    pcm: bytes


def over_telephone(
    pcm: bytes,
    *,
    gain: float = 1.0,
    noise: float = 8.0,
    silence_ms: int = SILENCE_MS,
    seed: int = 0,
) -> bytes:
    """At 8 kHz in µ-law and back, amid some silence and white noise (RMS in samples of 16 bits)."""
    silence = np.zeros(silence_ms * RATE // 1000)
    speech = np.frombuffer(pcm, dtype="<i2") * gain
    line = np.concatenate([silence, speech, silence])
    line += np.random.default_rng(seed).normal(0, noise, len(line))
    samples = np.clip(np.rint(line), -32_768, 32_767).astype(np.int16)
    law = CODECS["PCMU"]
    return law.decode(law.encode(samples)).astype("<i2").tobytes()


def spoken(text: str, voice: Voice, number: int) -> bytes:
    """A sentence of the corpus: how loud and how noisy follows from its number."""
    gain, noise = (0.5, 0.2, 0.1)[number % 3], (4.0, 12.0, 25.0)[number // 3 % 3]
    return over_telephone(Espeak(voice).say(text).pcm, gain=gain, noise=noise, seed=number)


def recordings() -> Iterator[Recording]:
    """Every recording that is there, at 8 kHz; none if the folder is absent."""
    table = RECORDINGS / "README.md"
    if not table.exists():
        return
    for line in table.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 3 and cells[1].startswith("`"):
            name = cells[1].strip("`")
            with wave.open(str(RECORDINGS / name)) as file:
                pcm = resample(file.readframes(file.getnframes()), file.getframerate(), RATE)
            yield Recording(name, cells[2], pcm)
