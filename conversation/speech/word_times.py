"""Where each word of a text lies in its audio."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from conversation.speech.engines import RATE, SpokenWord
from conversation.speech.espeak_library import ESPEAK_RATE, Mark

# What is quieter than this, on the scale of 16 bits, is the pause after a word.
SILENCE = 64
# The last sound may die away before the utterance ends.
MARGIN_MS = 40


def word_times(text: str, marks: Sequence[Mark], pcm: bytes) -> tuple[SpokenWord, ...]:
    """The words between spaces, each with its first and last audible millisecond.

    A word without a sound of its own, such as a dash, belongs to the word before it.
    """
    samples = np.frombuffer(pcm, dtype="<i2")
    begun = _begun(text, marks)
    ends = [*(start for start, _ in begun[1:]), len(samples)]
    return tuple(
        _timed(words, start, end, samples) for (start, words), end in zip(begun, ends, strict=True)
    )


def _begun(text: str, marks: Sequence[Mark]) -> list[tuple[int, str]]:
    """First sample at RATE and text of each audible word, in order, never going back."""
    begun: list[tuple[int, str]] = []
    silent = ""
    for match in re.finditer(r"\S+\s*", text):
        own = [mark.sample for mark in marks if match.start() <= mark.character < match.end()]
        if own:
            start = max(min(own) * RATE // ESPEAK_RATE, begun[-1][0] if begun else 0)
            begun.append((start, silent + match.group()))
            silent = ""
        elif begun:
            begun[-1] = (begun[-1][0], begun[-1][1] + match.group())
        else:
            silent += match.group()
    return begun


def _timed(words: str, start: int, end: int, samples: NDArray[np.int16]) -> SpokenWord:
    audible = np.flatnonzero(np.abs(samples[start:end].astype(np.int32)) > SILENCE)
    last = start + (int(audible[-1]) + 1 if len(audible) else 0)
    # Rounded up: a word whose end_ms has been played has been played whole.
    return SpokenWord(words.strip(), start * 1000 // RATE, -(-last * 1000 // RATE))
