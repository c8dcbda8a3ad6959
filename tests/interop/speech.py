"""What the caller says: real speech where it is at hand, else synthesised."""

from functools import cache
from pathlib import Path

import numpy as np

from conversation.speech.espeak import Espeak
from media.units import SAMPLE_RATE, Samples, from_pcm
from parley.caller import script
from tests.listening import load

# Recordings of people, beside the repository; they are not part of it.
REAL = Path(__file__).parents[3] / "shared" / "speech"
WORDS = "Unless to be rather cold hearted and rather selfish is to be ill disposed."


def caller_speech() -> Samples:
    """Five seconds of a caller."""
    recorded = REAL / "librivox-0890.wav"
    return load(recorded) if recorded.exists() else from_pcm(script.text(WORDS).audio)


@cache
def agent_speech(text: str) -> Samples:
    """The same samples as the agent's voice makes of the same text."""
    return from_pcm(Espeak().say(text).pcm)


def pause(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE), np.int16)
