"""What is about to be played on all legs: a second of it at a time, refilled leg by leg."""

import numpy as np

from media.bank.memory import Frames, Slots, lazily, windows
from media.bank.utterances import Utterances
from media.playout import Played

BLOCK_FRAMES = 50


class Stage:
    def __init__(self, slots: int, rate: int) -> None:
        self._rate, self._frame = rate, rate // 50
        self._rows: Frames = lazily((slots, BLOCK_FRAMES * self._frame), np.int16)
        self._places = windows(self._rows, self._frame)
        self._at = np.zeros(slots, np.int64)
        self._end = np.zeros(slots, np.int64)
        self._lines: dict[int, Utterances] = {}
        self._cued: dict[int, tuple[str, int]] = {}
        """What is staged of which utterance: its name, and the samples before."""
        self.interruptible = np.zeros(slots, np.bool_)

    def open(self, slot: int) -> Utterances:
        self._at[slot] = self._end[slot] = 0
        self.interruptible[slot] = False
        self._cued.pop(slot, None)
        line = self._lines[slot] = Utterances(self._rate)
        return line

    def close(self, slot: int) -> None:
        del self._lines[slot]
        self._end[slot] = self._at[slot]

    def adopt(self, slot: int, line: Utterances) -> None:
        """Go on with the utterances of a leg that came from another bank."""
        line.change_rate(self._rate)
        self._lines[slot] = line
        self.cue(slot)

    def take_ended(self, slot: int) -> list[Played]:
        return self._lines[slot].take_ended()

    def line(self, slot: int) -> Utterances:
        return self._lines[slot]

    def cue(self, slot: int) -> None:
        """Utterances came, or ended: what was staged may no longer be what is to be played."""
        line = self._lines[slot]
        block = line.block(self._frame, BLOCK_FRAMES)
        self._rows[slot, : len(block)] = block
        self._at[slot], self._end[slot] = 0, len(block)
        self.interruptible[slot] = line.interruptible
        if (playing := line.playing) is None:
            self._cued.pop(slot, None)
        else:
            self._cued[slot] = playing

    def settle(self, slot: int) -> Utterances:
        """The utterances of a leg, told how far they were played; `cue` is to follow."""
        line = self._lines[slot]
        line.advance(int(self._at[slot]))
        self._at[slot] = self._end[slot] = 0
        return line

    def playing(self, slot: int) -> tuple[str, int] | None:
        """The utterance and how many of its samples went out."""
        if (cued := self._cued.get(slot)) is None:
            return None
        return cued[0], cued[1] + int(self._at[slot])

    def playing_now(self, slots: Slots) -> list[tuple[int, str, int]]:
        """Which of the slots play: what, and how many of its samples went out."""
        at = self._at[slots]
        rows = np.flatnonzero(at < self._end[slots])
        playing = zip(slots[rows].tolist(), at[rows].tolist(), strict=True)
        return [(slot, self._cued[slot][0], self._cued[slot][1] + out) for slot, out in playing]

    def next(self, slots: Slots) -> tuple[Slots, Frames, list[int]]:
        """20 ms of every leg that plays: which of `slots`, their frames, whose block is over."""
        rows = np.flatnonzero(self._at[slots] < self._end[slots])
        playing = slots[rows]
        at = self._at[playing]
        frames = self._places[playing * self._rows.shape[1] + at]
        self._at[playing] = at = at + self._frame
        return rows, frames, playing[at >= self._end[playing]].tolist()
