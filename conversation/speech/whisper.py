"""Speech to text with faster-whisper, where it is installed and a model lies on the disk."""

import importlib
import importlib.util
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from conversation.speech.engines import RATE, Grammar, Hearing, SpeechError, SpokenWord
from conversation.speech.grammars import normal
from conversation.speech.resample import resample

NAME = "faster-whisper"
MODEL_RATE = 16_000
UTTERANCE_SECONDS_MAX = 30
# Below these the model itself doubts that it heard words: it is known to invent some in silence.
SPEECH_PROBABILITY_MIN = 0.6
CONFIDENCE_PERMILLE_MIN = 400
# Where downloads of models are kept by their usual tool. It is read, never written.
CACHE = Path.home() / ".cache" / "huggingface" / "hub"
CACHED = "models--*faster-whisper*/snapshots/*"


class _Word(Protocol):
    word: str
    start: float
    end: float
    probability: float


class _Segment(Protocol):
    text: str
    avg_logprob: float
    no_speech_prob: float
    words: Sequence[_Word] | None


class _Model(Protocol):
    def transcribe(
        self,
        audio: NDArray[np.float32],
        *,
        language: str,
        beam_size: int,
        temperature: float,
        word_timestamps: bool,
    ) -> tuple[Iterable[_Segment], object]: ...


def installed() -> bool:
    return importlib.util.find_spec("faster_whisper") is not None


def find_model(configured: str, cache: Path = CACHE) -> Path | None:
    """The configured directory, or else the first model in the cache; None if there is neither."""
    if configured:
        return Path(configured) if _is_model(Path(configured)) else None
    return next((path for path in sorted(cache.glob(CACHED)) if _is_model(path)), None)


def _is_model(directory: Path) -> bool:
    return (directory / "model.bin").is_file()


class Whisper:
    """Hears anything, grammar or not; a grammar only decides what is accepted."""

    name = NAME

    def __init__(self, model: Path) -> None:
        self._path = model
        self._model: _Model | None = None

    def warm(self, grammars: tuple[Grammar, ...]) -> None:
        self._load()

    def hear(self, pcm: bytes, grammars: tuple[Grammar, ...], dictation: bool) -> Hearing:
        if len(pcm) > UTTERANCE_SECONDS_MAX * RATE * 2:
            raise SpeechError(f"utterance is longer than {UTTERANCE_SECONDS_MAX} s")
        model = self._load()
        if not pcm:
            return Hearing("", 0, NAME, False, "dictation" if dictation else "grammar")
        wide = np.frombuffer(resample(pcm, RATE, MODEL_RATE), dtype="<i2").astype(np.float32)
        # One beam at one temperature: an answer in bounded time, the same each time.
        segments, _ = model.transcribe(
            wide / np.float32(32_768),
            language="en",
            beam_size=1,
            temperature=0.0,
            word_timestamps=True,
        )
        heard = [one for one in segments if 1 - one.no_speech_prob >= SPEECH_PROBABILITY_MIN]
        text = " ".join(one.text.strip() for one in heard)
        return replace(judged(text, _confidence(heard), grammars), words=_spoken(heard))

    def _load(self) -> _Model:
        if self._model is None:
            self._model = load(self._path)
        return self._model


def load(path: Path) -> _Model:
    """Raises SpeechError if the model cannot be read. Nothing is downloaded."""
    module = importlib.import_module("faster_whisper")
    try:
        model = module.WhisperModel(
            str(path), device="cpu", compute_type="int8", local_files_only=True
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise SpeechError(f"{path} is no model which faster-whisper can read") from error
    return cast(_Model, model)


def judged(text: str, confidence: int, grammars: tuple[Grammar, ...]) -> Hearing:
    """A phrase of a grammar if the text is one, dictation otherwise."""
    plain = normal(text)
    sure = confidence >= CONFIDENCE_PERMILLE_MIN
    for grammar in grammars:
        if plain in {normal(phrase) for phrase in grammar.phrases}:
            return Hearing(plain, confidence, NAME, sure, "grammar")
    return Hearing(text, confidence, NAME, bool(text) and sure, "dictation")


def _confidence(segments: list[_Segment]) -> int:
    """The geometric mean probability of a token, of the worst segment, in permille."""
    return min((round(1000 * math.exp(one.avg_logprob)) for one in segments), default=0)


def _spoken(segments: list[_Segment]) -> tuple[SpokenWord, ...]:
    return tuple(
        SpokenWord(
            word.word.strip(),
            round(1000 * word.start),
            round(1000 * word.end),
            round(1000 * word.probability),
        )
        for one in segments
        for word in one.words or ()
    )
