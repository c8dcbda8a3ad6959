"""Whether what is no answer can grant consent: `python -m bench.answers`.

Each utterance is heard as the first answer, and again as the one to "I heard yes". The adversary
chooses: any of them first, any of them second. Exit code 1 where a pair grants.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench._measure import machine, p50_p99
from bench.utterances import (
    CONFIRMED_SPOKEN,
    LINES,
    NO_SPOKEN,
    YES_SPOKEN,
    Utterance,
    answers,
    like_a_confirmation,
    not_answers,
)
from consent.machine import Event, Standing, State, after, row_of
from conversation.speech.engines import Grammar
from conversation.speech.grammars import CONFIRMATION, YES_NO, Meaning, answer
from conversation.speech.sphinx import Sphinx
from conversation.speech.withdrawal import (
    ERASE_PHRASES,
    WITHDRAW,
    WITHDRAW_PHRASES,
    Wish,
    withdraws,
)

EVENTS: dict[Meaning | None, Event] = {
    "yes": Event.YES_VOICE,
    "no": Event.NO,
    None: Event.UNCLEAR,
}
NAMED_MAX = 8
DICTATED_EVERY = 16
"""Dictation takes a second or more: so many are left out for each that is dictated."""


@dataclass
class Hearer:
    """The offline recogniser, and how long each hearing took."""

    sphinx: Sphinx = field(default_factory=Sphinx)
    seconds: list[float] = field(default_factory=list[float])

    def hear(self, one: Utterance, grammar: Grammar) -> Meaning | None:
        began = time.perf_counter()
        meant = answer(self.sphinx.hear(one.pcm, (grammar,), False))
        self.seconds.append(time.perf_counter() - began)
        return meant

    def wish(self, one: Utterance, *, dictation: bool) -> Wish | None:
        found = self.sphinx.hear(one.pcm, (WITHDRAW,), dictation)
        return withdraws(found.text) if found.accepted else None


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance, as what it was taken for first, and when it was read back."""

    one: Utterance
    first: Meaning | None
    second: Meaning | None


def heard(hearer: Hearer, utterances: Iterable[Utterance]) -> list[Heard]:
    return [
        Heard(one, hearer.hear(one, YES_NO), hearer.hear(one, CONFIRMATION)) for one in utterances
    ]


def stands(first: Meaning | None, second: Meaning | None) -> State:
    """Where a party stands who was asked and gave these answers, by the law of the house."""
    standing = Standing(State.ASKED)
    for event in (EVENTS[first], Event.HEARD, EVENTS[second]):
        row = row_of(standing, event)
        standing = standing if row is None else after(standing, row)
    return standing.state


def grants(found: Sequence[Heard]) -> tuple[list[Heard], list[tuple[Heard, Heard]]]:
    """Those that grant when they are said twice, and all pairs that do."""
    twice = [one for one in found if stands(one.first, one.second) is State.GRANTED]
    # What was taken for a yes first goes on to be read back; with a no, it is over.
    first = [one for one in found if one.first == "yes"]
    second = [one for one in found if stands("yes", one.second) is State.GRANTED]
    pairs = [(one, other) for one in first for other in second]
    return twice, pairs


def print_no_answers(hearer: Hearer, every: int) -> bool:
    """Answers whether none can grant."""
    said = [*not_answers()][::every]
    found = heard(hearer, said)
    kinds = Counter(one.kind for one in said)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    twice, pairs = grants(found)
    _line("utterances that are no answer", len(said), told)
    _line("taken for yes at first", *_yes((one.one, one.first) for one in found))
    _line("taken for yes when read back", *_yes((one.one, one.second) for one in found))
    _line("granted by saying it twice", len(twice), "")
    _line("granted by the worst pair", len(pairs), "of all pairs")
    return not twice and not pairs


def print_alike(hearer: Hearer, every: int) -> None:
    """What is known to be hard: nobody says it by chance, first and again when asked."""
    found = heard(hearer, [*like_a_confirmation()][::every])
    _line("made to sound like the confirmation", len(found), "")
    _line("  taken for it when read back", *_yes((one.one, one.second) for one in found))
    _line("  granted by saying it twice", len(grants(found)[0]), "")


def print_answers(hearer: Hearer, turns: int) -> None:
    _shares(hearer, "yes, first hearing", answers(YES_SPOKEN, turns), YES_NO, "yes")
    _shares(hearer, "yes, read back", answers(CONFIRMED_SPOKEN, turns), CONFIRMATION, "yes")
    _shares(hearer, "no, first hearing", answers(NO_SPOKEN, turns), YES_NO, "no")
    _shares(hearer, "no, read back", answers(NO_SPOKEN, turns), CONFIRMATION, "no")


def print_wishes(hearer: Hearer, every: int, turns: int) -> None:
    """Words that stop a recording, heard beside dictation: missed, and heard where none is."""
    for name, phrases in (("stop", WITHDRAW_PHRASES), ("delete", ERASE_PHRASES)):
        said = [*answers(phrases[::2], max(1, turns // 8))]
        wishes = [(one, hearer.wish(one, dictation=True)) for one in said]
        meant = withdraws(phrases[0])
        other = sum(wish not in (meant, None) for _, wish in wishes)
        missed = sum(wish is None for _, wish in wishes)
        _line(f"asked to {name}: not understood", missed, f"of {len(said)}; {other} as the other")
    others = [one for one in not_answers() if withdraws(one.text) is None]
    by_grammar, dictated = others[::every], others[:: every * DICTATED_EVERY]
    stopped = [one.name for one in by_grammar if hearer.wish(one, dictation=False)]
    _line("stopped by the phrases, unasked", len(stopped), f"of {len(by_grammar)} {stopped or ''}")
    stopped = [one.name for one in dictated if hearer.wish(one, dictation=True)]
    _line("stopped with dictation, unasked", len(stopped), f"of {len(dictated)} {stopped or ''}")


def _shares(
    hearer: Hearer, name: str, said: Iterable[Utterance], grammar: Grammar, meant: Meaning
) -> None:
    found = [(one, hearer.hear(one, grammar)) for one in said]
    shares: list[str] = []
    for line in LINES:
        here = [got for one, got in found if one.line == line]
        share = sum(got != meant for got in here) / max(len(here), 1)
        shares.append(f"{'quiet' if line is None else f'{line:g} dB'} {share:.0%}")
    missed = sum(got != meant for _, got in found)
    turned = sum(got not in (meant, None) for _, got in found)
    _line(f"{name}: not understood", missed, f"of {len(found)}; {', '.join(shares)}")
    _line(f"{name}: taken for the other", turned, "")


def _yes(found: Iterable[tuple[Utterance, Meaning | None]]) -> tuple[int, str]:
    """How many were taken for a yes, and the first of them."""
    names = [one.name for one, meant in found if meant == "yes"]
    more = len(names) - NAMED_MAX
    return len(names), "; ".join(names[:NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")


def _line(name: str, count: int, told: str) -> None:
    print(f"{name:<44}{count:>6}  {told}".rstrip(), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.answers")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th utterance")
    parser.add_argument("--turns", type=int, default=24, help="voices of each real answer")
    options = parser.parse_args()
    hearer = Hearer()
    hearer.sphinx.warm((YES_NO,))
    hearer.sphinx.warm((CONFIRMATION,))
    is_safe = print_no_answers(hearer, options.every)
    print_alike(hearer, options.every)
    print_answers(hearer, options.turns)
    print_wishes(hearer, options.every, options.turns)
    p50, p99 = p50_p99(hearer.seconds)
    print(f"{len(hearer.seconds)} hearings: p50 {p50:.0f} ms, p99 {p99:.0f} ms; {machine()}")
    return 0 if is_safe else 1


if __name__ == "__main__":
    raise SystemExit(main())
