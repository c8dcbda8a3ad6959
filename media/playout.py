"""What the agent says: a queue of utterances, and how much of each went out."""

from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

from media.units import FRAME_SAMPLES, SAMPLE_RATE, Samples

UTTERANCES_QUEUED_MAX = 64
UTTERANCES_REMEMBERED = 64
SAMPLES_QUEUED_MAX = 15 * 60 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Played:
    """How an utterance ended. Positions in samples from its own beginning."""

    utterance: str
    played: int
    total: int
    interrupted: bool
    refused: str | None = None


@dataclass(slots=True, eq=False)
class _Utterance:
    name: str
    samples: Samples
    played: int
    interruptible: bool

    def ended(self, refused: str | None = None) -> Played:
        whole = self.played >= len(self.samples)
        return Played(self.name, self.played, len(self.samples), not whole, refused)


class Playout:
    """Utterances one after the other, each at most once however often it is asked for."""

    def __init__(self) -> None:
        self._queue: deque[_Utterance] = deque()
        self._finished: OrderedDict[str, Played] = OrderedDict()
        self._ended: list[Played] = []

    def play(self, name: str, samples: Samples, start: int, interruptible: bool) -> None:
        """Queue an utterance from sample `start` on. A finished one answers again."""
        if (played := self._finished.get(name)) is not None:
            self._ended.append(played)
            return
        if any(utterance.name == name for utterance in self._queue):
            return
        utterance = _Utterance(name, samples, min(start, len(samples)), interruptible)
        if reason := self._no_room(len(samples)):
            self._ended.append(utterance.ended(refused=reason))
            return
        if utterance.played == len(samples):
            self._finish(utterance)
            return
        self._queue.append(utterance)

    def frame(self) -> Samples | None:
        """The next 20 ms, or None if there is nothing to say."""
        if not self._queue:
            return None
        utterance = self._queue[0]
        frame = utterance.samples[utterance.played : utterance.played + FRAME_SAMPLES]
        utterance.played += len(frame)
        if utterance.played == len(utterance.samples):
            self._finish(self._queue.popleft())
        if len(frame) < FRAME_SAMPLES:
            frame = np.concatenate([frame, np.zeros(FRAME_SAMPLES - len(frame), np.int16)])
        return frame

    def stop(self, name: str | None = None) -> None:
        """End one utterance where it is, or all of them."""
        self._drop([u for u in self._queue if name is None or u.name == name])

    def interrupt(self) -> str | None:
        """End everything interruptible if such an utterance is playing; its name."""
        if not self._queue or not self._queue[0].interruptible:
            return None
        name = self._queue[0].name
        self._drop([u for u in self._queue if u.interruptible])
        return name

    @property
    def playing(self) -> tuple[str, int] | None:
        """The utterance that is playing and how many of its samples went out."""
        return (self._queue[0].name, self._queue[0].played) if self._queue else None

    def take_ended(self) -> list[Played]:
        """What has ended since the last time this was asked."""
        ended, self._ended = self._ended, []
        return ended

    def _no_room(self, samples: int) -> str | None:
        if len(self._queue) >= UTTERANCES_QUEUED_MAX:
            return f"more than {UTTERANCES_QUEUED_MAX} utterances queued"
        if samples + sum(len(u.samples) for u in self._queue) > SAMPLES_QUEUED_MAX:
            return f"more than {SAMPLES_QUEUED_MAX} samples queued"
        return None

    def _drop(self, utterances: list[_Utterance]) -> None:
        for utterance in utterances:
            self._queue.remove(utterance)
            self._finish(utterance)

    def _finish(self, utterance: _Utterance) -> None:
        played = utterance.ended()
        self._ended.append(played)
        self._finished[played.utterance] = played
        if len(self._finished) > UTTERANCES_REMEMBERED:
            self._finished.popitem(last=False)
