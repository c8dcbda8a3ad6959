"""Phrases as a graph to search, and back."""

from collections.abc import Iterable, Sequence

from conversation.speech.sphinx_library import END, START, Arc

AGAIN = 2
# What it costs to hear one more phrase: without a price, noise at the end of one becomes another.
AGAIN_PROBABILITY = 1e-13


def arcs_of(single: Iterable[str], repeating: Iterable[str]) -> list[Arc]:
    """One way through for each phrase; phrases which begin alike share their beginning.

    After a repeating phrase may come another one; after a single one comes nothing.
    """
    graph = _Graph()
    for phrase in single:
        graph.add(phrase.split(), START, (END,))
    for phrase in repeating:
        graph.add(phrase.split(), START, (END, AGAIN))
        graph.add(phrase.split(), AGAIN, (END, AGAIN))
    return graph.arcs


class _Graph:
    def __init__(self) -> None:
        self.arcs: list[Arc] = []
        self._states: dict[tuple[int, str], int] = {}
        self._ends: set[tuple[int, str, int]] = set()

    def add(self, words: Sequence[str], start: int, ends: tuple[int, ...]) -> None:
        state = start
        for word in words[:-1]:
            state = self._step(state, word)
        for end in ends:
            self._finish(state, words[-1], end)

    def _step(self, state: int, word: str) -> int:
        if (state, word) not in self._states:
            self._states[state, word] = AGAIN + 1 + len(self._states)
            self.arcs.append((state, self._states[state, word], 1.0, word))
        return self._states[state, word]

    def _finish(self, state: int, word: str, to: int) -> None:
        if (state, word, to) not in self._ends:
            self._ends.add((state, word, to))
            price = AGAIN_PROBABILITY if to == AGAIN else 1.0
            self.arcs.append((state, to, price, word))


def is_said(words: Sequence[str], phrases: frozenset[str], repeats: bool) -> bool:
    """Whether the words are one phrase, or with repeats one after another."""
    if not repeats:
        return " ".join(words) in phrases
    longest = max(phrase.count(" ") + 1 for phrase in phrases)
    reached = {0}
    for end in range(1, len(words) + 1):
        starts = (start for start in range(max(0, end - longest), end) if start in reached)
        if any(" ".join(words[start:end]) in phrases for start in starts):
            reached.add(end)
    return bool(words) and len(words) in reached
