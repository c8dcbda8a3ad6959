"""The detection of speech on many legs, against one segmenter for each."""

from random import Random

import numpy as np
import pytest

from media.bank.ring import Rings
from media.bank.speech import Speech
from media.jitter import Frame
from media.units import FRAME_SAMPLES, Samples
from media.vad import Segmenter, SpeechEnded, SpeechStarted, webrtc_detector
from tests.media.line import voice

LEGS = 3


def spurts(random: Random, seconds: int) -> Samples:
    """Talk and silence, of random length."""
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * 8_000:
        spoken = voice(20 * random.randint(1, 150), random.randint(1, 9))
        if random.random() < 0.5:
            spoken.reshape(-1, FRAME_SAMPLES)[:, : FRAME_SAMPLES // 2] = 0  # Whole frames count.
        parts.append(spoken)
        parts.append(np.zeros(FRAME_SAMPLES * random.randint(1, 60), np.int16))
    return np.concatenate(parts)[: seconds * 8_000]


@pytest.mark.parametrize("seed", range(3))
def test_speech_begins_and_ends_where_one_segmenter_finds_it(seed: int) -> None:
    random = Random(seed)
    sounds = np.stack([spurts(random, 40) for _ in range(LEGS)])
    sounds[0] = voice(40_000)  # Without end: it is cut.
    rings = Rings(LEGS, 8_000)
    speech = Speech(LEGS, 8_000, rings, webrtc_detector)
    slots = np.arange(LEGS)
    for slot in range(LEGS):
        rings.open(slot)
        speech.open(slot)
        speech.listening[slot] = True
    segmenters = [Segmenter(webrtc_detector()) for _ in range(LEGS)]
    for start in range(0, sounds.shape[1], FRAME_SAMPLES):
        frames = sounds[:, start : start + FRAME_SAMPLES]
        rings.put(slots, np.full(LEGS, start), frames)
        positions, released, _ = rings.release(slots)
        found, _ = speech.push(slots, positions, released)
        for slot in range(LEGS):
            wanted = segmenters[slot].push(Frame(start, frames[slot], True))
            assert_same([event for at, event in found if at == slot], wanted)


def assert_same(
    found: list[SpeechStarted | SpeechEnded], wanted: list[SpeechStarted | SpeechEnded]
) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        if isinstance(theirs, SpeechStarted):
            assert ours == theirs
        else:
            assert isinstance(ours, SpeechEnded)
            assert (ours.start, ours.end) == (theirs.start, theirs.end)
            assert np.array_equal(ours.samples, theirs.samples)
