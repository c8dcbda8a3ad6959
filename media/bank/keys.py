"""Keys that come as sound, on legs which have no other way to send them."""

import numpy as np
from numpy.typing import NDArray

from media.bank.memory import Frames, Mask, Slots
from media.tones import (
    IN_A_ROW,
    KEYS,
    NO_KEY,
    RELEASED,
    Hits,
    hop_samples,
    judged,
    window_samples,
)

Pressed = list[tuple[int, str, int]]
"""Slots, keys, and the positions where they began."""


class Keys:
    """Follows the keys of those slots that `wants` names: two windows in each frame."""

    def __init__(self, slots: int, rate: int) -> None:
        self._rate = rate
        self._window, self._hop = window_samples(rate), hop_samples(rate)
        self._overlap = self._window - self._hop
        self.wants = np.zeros(slots, np.bool_)
        self._tail = np.zeros((slots, self._overlap), np.int16)
        self._last = np.full(slots, NO_KEY, np.int8)
        self._run = np.zeros(slots, np.int64)
        self._held = np.full(slots, NO_KEY, np.int8)
        self._gone = np.zeros(slots, np.int64)

    def open(self, slot: int) -> None:
        self.wants[slot] = False
        self._tail[slot] = 0
        self._last[slot] = self._held[slot] = NO_KEY
        self._run[slot] = self._gone[slot] = 0

    def push(self, slots: Slots, positions: Slots, frames: Frames) -> tuple[Pressed, Mask]:
        """The next frame of each slot. What was pressed; and whose frame is a key's sound."""
        sounding = np.zeros(len(slots), np.bool_)
        rows = np.flatnonzero(self.wants[slots])
        if not rows.size:
            return [], sounding
        slots, positions = slots[rows], positions[rows]
        joined = np.concatenate([self._tail[slots], frames[rows]], axis=1)
        self._tail[slots] = joined[:, -self._overlap :]
        pressed: Pressed = []
        for n in range(2):
            begin = n * self._hop
            hits = judged(joined[:, begin : begin + self._window], self._rate)
            pressed += self._follow(slots, positions + begin - self._overlap, hits)
            sounding[rows] |= hits != NO_KEY
        return pressed, sounding

    def _follow(self, slots: Slots, positions: Slots, hits: Hits) -> Pressed:
        again = (hits == self._last[slots]) & (hits != NO_KEY)
        run: NDArray[np.int64] = np.where(again, self._run[slots] + 1, hits != NO_KEY)
        self._last[slots], self._run[slots] = hits, run
        held = self._held[slots]
        gone = np.where(hits == held, 0, self._gone[slots] + 1)
        held[gone >= RELEASED] = NO_KEY
        begun = (run >= IN_A_ROW) & (hits != held)
        held[begun], gone[begun] = hits[begun], 0
        self._held[slots], self._gone[slots] = held, gone
        return [
            (int(slots[n]), KEYS[hits[n]], int(positions[n]) - (IN_A_ROW - 1) * self._hop)
            for n in np.flatnonzero(begun).tolist()
        ]
