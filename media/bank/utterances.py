"""What the agent says on one leg: utterances one after the other, given out in blocks."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import numpy as np

from media.playout import UTTERANCES_QUEUED_MAX, UTTERANCES_REMEMBERED, Played
from media.resample import resample
from media.units import Samples, from_pcm

QUEUED_SECONDS_MAX = 15 * 60
CONTEXT = 1_024
"""Samples on each side of a block which is resampled: longer than the filter."""


@dataclass(frozen=True, slots=True)
class Said:
    """How an utterance is to be played; `start` in samples at the bank's rate."""

    name: str
    rate: int
    start: int = 0
    interruptible: bool = True
    more: bool = False
    loop: bool = False


@dataclass(slots=True, eq=False)
class _Utterance:
    said: Said
    pcm: bytearray | bytes
    played: int
    more: bool

    def total(self, rate: int) -> int:
        """Samples at the bank's rate."""
        return len(self.pcm) // 2 * rate // self.said.rate

    def block(self, rate: int, count: int) -> Samples:
        """The next samples at the bank's rate, resampled with what lies around them."""
        samples, first = from_pcm(memoryview(self.pcm)), self.played
        last = min(first + count, self.total(rate))
        if rate == self.said.rate:
            return samples[first:last].copy()
        # Cut where samples of both rates fall together, so that blocks join without a seam.
        step = np.gcd(rate, self.said.rate)
        up, down = rate // int(step), self.said.rate // int(step)
        begin = max(0, first // up - CONTEXT) * down
        end = (-(-last // up) + CONTEXT) * down
        at = first - begin // down * up
        return resample(samples[begin:end].copy(), self.said.rate, rate)[at : at + last - first]


@dataclass(slots=True)
class Utterances:
    """Each at most once, however often it is asked for. A loop plays while nothing else does."""

    rate: int
    _queue: deque[_Utterance] = field(default_factory=deque[_Utterance])
    _loop: _Utterance | None = None
    _finished: OrderedDict[str, Played] = field(default_factory=OrderedDict[str, Played])
    _ended: list[Played] = field(default_factory=list[Played])

    def play(self, said: Said, pcm: bytes) -> None:
        """Queue s16le audio. A finished utterance answers again."""
        if (played := self._finished.get(said.name)) is not None:
            self._ended.append(played)
            return
        if any(u.said.name == said.name for u in self._all()):
            return
        utterance = _Utterance(said, bytearray(pcm) if said.more else pcm, 0, said.more)
        utterance.played = min(said.start, utterance.total(self.rate))
        if reason := self._no_room(utterance.total(self.rate)):
            self._ended.append(self._outcome(utterance, reason))
        elif said.loop and pcm:
            if self._loop is not None:
                self._finish(self._loop)
            self._loop = utterance
        elif self._is_over(utterance):
            self._finish(utterance)
        else:
            self._queue.append(utterance)

    def append(self, name: str, pcm: bytes, more: bool) -> None:
        """More of an utterance that was begun with `more`. ValueError if it does not fit."""
        utterance = next((u for u in self._queue if u.said.name == name), None)
        if utterance is None or not utterance.more:
            return  # It was cut off meanwhile, or this was said before.
        assert isinstance(utterance.pcm, bytearray), "what may grow can grow"
        if reason := self._no_room(len(pcm) // 2 * self.rate // utterance.said.rate):
            raise ValueError(reason)
        utterance.pcm += pcm
        utterance.more = more
        if utterance is self._queue[0] and self._is_over(utterance):
            self._finish(self._queue.popleft())

    def block(self, frame: int, frames: int) -> Samples:
        """Up to so many whole frames of what is to be played now; none if nothing is."""
        utterance = self.current
        if utterance is None:
            return np.zeros(0, np.int16)
        samples = utterance.block(self.rate, frame * frames)
        odd = len(samples) % frame
        if not odd:
            return samples
        if utterance.more:
            return samples[: len(samples) - odd]  # The rest may still come.
        return np.concatenate([samples, np.zeros(-len(samples) % frame, np.int16)])

    def advance(self, samples: int) -> None:
        """So much of the last block went out."""
        utterance = self.current
        if utterance is None or not samples:
            return
        total = utterance.total(self.rate)
        utterance.played = min(utterance.played + samples, total)
        if utterance is self._loop:
            utterance.played %= total
        elif self._is_over(utterance):
            self._finish(self._queue.popleft())

    def stop(self, name: str | None = None) -> None:
        """End one utterance where it is, or all of them."""
        self._drop([u for u in self._all() if name is None or u.said.name == name])

    def interrupt(self) -> str | None:
        """End everything interruptible if such an utterance is playing; its name."""
        if not self._queue or not self._queue[0].said.interruptible:
            return None
        name = self._queue[0].said.name
        self._drop([u for u in self._queue if u.said.interruptible])
        return name

    @property
    def current(self) -> _Utterance | None:
        return self._queue[0] if self._queue else self._loop

    @property
    def playing(self) -> tuple[str, int] | None:
        """The utterance that is playing, and how much of it went out before this block."""
        return None if self.current is None else (self.current.said.name, self.current.played)

    @property
    def interruptible(self) -> bool:
        return bool(self._queue) and self._queue[0].said.interruptible

    def change_rate(self, rate: int) -> None:
        """The leg goes on at another rate."""
        for utterance in self._all():
            utterance.played = utterance.played * rate // self.rate
        self.rate = rate

    def take_ended(self) -> list[Played]:
        """What has ended since the last time this was asked."""
        ended, self._ended = self._ended, []
        return ended

    def _all(self) -> list[_Utterance]:
        return [*self._queue, *([] if self._loop is None else [self._loop])]

    def _is_over(self, utterance: _Utterance) -> bool:
        return not utterance.more and utterance.played >= utterance.total(self.rate)

    def _no_room(self, samples: int) -> str | None:
        if len(self._queue) >= UTTERANCES_QUEUED_MAX:
            return f"more than {UTTERANCES_QUEUED_MAX} utterances queued"
        limit = QUEUED_SECONDS_MAX * self.rate
        if samples + sum(u.total(self.rate) for u in self._all()) > limit:
            return f"more than {limit} samples queued"
        return None

    def _drop(self, utterances: list[_Utterance]) -> None:
        for utterance in utterances:
            if utterance is self._loop:
                self._loop = None
            else:
                self._queue.remove(utterance)
            self._finish(utterance)

    def _outcome(self, utterance: _Utterance, refused: str | None = None) -> Played:
        total = utterance.total(self.rate)
        cut = utterance.played < total or utterance.more
        return Played(utterance.said.name, utterance.played, total, cut, refused)

    def _finish(self, utterance: _Utterance) -> None:
        played = self._outcome(utterance)
        self._ended.append(played)
        if utterance.said.loop:
            return  # It has no end of its own: asked for again, it plays again.
        self._finished[played.utterance] = played
        if len(self._finished) > UTTERANCES_REMEMBERED:
            self._finished.popitem(last=False)
