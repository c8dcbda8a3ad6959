"""Recognition in a child, with the real engine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.telephone import VOICES, over_telephone
from conversation.speech.choice import SpeechSettings
from conversation.speech.ears import Ears
from conversation.speech.engines import SpeechError
from conversation.speech.espeak import Espeak
from conversation.speech.grammars import YES_NO, listen_for

pytestmark = pytest.mark.slow


@pytest.fixture
def ears() -> Iterator[Ears]:
    one = Ears(SpeechSettings(stt="pocketsphinx"), "pocketsphinx")
    yield one
    one.close()


def children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(one) for one in text.split()]


def agreed() -> bytes:
    return over_telephone(Espeak(VOICES[7]).say("i agree").pcm)


def test_a_child_hears_what_the_engine_hears(ears: Ears) -> None:
    hearing = ears.hear(agreed(), (YES_NO,), dictation=False)

    assert (hearing.accepted, hearing.text, hearing.engine) == (True, "i agree", "pocketsphinx")


def test_a_child_that_was_killed_is_replaced(ears: Ears) -> None:
    ears.warm((YES_NO,))
    (child,) = set(children()) - {0}
    os.kill(child, signal.SIGKILL)

    assert ears.hear(agreed(), (YES_NO,), dictation=False).accepted


def test_the_errors_of_the_child_are_raised_here(ears: Ears) -> None:
    with pytest.raises(SpeechError, match="xyzzyx"):
        ears.warm((listen_for("x", ["xyzzyx"]),))
