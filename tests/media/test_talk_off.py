"""How often speech is taken for keys ("talk-off"): hardly ever for one that answers a question."""

from pathlib import Path

import numpy as np
import pytest

from conversation.speech.espeak import Espeak
from media.bank.hush import Hush
from media.bank.keys import Keys
from media.resample import resample
from media.units import SAMPLE_RATE, Samples, from_pcm
from tests.interop.speech import REAL
from tests.listening import load

pytestmark = pytest.mark.slow

WORDS = Path(__file__).parents[2] / "ARCHITECTURE.md"
SENTENCES = 150
PITCHES = (7_000, 8_000, 10_000)
"""The rate at which a voice is taken to have been said: as a man's, as it is, as a child's."""

LINE_SECONDS = 20
SILENCED_S_AN_HOUR_MAX = 20.0


def synthesised() -> Samples:
    engine = Espeak()
    sentences = [one for one in WORDS.read_text().split(". ") if one.count("|") == 0][:SENTENCES]
    said = np.concatenate([from_pcm(engine.say(one).pcm) for one in sentences])
    return np.concatenate([varied(said, rate) for rate in PITCHES])


def varied(sound: Samples, rate: int) -> Samples:
    """The same at another pitch and speed."""
    places = np.arange(0, len(sound) - 1, rate / SAMPLE_RATE)
    moved: Samples = np.interp(places, np.arange(len(sound)), sound).astype(np.int16)
    return moved


def spoken_by_people() -> Samples:
    """At different places between frames, at different pitches: a minute is as good as ten."""
    files = [resample(load(path), SAMPLE_RATE, SAMPLE_RATE) for path in sorted(REAL.glob("*.wav"))]
    shifted = [file[off:] for file in files for off in (0, 37, 91)]
    return np.concatenate([varied(one, rate) for one in shifted for rate in PITCHES])


@pytest.mark.parametrize("source", ["synthesised", "people"])
def test_speech_presses_no_key_and_is_hardly_ever_silenced(source: str) -> None:
    if source == "people" and not REAL.exists():
        pytest.skip("there are no recordings of people beside the repository")
    speech = synthesised() if source == "synthesised" else spoken_by_people()
    lines = speech[: len(speech) // (LINE_SECONDS * SAMPLE_RATE) * LINE_SECONDS * SAMPLE_RATE]
    frames = lines.reshape(-1, LINE_SECONDS * 50, 160)
    keys, slots = Keys(len(frames), SAMPLE_RATE), np.arange(len(frames))
    keys.wants[:] = True
    pressed = 0
    for n in range(frames.shape[1]):
        found, _ = keys.push(slots, slots * 0 + n * 160, np.ascontiguousarray(frames[:, n]))
        pressed += len(found)
    rows = np.zeros((len(frames), (LINE_SECONDS + 1) * SAMPLE_RATE), np.int16)
    rows[:, :-SAMPLE_RATE] = lines.reshape(len(frames), -1)
    before = rows.copy()
    Hush(rows, SAMPLE_RATE).silence(slots, slots * 0, LINE_SECONDS * SAMPLE_RATE)
    hours = lines.size / SAMPLE_RATE / 3_600
    silenced_s = np.count_nonzero(rows != before) / SAMPLE_RATE
    print(
        f"{source}, {hours:.2f} h of speech: {pressed / hours:.1f} keys an hour are not there,"
        f" {silenced_s / hours:.1f} s an hour are silenced"
    )
    assert pressed == 0
    assert silenced_s / hours <= SILENCED_S_AN_HOUR_MAX
