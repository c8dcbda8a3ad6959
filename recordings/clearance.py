"""Which audio may be kept: no chunk is, before it is known what is said in it.

A chunk waits while somebody speaks in it whose words are not known yet, and no longer than
QUARANTINE_US: a recogniser with too much to do must not cost the recording. Where words that must
be destroyed lie in it, it is cut. What was kept before that was known, the caller of `decided` has
to look for.

Times in microseconds: `now_us` of this machine, everything else of the media's clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

QUARANTINE_US = 15_000_000
"""So long after it was told of, a chunk waits at most; its key is in memory only."""

SETTLE_US = 300_000
"""A chunk is told of half a second after it was captured: by then, and a little, it is known
whether somebody speaks."""

SPEECH_US_MAX = 16_000_000
"""Speech is cut and told of after 15 s (`media.vad`)."""

WHOLE_US_MIN = 14_000_000
"""An utterance so long was cut: they go on speaking."""

ONSET_US = 400_000
"""So long before speech is noticed it may have begun, quietly."""

MARGIN_US = 300_000
"""So far beside a word of a card number it may still be heard."""

REMEMBERED_US = 120_000_000
"""Chunks of before are told of no later than this."""


class Span(NamedTuple):
    begin: int
    end: int

    def meets(self, other: "Span") -> bool:
        return self.begin < other.end and other.begin < self.end

    def within(self, other: "Span") -> "Span":
        return Span(max(self.begin, other.begin), min(self.end, other.end))

    def widened(self, by: int) -> "Span":
        return Span(self.begin - by, self.end + by)


class Cleared(NamedTuple):
    """This chunk may be kept, silent in `cuts`: in order, none over another, all within it."""

    id: str
    cuts: tuple[Span, ...]


@dataclass(slots=True)
class _Said:
    """Something that is said, or being said. `cuts` are None until it is decided."""

    party: str
    span: Span
    is_bad: bool
    since_us: int
    words: tuple[Span, ...] = ()
    is_understood: bool = False
    cuts: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    party: str
    span: Span
    told_us: int


@dataclass(slots=True)
class Clearance:
    """The quarantine of one call."""

    _said: dict[str, _Said] = field(default_factory=dict[str, _Said])
    _held: dict[str, _Held] = field(default_factory=dict[str, _Held])

    @property
    def is_empty(self) -> bool:
        return not self._held

    @property
    def is_understood(self) -> bool:
        """Whether no words are waited for, in which some chunk may lie."""
        spans = [held.span for held in self._held.values()]
        open_ = [one for one in self._said.values() if one.cuts is None and not one.is_understood]
        return not any(one.span.meets(span) for one in open_ for span in spans)

    def speaks(self, party: str, at_us: int, now_us: int) -> None:
        """The party has begun to speak, and what they say will be told of by `said`."""
        span = Span(at_us - ONSET_US, at_us + SPEECH_US_MAX)
        self._said[_going_on(party)] = _Said(party, span, is_bad=False, since_us=now_us)

    def missed(self, party: str, until_us: int, now_us: int) -> None:
        """Nobody knows what the party said before, nor whether they are speaking now."""
        span = Span(until_us - REMEMBERED_US, until_us)
        self._said[f"{party}, before"] = _Said(party, span, is_bad=False, since_us=now_us)
        self.speaks(party, until_us, now_us)

    def said(self, id: str, party: str, span: Span, now_us: int, *, is_bad: bool = False) -> None:
        """An utterance, whose words will be known. It may be told of again.

        `is_bad`: there is a card number in it, and only where is still to be said.
        """
        self._forget(now_us)
        if id in self._said:
            return
        self._said[id] = _Said(party, span, is_bad, now_us)
        going_on = self._said.get(_going_on(party))
        # They may have begun again before this was told of.
        if going_on is not None and going_on.span.begin < span.end:
            del self._said[_going_on(party)]
        if span.end - span.begin >= WHOLE_US_MIN:
            self.speaks(party, span.end, now_us)

    def understood(self, id: str, words: Sequence[Span], span: Span | None = None) -> None:
        """When each word of an utterance was said; nothing where that is not known.

        `span`: when the whole of it was, where that was not known before.
        """
        if (one := self._said.get(id)) is not None:
            one.words, one.is_understood = tuple(words), True
            one.span = span or one.span

    def passed(self, id: str) -> None:
        """An utterance was looked at. Where it was not understood, it never will be."""
        if (one := self._said.get(id)) is not None and not one.is_understood:
            self.decided(id)

    def decided(self, id: str, bad: Iterable[tuple[int, int]] = ()) -> tuple[Span, ...]:
        """These words, from the first to the last of each pair, must not be kept; the rest may.

        There may be more of them later. Answers what must be silent.
        """
        if (one := self._said.get(id)) is None:
            return ()
        # Words that were to be said and were not have a time, too.
        end = one.span.widened(MARGIN_US)
        spans = [
            end if last >= len(one.words) else _around(one.words[first], one.words[last])
            for first, last in bad
        ]
        one.cuts = merged(each.within(end) for each in spans if each.meets(end))
        return one.cuts

    def told(self, id: str, party: str, span: Span, now_us: int) -> None:
        """A chunk is on disk, and its key in memory."""
        self._held.setdefault(id, _Held(party, span, now_us))

    def clear(self, now_us: int) -> list[Cleared]:
        """What may be kept by now; it is forgotten here."""
        found: list[Cleared] = []
        # What was looked at, with nothing in it, is most of what is said.
        matters = [one for one in self._said.values() if one.cuts != ()]
        for id, held in list(self._held.items()):
            said = [one for one in matters if one.party == held.party and one.span.meets(held.span)]
            if now_us >= held.told_us + self._wait_us(said):
                del self._held[id]
                found.append(Cleared(id, _cuts(said, held.span)))
        return found

    def wake_at_us(self, now_us: int) -> int | None:
        """When to look again, if nothing happens before."""
        times = [
            held.told_us + (SETTLE_US if now_us < held.told_us + SETTLE_US else QUARANTINE_US)
            for held in self._held.values()
        ]
        return min(times, default=None)

    def _wait_us(self, said: list[_Said]) -> int:
        return QUARANTINE_US if any(one.cuts is None for one in said) else SETTLE_US

    def _forget(self, now_us: int) -> None:
        gone = [id for id, one in self._said.items() if now_us > one.since_us + REMEMBERED_US]
        for id in gone:
            del self._said[id]


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order; what meets or touches is one."""
    kept: list[Span] = []
    for one in sorted(spans):
        if kept and one.begin <= kept[-1].end:
            kept[-1] = Span(kept[-1].begin, max(one.end, kept[-1].end))
        else:
            kept.append(one)
    return tuple(kept)


def _cuts(said: Iterable[_Said], of: Span) -> tuple[Span, ...]:
    spans: list[Span] = []
    for one in said:
        if one.cuts is None:
            spans += [one.span] if one.is_bad else []
        else:
            spans += one.cuts
    return merged(each.within(of) for each in spans if each.meets(of))


def _around(first: Span, last: Span) -> Span:
    return Span(first.begin, last.end).widened(MARGIN_US)


def _going_on(party: str) -> str:
    return f"{party}, going on"


def is_covered(span: Span, by: Iterable[Span]) -> bool:
    """Whether nothing of a span is left out by these."""
    at = span.begin
    for one in merged(by):
        if one.begin <= at:
            at = max(at, one.end)
    return at >= span.end
