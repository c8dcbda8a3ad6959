"""Utterances that are no answer to a yes-or-no question, and answers, as a telephone brings them.

People who were recorded, voices that are synthesised, and sounds that nobody says. The same every
time: what varies follows from a number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.near_misses import ALIKE, NEAR_MISSES
from bench.sentences import UNSEEN
from bench.telephone import VOICES, Recording, over_telephone, recordings
from conversation.speech.engines import RATE
from conversation.speech.espeak import Espeak, Voice

Samples = NDArray[np.float64]

YES_SPOKEN = ("yes", "yes please", "yes i agree", "i agree", "yes i do", "i accept", "yeah")
CONFIRMED_SPOKEN = ("yes i agree",)
NO_SPOKEN = ("no", "no thank you", "no i do not agree", "i disagree", "i do not agree", "nope")

PACES = ((150, 50, 1), (120, 35, 3), (190, 65, 0), (165, 25, 1), (140, 80, 2))
"""Words in a minute, pitch, gap between words: as `Voice` has them."""

LINES: tuple[float | None, ...] = (None, 20.0, 10.0)
"""How far above the noise the voice is, in dB; None: a quiet line."""

CUT_SECONDS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
# A piece with less in it is a pause.
CUT_RMS_MIN = 250
SOUND_RMS = 3_000.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """What came over the line, s16le at RATE; `text` is what was said, if it was said."""

    name: str
    kind: str
    text: str
    pcm: bytes
    line: float | None = None


def not_answers() -> Iterator[Utterance]:
    """All of them: people, near misses in three voices each, sentences, sounds."""
    yield from people()
    yield from synthesised_each("near miss", NEAR_MISSES, 3)
    yield from synthesised_each("sentence", UNSEEN, 1)
    yield from sounds()


def like_a_confirmation() -> Iterator[Utterance]:
    """What was made up to be taken for the very sentence that confirms."""
    yield from synthesised_each("alike", ALIKE, 3)


def people() -> Iterator[Utterance]:
    """Pieces of recordings of 1 to 6 s, none if the recordings are not at hand."""
    for recording in recordings():
        for number, (name, piece) in enumerate(_pieces(recording)):
            line = LINES[number % len(LINES)]
            yield Utterance(f"{name}{_of(line)}", "people", "", heard(piece, line, number))


def synthesised_each(kind: str, texts: Sequence[str], turns: int) -> Iterator[Utterance]:
    """Each text in so many voices, at other paces, over other lines."""
    for number, text in enumerate(texts):
        for turn in range(turns):
            yield synthesised(kind, text, turns * number + turn)


def answers(texts: Iterable[str], turns: int = 12) -> Iterator[Utterance]:
    """Each in many voices, as many times over each line."""
    for text in texts:
        for turn in range(turns):
            yield synthesised("answer", text, turn * 5 + len(text))


def synthesised(kind: str, text: str, number: int) -> Utterance:
    """A text in the voice, at the pace and over the line of that number."""
    timbre, line = VOICES[number * 5 % len(VOICES)], LINES[number % len(LINES)]
    pace = PACES[number // len(LINES) % len(PACES)]
    said = Espeak(Voice(timbre.name, *pace)).say(text)
    name = f"{text} [{timbre.name} {pace[0]}/{pace[1]}{_of(line)}]"
    return Utterance(name, kind, text, heard(said.pcm, line, number), line)


def heard(pcm: bytes, line: float | None, seed: int) -> bytes:
    """Through a telephone: loud or faint, with so much noise below the voice."""
    gain = (0.7, 0.4, 0.2)[seed % 3]
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    rms = gain * float(np.sqrt(np.square(samples).mean())) if len(samples) else 0.0
    noise = 4.0 if line is None else rms * 10 ** (-line / 20)
    return over_telephone(pcm, gain=gain, noise=noise, seed=seed)


def _pieces(recording: Recording) -> Iterator[tuple[str, bytes]]:
    samples = np.frombuffer(recording.pcm, dtype="<i2")
    for seconds in CUT_SECONDS:
        size = int(seconds * RATE)
        for start in range(0, max(1, len(samples) - size + 1), size // 2):
            piece = samples[start : start + size]
            if np.sqrt(np.square(piece.astype(np.float64)).mean()) >= CUT_RMS_MIN:
                yield f"{recording.name} {start / RATE:.2f}+{seconds:g} s", piece.tobytes()


def _of(line: float | None) -> str:
    return "" if line is None else f" {line:g} dB"


def sounds() -> Iterator[Utterance]:
    """What nobody says: tones, noise, music, coughs, clicks, many at once."""
    made = {
        "ringback": _bursts(_tones((440, 480), 4.0), 2.0, 4.0),
        "busy": _bursts(_tones((480, 620), 3.0), 0.5, 1.0),
        "dial tone": _tones((350, 440), 2.0),
        "fax": _tones((1_100,), 3.0),
        "modem": _tones((2_100,), 3.0),
        "hum": _tones((50, 100, 150), 3.0),
        "siren": _sweep(600, 1_400, 3.0),
        "whistle": _sweep(2_000, 1_200, 1.0),
        **{f"key {key}": _tones(pair, 0.3) for key, pair in _keys()},
        **{f"music {n}": _music(n) for n in range(8)},
        **{f"white noise {n}": _noise(n, 1.0 + n) for n in range(3)},
        **{f"breath {n}": _smooth(_noise(n, 1.2), 6) * _swell(1.2) for n in range(3)},
        **{f"hiss {n}": _steep(_noise(n, 0.6 + n / 5)) * _swell(0.6 + n / 5) for n in range(4)},
        **{f"cough {n}": _cough(n) for n in range(6)},
        **{f"clicks {n}": _clicks(n) for n in range(3)},
    }
    for number, (name, samples) in enumerate(made.items()):
        line = LINES[number % len(LINES)]
        yield Utterance(f"{name}{_of(line)}", "sound", "", heard(_pcm(samples), line, number))
    yield from _babble()


def _pcm(samples: Samples) -> bytes:
    rms = float(np.sqrt(np.square(samples).mean()))
    scaled = samples * SOUND_RMS / max(rms, 1e-9)
    return np.clip(np.rint(scaled), -32_768, 32_767).astype("<i2").tobytes()


def _time(seconds: float) -> Samples:
    return np.linspace(0.0, seconds, int(seconds * RATE), endpoint=False)


def _tones(hertz: tuple[int, ...], seconds: float) -> Samples:
    at = _time(seconds)
    together: Samples = np.stack([np.sin(2 * np.pi * f * at) for f in hertz]).sum(axis=0)
    return together


def _bursts(samples: Samples, on: float, every: float) -> Samples:
    at = np.arange(len(samples)) / RATE
    return np.where(at % every < on, samples, 0.0)


def _sweep(low: float, high: float, seconds: float) -> Samples:
    at = _time(seconds)
    hertz = low + (high - low) * (0.5 - 0.5 * np.cos(2 * np.pi * at))
    return np.sin(2 * np.pi * np.cumsum(hertz) / RATE)


def _keys() -> Iterator[tuple[str, tuple[int, int]]]:
    for row, low in zip(("123", "456", "789", "*0#"), (697, 770, 852, 941), strict=True):
        for key, high in zip(row, (1_209, 1_336, 1_477), strict=True):
            yield key, (low, high)


def _noise(seed: int, seconds: float) -> Samples:
    return np.random.default_rng(seed).normal(0.0, 1.0, int(seconds * RATE))


def _smooth(samples: Samples, width: int) -> Samples:
    return np.convolve(samples, np.ones(width) / width, "same")


def _steep(samples: Samples) -> Samples:
    """Only what is high in it, as in an S."""
    return np.diff(samples, n=2, prepend=(0.0, 0.0))


def _swell(seconds: float) -> Samples:
    return np.sin(np.pi * _time(seconds) / seconds) ** 2


def _music(seed: int) -> Samples:
    """Notes with overtones, each one struck and fading, over a bass."""
    chance = np.random.default_rng(seed)
    notes: list[Samples] = []
    for _ in range(6):
        base = 220.0 * 2 ** (int(chance.integers(0, 24)) / 12)
        at = _time(0.25 + 0.05 * (seed % 4))
        tone = sum((np.sin(2 * np.pi * base * n * at) / n for n in range(1, 6)), np.zeros(len(at)))
        notes.append(tone * np.exp(-3 * at))
    tune = np.concatenate(notes)
    return tune + 0.4 * np.sin(2 * np.pi * 110 * np.arange(len(tune)) / RATE)


def _cough(seed: int) -> Samples:
    """A burst, a hole, a longer one that has some voice."""
    at = _time(0.3)
    burst = _smooth(_noise(seed, 0.12), 3) * np.exp(-20 * _time(0.12))
    voiced = _smooth(_noise(seed + 50, 0.3), 4) + 0.6 * np.sign(np.sin(2 * np.pi * 180 * at))
    once = np.concatenate([burst, np.zeros(400), voiced * np.exp(-8 * at), np.zeros(1_200)])
    return np.tile(once, 1 + seed % 3)


def _clicks(seed: int) -> Samples:
    chance = np.random.default_rng(seed)
    samples = np.zeros(2 * RATE)
    samples[chance.integers(0, 2 * RATE, 12 + 10 * seed)] = 1.0
    return _smooth(samples, 5)


def _babble() -> Iterator[Utterance]:
    """Several who read aloud at once."""
    every = [np.frombuffer(one.pcm, dtype="<i2").astype(np.float64) for one in recordings()]
    for shift in range(6 if len(every) > 2 else 0):
        tracks = [
            np.roll(np.resize(one, 3 * RATE), 1_700 * shift * n) for n, one in enumerate(every)
        ]
        together = _pcm(np.sum(tracks, axis=0))
        yield Utterance(f"babble {shift}", "sound", "", heard(together, None, shift))
