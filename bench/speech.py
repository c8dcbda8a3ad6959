"""How well, and how fast, the offline engines speak and hear: `python -m bench.speech`."""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.sentences import NO_ANSWERS, UNSEEN
from bench.telephone import VOICES, Recording, over_telephone, recordings, spoken
from conversation.speech.engines import RATE, Grammar, Hearing
from conversation.speech.espeak import Espeak
from conversation.speech.grammars import (
    DAYS,
    DIGITS,
    NO_PHRASES,
    TIMES,
    YES_NO,
    YES_PHRASES,
    listen_for,
    meaning,
)
from conversation.speech.sphinx import Sphinx

PIECE_SECONDS = (0.35, 0.5, 0.7, 1.0, 1.5, 2.5)
# Pieces with less in them are pauses.
PIECE_RMS_MIN = 250
RANKS = (
    *("ace", "two", "three", "four", "five", "six", "seven"),
    *("eight", "nine", "ten", "jack", "queen", "king"),
)
SUITS = ("clubs", "spades", "hearts", "diamonds")
CARDS = listen_for("cards", (f"{rank} of {suit}" for rank in RANKS for suit in SUITS), repeats=True)


@dataclass
class Clock:
    """Seconds of work for seconds of audio."""

    work: float = 0.0
    audio: float = 0.0

    def hear(
        self, sphinx: Sphinx, pcm: bytes, grammars: tuple[Grammar, ...], dictation: bool = False
    ) -> Hearing:
        began = time.perf_counter()
        heard = sphinx.hear(pcm, grammars, dictation)
        self.work += time.perf_counter() - began
        self.audio += len(pcm) / (2 * RATE)
        return heard

    @property
    def factor(self) -> float:
        return self.work / max(self.audio, 1e-9)


@dataclass
class Tally:
    asked: Counter[str] = field(default_factory=Counter[str])
    right: Counter[str] = field(default_factory=Counter[str])
    wrong: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def answers(sphinx: Sphinx, every: int, clock: Clock) -> Tally:
    """Yes and no in every voice: accepted, and of the right meaning."""
    tally = Tally()
    asked = [(text, voice) for voice in VOICES for text in YES_NO.phrases]
    for number, (text, voice) in list(enumerate(asked))[::every]:
        pcm = spoken(text, voice, number)
        heard = clock.hear(sphinx, pcm, (YES_NO,))
        _count(tally, text, heard, meaning(heard.text) == meaning(text))
    return tally


def phrases(sphinx: Sphinx, grammar: Grammar, every: int) -> Tally:
    tally = Tally()
    asked = [(text, voice) for voice in VOICES for text in grammar.phrases]
    for number, (text, voice) in list(enumerate(asked))[:: every * 7]:
        heard = sphinx.hear(spoken(text, voice, number), (grammar,), False)
        _count(tally, text, heard, heard.text == text)
    return tally


def _count(tally: Tally, text: str, heard: Hearing, right: bool) -> None:
    tally.asked[text] += 1
    if heard.accepted and right:
        tally.right[text] += 1
    elif heard.accepted:
        tally.wrong.append((text, heard.text))


def no_answers(every: int) -> Iterator[tuple[str, bytes]]:
    """Sentences in two voices each, and pieces of recordings of people."""
    for number, text in list(enumerate(NO_ANSWERS))[::every]:
        for turn in (0, 1):
            voice = VOICES[(2 * number + 5 * turn) % len(VOICES)]
            yield text, spoken(text, voice, 2 * number + turn)
    for recording in recordings():
        yield from list(pieces(recording))[::every]


def pieces(recording: Recording) -> Iterator[tuple[str, bytes]]:
    samples = np.frombuffer(recording.pcm, dtype="<i2")
    for seconds in PIECE_SECONDS:
        size = int(seconds * RATE)
        for start in range(0, max(1, len(samples) - size), int(size * 0.6)):
            piece = samples[start : start + size]
            if np.sqrt(np.square(piece.astype(np.float64)).mean()) >= PIECE_RMS_MIN:
                label = f"{recording.name}@{start / RATE:.2f}+{seconds}"
                yield label, over_telephone(piece.tobytes(), seed=start)


def unseen(every: int) -> Iterator[tuple[str, bytes]]:
    """Sentences nothing was tuned on, in four voices each."""
    for number, text in list(enumerate(UNSEEN))[::every]:
        for turn in range(4):
            voice = VOICES[(3 * number + 4 * turn + 1) % len(VOICES)]
            yield text, spoken(text, voice, 5 * number + turn)


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, insertions and deletions."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, 1):
        above, row = row, [count]
        for index, other in enumerate(heard):
            row.append(min(above[index] + (word != other), above[index + 1] + 1, row[index] + 1))
    return row[-1]


def dictation(sphinx: Sphinx, clock: Clock) -> tuple[int, int]:
    """Errors, and words. Sentences are spoken by the synthesiser where there are no recordings."""
    said = [one for one in recordings() if not one.name.startswith("cards")] or [
        Recording(text, text.lower(), Espeak().say(text).pcm) for text in NO_ANSWERS[:20]
    ]
    errors = words = 0
    for one in said:
        pcm = over_telephone(one.pcm, silence_ms=0)
        heard = clock.hear(sphinx, pcm, (), dictation=True)
        errors += word_errors(one.words.split(), heard.text.split())
        words += len(one.words.split())
    return errors, words


def print_answers(sphinx: Sphinx, every: int) -> None:
    clock = Clock()
    tally = answers(sphinx, every, clock)
    for side, sides in (("yes", YES_PHRASES), ("no", NO_PHRASES)):
        right, asked = _sum(tally.right, sides), _sum(tally.asked, sides)
        print(f"{side:4} spoken, accepted       {right:4} of {asked:4}   {right / asked:6.1%}")
    print(f"  of another meaning accepted {len(tally.wrong):2}   {tally.wrong}")
    for text in YES_NO.phrases:
        if tally.asked[text]:
            print(f"    {text:24} {tally.right[text]:3} of {tally.asked[text]:3}")
    print(f"  real-time factor {clock.factor:.2f}")


def print_false_answers(sphinx: Sphinx, name: str, said: Iterable[tuple[str, bytes]]) -> None:
    clock = Clock()
    heard = [(label, clock.hear(sphinx, pcm, (YES_NO,))) for label, pcm in said]
    for side in ("yes", "no"):
        taken = [
            f"{label} -> {one.text}"
            for label, one in heard
            if one.accepted and meaning(one.text) == side
        ]
        print(f"{name}, taken for {side:4} {len(taken):4} of {len(heard):4}   {taken}")
    print(f"  real-time factor {clock.factor:.2f}")


def print_phrases(sphinx: Sphinx, every: int) -> None:
    for grammar in (DAYS, TIMES, DIGITS):
        tally = phrases(sphinx, grammar, every)
        right, asked = tally.right.total(), tally.asked.total()
        print(f"{grammar.name:8} accepted and right {right:4} of {asked:4}, wrong {tally.wrong}")
    for one in recordings():
        heard = sphinx.hear(over_telephone(one.pcm, silence_ms=0), (CARDS,), False)
        print(f"cards    {one.name:20} {heard.accepted!s:6} {heard.text}")


def print_speeds(sphinx: Sphinx) -> None:
    clock = Clock()
    errors, words = dictation(sphinx, clock)
    print(
        f"dictation: {errors / words:.1%} word errors of {words} words, "
        f"real-time factor {clock.factor:.2f}"
    )
    began = time.perf_counter()
    audio = sum(Espeak().say(text).duration_ms for text in NO_ANSWERS) / 1000
    work = time.perf_counter() - began
    print(
        f"speaking: {audio / work:.0f} times real time, "
        f"{1000 * work / len(NO_ANSWERS):.0f} ms for a sentence of {audio / len(NO_ANSWERS):.1f} s"
    )


def _sum(counts: Counter[str], texts: Iterable[str]) -> int:
    return sum(counts[text] for text in texts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.speech")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th utterance")
    every = parser.parse_args().every
    sphinx = Sphinx()
    sphinx.warm((YES_NO,))
    print_speeds(sphinx)
    print_answers(sphinx, every)
    print_false_answers(sphinx, "no answer", no_answers(every))
    print_false_answers(sphinx, "no answer, unseen", unseen(every))
    print_phrases(sphinx, every)


if __name__ == "__main__":
    main()
