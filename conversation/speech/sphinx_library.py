"""PocketSphinx 5 as far as it is used: what has no types ends at the border of this file."""

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

MODEL_RATE = 16_000
FRAME_MS = 10

# How the names of silence and noises begin.
_NO_WORDS = "<[+"

# From a state, to a state, the probability, and the word said in between.
Arc = tuple[int, int, float, str]
START, END = 0, 1

# Wider than the defaults: a phrase whose last word is faint must not be lost to half a phrase.
_BEAMS = {
    "beam": 1e-60,
    "wbeam": 1e-50,
    "pbeam": 1e-60,
    "lpbeam": 1e-50,
    "lponlybeam": 1e-50,
}


class _Hypothesis(Protocol):
    hypstr: str


class _Segment(Protocol):
    word: str
    start_frame: int
    end_frame: int
    prob: float


class _Decoder(Protocol):
    def lookup_word(self, word: str) -> str | None: ...
    def create_fsg(self, name: str, start: int, end: int, arcs: Sequence[Arc]) -> object: ...
    def add_fsg(self, name: str, fsg: object) -> None: ...
    def activate_search(self, name: str) -> None: ...
    def remove_search(self, name: str) -> None: ...
    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes, *, full_utt: bool) -> int: ...
    def end_utt(self) -> None: ...
    def hyp(self) -> _Hypothesis | None: ...
    def seg(self) -> Iterable[_Segment]: ...


class _Module(Protocol):
    def Decoder(self, **settings: object) -> _Decoder: ...


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, its first and last frame of FRAME_MS, and how many phones it is made of.

    Its posterior probability is known of free words only.
    """

    text: str
    start: int
    end: int
    phones: int
    confidence_permille: int | None = None


class SphinxDecoder:
    """One acoustic model and dictionary, and the searches which were added to it."""

    def __init__(self, *, free: bool) -> None:
        """Free: words in any order by the package's language model. Otherwise: by arcs."""
        module = cast(_Module, importlib.import_module("pocketsphinx"))
        # Neither a log nor the audio is written anywhere.
        settings: dict[str, object] = {"loglevel": "FATAL", "samprate": MODEL_RATE}
        if not free:
            settings |= {"lm": None, **_BEAMS}
        self._decoder = module.Decoder(**settings)
        self._free = free

    def knows(self, word: str) -> bool:
        return self._decoder.lookup_word(word) is not None

    def add(self, name: str, arcs: Sequence[Arc]) -> None:
        self._decoder.add_fsg(name, self._decoder.create_fsg(name, START, END, arcs))

    def use(self, name: str) -> None:
        self._decoder.activate_search(name)

    def remove(self, name: str) -> None:
        self._decoder.remove_search(name)

    def hear(self, pcm: bytes) -> tuple[HeardWord, ...]:
        """The most likely words of a whole utterance of s16le at MODEL_RATE."""
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(pcm, full_utt=True)
        finally:
            self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return ()
        return tuple(self._word(one) for one in self._decoder.seg() if one.word[0] not in _NO_WORDS)

    def _word(self, segment: _Segment) -> HeardWord:
        """Without the number of the pronunciation."""
        text = re.sub(r"\(\d+\)$", "", segment.word)
        phones = (self._decoder.lookup_word(text) or "").split()
        confidence = round(1_000 * segment.prob) if self._free else None
        return HeardWord(text, segment.start_frame, segment.end_frame, len(phones), confidence)
