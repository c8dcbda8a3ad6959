"""What one party says in a call, on its way to where it is kept: in memory, and never in clear.

A number can be said in several breaths. So an utterance whose digits may begin a card number is
held back until what follows shows whether they do, `HOLD_US` at most. Time is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from transcripts.redaction.finding import (
    DESTROYED,
    Before,
    Found,
    look,
    masked,
    may_go_on_from,
    merged,
    speaks_of_card,
    speaks_of_code,
)

HOLD_US = 30_000_000
"""Nobody waits longer between two groups of a number."""
HELD_MAX = 24
"""Utterances held back: more than a card has digits."""
LATER_US = 120_000_000
"""So long what was released is remembered, should its number go on after all."""
REMEMBERED_MAX = 40
CARDS_MAX = 8
"""Cards of one call that are recognised when they are said again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An utterance that may be kept, and what in it may not.

    `again`: it was kept before, and there is more in it than was known then.
    """

    id: str
    found: tuple[Found, ...]
    again: bool = False


@dataclass(slots=True)
class _Said:
    id: str
    words: tuple[str, ...]
    at_us: int
    found: tuple[Found, ...] = ()
    released: bool = False


@dataclass(slots=True)
class Keeping:
    """The memory of one party in one call. It ends with the call."""

    _said: list[_Said] = field(default_factory=list[_Said])
    _cards: list[str] = field(default_factory=list[str])
    _spoken_of: bool = False
    _code_asked: bool = False

    @property
    def wake_at_us(self) -> int | None:
        """When an utterance has been held back for long enough."""
        held = [one.at_us for one in self._said if not one.released]
        return min(held) + HOLD_US if held else None

    def has_heard(self, id: str) -> bool:
        """Whether that utterance is remembered."""
        return any(one.id == id for one in self._said)

    def heard(self, id: str, words: Sequence[str], now_us: int) -> list[Kept]:
        """The party said this. Answers what may be kept now, the oldest first."""
        self._forget(now_us)
        before = self._before()
        self._code_asked = False
        self._said.append(_Said(id, tuple(words), now_us))
        more = self._look(before)
        self._spoken_of = self._spoken_of or speaks_of_card(words)
        return more + self._release(self._open_from(), now_us)

    def asked(self, words: Sequence[str]) -> tuple[Found, ...]:
        """The other side said this: a card may be asked for in it, or read back."""
        found, _ = look(words, self._before())
        self._spoken_of = self._spoken_of or speaks_of_card(words)
        self._code_asked = speaks_of_code(words) and self._spoken_of
        return found

    def destroys(self, words: Sequence[str]) -> tuple[Found, ...]:
        """What of these words must not be kept at all, whoever says them."""
        return destroyed(look(words, self._before())[0])

    def cleared(self, text: str) -> str:
        """The same without cards and their codes, for whoever writes text that is kept."""
        words = text.split()
        found = destroyed(look(words, Before(known=tuple(self._cards)))[0])
        return " ".join(masked(words, found)) if found else text

    def wake(self, now_us: int) -> list[Kept]:
        """What was held back for long enough may be kept."""
        return self._release(len(self._said), now_us, only_due=True)

    def close(self) -> list[Kept]:
        """Nothing more is said."""
        return self._release(len(self._said), 0)

    def _before(self) -> Before:
        return Before(self._spoken_of, self._code_asked, tuple(self._cards))

    def _look(self, before: Before) -> list[Kept]:
        """Look at the last utterance alone, and at all that is remembered as one."""
        last = self._said[-1]
        self._note(look(last.words, before)[1])
        grown: list[Kept] = []
        spans = self._spans()
        alone = [
            Found(one.what, one.first + spans[-1][0], one.last + spans[-1][0])
            for one in look(last.words, before)[0]
        ]
        whole, numbers = look(self._words(), Before(before.spoken_of, False, before.known))
        self._note(numbers)
        for said, (start, end) in zip(self._said, spans, strict=True):
            mine = [
                Found(one.what, max(one.first, start) - start, min(one.last, end - 1) - start)
                for one in (*alone, *whole)
                if one.first < end and one.last >= start
            ]
            found = merged([*said.found, *mine])
            if said.released and found != said.found:
                grown.append(Kept(said.id, found, again=True))
            said.found = found
        return grown

    def _note(self, numbers: Sequence[str]) -> None:
        self._cards += [one for one in numbers if one not in self._cards]
        del self._cards[:-CARDS_MAX]

    def _open_from(self) -> int:
        """The first utterance whose digits may go on in the next one."""
        spans = self._spans()
        found = [
            Found(one.what, one.first + start, one.last + start)
            for said, (start, _) in zip(self._said, spans, strict=True)
            for one in said.found
        ]
        word = may_go_on_from(self._words(), found)
        if word is None:
            return len(self._said)
        return next(at for at, (start, end) in enumerate(spans) if start <= word < end)

    def _release(self, until: int, now_us: int, only_due: bool = False) -> list[Kept]:
        until = max(until, len(self._said) - HELD_MAX)
        due = [
            one
            for one in self._said[:until]
            if not one.released and not (only_due and now_us < one.at_us + HOLD_US)
        ]
        for one in due:
            one.released = True
        return [Kept(one.id, one.found) for one in due]

    def _forget(self, now_us: int) -> None:
        while (
            self._said
            and self._said[0].released
            and (len(self._said) >= REMEMBERED_MAX or now_us > self._said[0].at_us + LATER_US)
        ):
            del self._said[0]

    def _words(self) -> list[str]:
        return [word for one in self._said for word in one.words]

    def _spans(self) -> list[tuple[int, int]]:
        """Of each utterance, the indexes of its words among all."""
        spans: list[tuple[int, int]] = []
        end = 0
        for one in self._said:
            spans.append((end, end + len(one.words)))
            end = spans[-1][1]
        return spans


def destroyed(found: Sequence[Found]) -> tuple[Found, ...]:
    """What must not be kept at all."""
    return tuple(one for one in found if one.what in DESTROYED)


def hidden(found: Sequence[Found]) -> tuple[Found, ...]:
    """What is kept, and not shown."""
    return tuple(one for one in found if one.what not in DESTROYED)
