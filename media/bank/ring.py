"""What was received and is still to be heard: a ring of samples per slot, by position."""

import numpy as np

from media.bank.memory import NEVER, Frames, Mask, Slots, lazily, windows
from media.units import Samples

EMPTY = np.int16(-32_768)
"""Marks a place where nothing was received; no decoder gives this value."""

RING_TENTHS = 24
"""Tenths of a second in a ring: 1.4 s ahead of the cursor and 0.96 s of history behind it."""

HISTORY_FRAMES = 48
PAYLOAD_TENTHS_MAX = 2


class Rings:
    """Order, duplicates and the length of packets do not matter: each sample has its place.

    `cursor` is the position that is released next. Behind it lies what was released lately.
    """

    def __init__(self, slots: int, rate: int) -> None:
        self.frame = rate // 50
        self.length = rate // 10 * RING_TENTHS
        self.history = HISTORY_FRAMES * self.frame
        self.ahead = self.length - self.history - self.frame
        self.longest = rate // 10 * PAYLOAD_TENTHS_MAX
        # The pad takes the end of what begins before the end of the ring.
        self._rows: Frames = lazily((slots, self.length + self.longest), np.int16)
        self._starts = np.arange(slots, dtype=np.int64) * self._rows.shape[1]
        self._frames = windows(self._rows, self.frame)
        self._empty = np.full((slots, self.frame), EMPTY)
        self.cursor = np.full(slots, NEVER, np.int64)
        self.late = np.zeros(slots, np.int64)

    def open(self, slot: int) -> None:
        self._rows[slot] = EMPTY
        self.cursor[slot] = NEVER
        self.late[slot] = 0

    def put(self, slots: Slots, positions: Slots, samples: Frames) -> None:
        """Keep what is neither released yet nor further ahead than the ring is long."""
        unset = self.cursor[slots] == NEVER
        if unset.any():
            self.cursor[slots[unset]] = positions[unset]
        width = samples.shape[1]
        lead = positions - self.cursor[slots]
        whole = (lead >= 0) & (lead + width <= self.ahead)
        if not whole.all():
            for n in np.flatnonzero(~whole).tolist():
                self._put_part(int(slots[n]), int(positions[n]), samples[n])
            slots, positions, samples = slots[whole], positions[whole], samples[whole]
        places = positions % self.length
        view = self._frames if width == self.frame else windows(self._rows, width)
        view[self._starts[slots] + places] = samples
        self._close_rings(slots, places, width)

    def release(self, slots: Slots) -> tuple[Slots, Frames, Mask]:
        """The next frame of each slot: positions, samples, and where samples are missing."""
        positions = self.cursor[slots]
        places = positions % self.length
        for slot in slots[places > self.length - self.frame].tolist():
            row = self._rows[slot]
            row[self.length : self.length + self.frame] = row[: self.frame]
        frames = self._frames[self._starts[slots] + places]
        self.cursor[slots] = positions + self.frame
        self._forget(slots, positions - self.history)
        return positions, frames, frames == EMPTY

    def amend(self, slots: Slots, positions: Slots, frames: Frames) -> None:
        """Write what was made up for a lost frame where it would have been."""
        places = positions % self.length
        self._frames[self._starts[slots] + places] = frames
        self._close_rings(slots, places, self.frame)

    def span(self, slot: int, start: int, count: int) -> Samples:
        """A copy of what was released; silent where nothing was."""
        row, first = self._rows[slot, : self.length], start % self.length
        over = max(0, first + count - self.length)
        samples: Samples = np.concatenate([row[first : first + count], row[:over]])
        samples[samples == EMPTY] = 0
        return samples

    def spans(self, slots: Slots, before: Slots, count: int) -> Frames:
        """The `count` samples before a position, for many slots."""
        places = (before - count)[:, None] + np.arange(count)
        samples: Frames = self._rows[slots[:, None], places % self.length]
        samples[samples == EMPTY] = 0
        return samples

    def skip(self, slot: int, cursor: int) -> None:
        """Go on at another place, with nothing in the ring."""
        self._rows[slot] = EMPTY
        self.cursor[slot] = cursor

    def align(self, slot: int, position: int) -> None:
        """Move on by less than a frame, so that packets from `position` on fill whole frames."""
        cursor = int(self.cursor[slot])
        step = (position - cursor) % self.frame
        if cursor == NEVER or step == 0:
            return
        self._write(slot, cursor - self.history, self._empty[0][:step])
        self.cursor[slot] = cursor + step

    def _put_part(self, slot: int, position: int, samples: Samples) -> None:
        cursor = int(self.cursor[slot])
        first = max(position, cursor)
        last = min(position + len(samples), cursor + self.ahead)
        if first >= last:
            self.late[slot] += 1
        else:
            self._write(slot, first, samples[first - position : last - position])

    def _close_rings(self, slots: Slots, places: Slots, width: int) -> None:
        """What was written into the pads belongs at the beginning."""
        for n in np.flatnonzero(places + width > self.length).tolist():
            row, over = self._rows[slots[n]], int(places[n]) + width - self.length
            row[:over] = row[self.length : self.length + over]

    def _write(self, slot: int, position: int, samples: Samples) -> None:
        row, start = self._rows[slot], position % self.length
        head = min(len(samples), self.length - start)
        row[start : start + head] = samples[:head]
        row[: len(samples) - head] = samples[head:]

    def _forget(self, slots: Slots, positions: Slots) -> None:
        places = positions % self.length
        self._frames[self._starts[slots] + places] = self._empty[: len(slots)]
        for n in np.flatnonzero(places > self.length - self.frame).tolist():
            self._rows[slots[n]][: int(places[n]) + self.frame - self.length] = EMPTY
