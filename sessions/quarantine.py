"""The quarantine of one call's audio: chunks on disk whose keys are here, and nowhere else yet.

What is said is told to `recordings.clearance`, which knows when a chunk may be kept. The node and
the media process have its key until then: if one dies the other goes on, if both die nobody can
open what is on disk.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversation.speech.engines import SpokenWord
from recordings.clearance import QUARANTINE_US, Clearance, Span
from transcripts.redaction.finding import Found
from transcripts.redaction.keeping import destroyed

Header = dict[str, Any]
Keep = Callable[[Header, tuple[Span, ...]], None]
"""Commit the chunk that this event told of, silent in these spans."""
Shred = Callable[[str, tuple[Span, ...]], None]
"""Look for what that party says in these spans, in what was kept already."""

QUEUED_US = 5_000_000
"""So long the agent may wait before it says what it was given to say."""


def span_of(header: Header) -> Span:
    """When the samples of a chunk were captured."""
    begin = header["at_us"]
    return Span(begin, begin + header["samples"] * 1_000_000 // header["rate"])


def name_of(header: Header) -> str:
    """The id of the chunk's row."""
    return f"{header['call']}/{header['party']}/{header['epoch']}/{header['n']}"


@dataclass(slots=True)
class Quarantine:
    """In memory like all of a live call. Without `keep`, nothing is held and nothing is lost."""

    keep: Keep | None = None
    shred: Shred | None = None
    clock: Callable[[], int] = lambda: 0
    _clearance: Clearance = field(default_factory=Clearance)
    _headers: dict[str, Header] = field(default_factory=dict[str, Header])
    _timer: asyncio.TimerHandle | None = None
    _wake_us: int = 0
    _missed_us: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    # Audio.

    def hold(self, header: Header) -> None:
        """A chunk is on disk; keep it as soon as that may be."""
        name = name_of(header)
        self._headers[name] = header
        self._clearance.told(name, header["party"], span_of(header), self.clock())
        self._wake()

    def release(self) -> None:
        """The recording pauses, and an epoch is over: what is held is kept now, as it would be
        after the longest wait. A number that is found later is erased."""
        if self.keep is not None:
            for name, cuts in self._clearance.clear(self.clock() + QUARANTINE_US):
                self.keep(self._headers.pop(name), cuts)
        self._moved.set()

    async def emptied(self, understood: Callable[[], Any]) -> None:
        """Until everything that was held is kept; `understood`: no more words are waited for."""
        while self._headers:
            if self._clearance.is_understood:
                await understood()
                self._look()
            if self._headers:
                self._moved.clear()
                await self._moved.wait()

    # Speech. All times are of the media's clock, in microseconds.

    def missed(self) -> None:
        """There was no link to the media process: who spoke, and who speaks now?"""
        now = self._missed_us = self.clock()
        for party in ("caller", "agent"):
            self._clearance.missed(party, now, now)

    def speaks(self, at_us: int) -> None:
        """The caller has begun to speak."""
        self._clearance.speaks("caller", at_us, self.clock())

    def heard(self, utterance: str, begin_us: int, end_us: int) -> None:
        """The caller has said something."""
        self._clearance.said(utterance, "caller", Span(begin_us, end_us), self.clock())

    def understood(
        self, utterance: str, text: str, words: Sequence[SpokenWord], begin_us: int
    ) -> None:
        """It was this; whether a card number is in it, is decided next, or when more is said."""
        self._clearance.understood(utterance, _spans(text, words, begin_us))

    def passed(self, utterance: str) -> None:
        """It was looked at, and perhaps not understood."""
        self._clearance.passed(utterance)
        self._look()

    def decided(self, utterance: str, found: Sequence[Found], party: str = "caller") -> None:
        """This is in it: nothing, or more than was known before."""
        bad = [(one.first, one.last) for one in destroyed(found)]
        cuts = self._clearance.decided(utterance, bad)
        if cuts and self.shred is not None:
            self.shred(party, cuts)
        self._look()

    def speaking(self, utterance: str, duration_ms: int) -> None:
        """The agent is about to say a card number; or goes on, where a node died meanwhile."""
        now, long_us = self.clock(), duration_ms * 1_000
        span = Span(now - long_us, now + long_us + QUEUED_US)
        self._clearance.said(utterance, "agent", span, now, is_bad=True)

    def spoke(
        self,
        utterance: str,
        text: str,
        words: Sequence[SpokenWord],
        found: Sequence[Found],
        when: Span,
    ) -> None:
        """The agent said it, or so much of it as that time was enough for; this is in the text."""
        if not found:
            return
        self._clearance.said(utterance, "agent", when, self.clock(), is_bad=True)
        spans = _spans(text, words, when.begin)
        if when.begin <= self._missed_us:
            # With a link that was lost on the way, words were earlier than they seem.
            spans, when = (), when._replace(begin=when.begin - QUEUED_US)
        self._clearance.understood(utterance, spans, when)
        self.decided(utterance, found, "agent")

    # In time.

    def _look(self) -> None:
        """Keep what may be kept by now, and wake up for the rest."""
        if self.keep is not None:
            for name, cuts in self._clearance.clear(self.clock()):
                self.keep(self._headers.pop(name), cuts)
        self._moved.set()
        self._wake()

    def _wake(self) -> None:
        now = self.clock()
        wake_us = self._clearance.wake_at_us(now)
        if self._timer is not None:
            if wake_us is not None and self._wake_us <= wake_us:
                return
            self._timer.cancel()
            self._timer = None
        if wake_us is not None:
            self._wake_us = wake_us
            wait_s = max(0, wake_us - now) / 1e6
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._due)

    def _due(self) -> None:
        self._timer = None
        self._look()


def _spans(text: str, words: Sequence[SpokenWord], begin_us: int) -> tuple[Span, ...]:
    """When each word of the text was said; nothing where its words have no times of their own."""
    if len(words) != len(text.split()):
        return ()
    return tuple(
        Span(begin_us + word.start_ms * 1_000, begin_us + word.end_ms * 1_000) for word in words
    )
