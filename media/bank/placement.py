"""Where on its leg's timeline each packet belongs: by its timestamp, anchored at an arrival."""

import numpy as np

from media.bank.memory import NEVER, Mask, Slots

EARLY_MS_MAX = 10
LATE_MS_MAX = 40
LATE_SPAN_MS = 200
JUMP_MS = 2_000
DRIFT_WINDOW_PACKETS = 250
DRIFT_MS_MAX = 10
WRAP = 1 << 32


class Placements:
    """`media.jitter.Placement` for many legs at once; positions in samples of the bank."""

    def __init__(self, slots: int, rate: int) -> None:
        per_ms = rate // 1_000
        self._early, self._late = EARLY_MS_MAX * per_ms, LATE_MS_MAX * per_ms
        self._span, self._jump = LATE_SPAN_MS * per_ms, JUMP_MS * per_ms
        self._drift = DRIFT_MS_MAX * per_ms
        self._ssrc = np.full(slots, -1, np.int64)
        self._timestamp = np.zeros(slots, np.int64)
        self._position = np.zeros(slots, np.int64)
        self._late_since = np.full(slots, NEVER, np.int64)
        self._window = np.zeros(slots, np.int64)
        self._least_skew = np.zeros(slots, np.int64)
        self._rate = rate
        self._clock = np.full(slots, rate, np.int64)

    def open(self, slot: int, clock_rate: int) -> None:
        """`clock_rate` of the timestamps, in Hz: not always that of the samples (RFC 3551)."""
        self._ssrc[slot] = -1
        self._clock[slot] = clock_rate

    def follow(self, slot: int, clock_rate: int) -> None:
        """The leg has another codec: its timestamps begin anew if they count differently."""
        if self._clock[slot] != clock_rate:
            self.open(slot, clock_rate)

    def place(
        self, slots: Slots, ssrcs: Slots, timestamps: Slots, arrived: Slots
    ) -> tuple[Slots, Mask]:
        """The position of each packet's first sample, and which of them moved their anchor.

        Each slot at most once: a packet is placed by the one before it.
        """
        delta = (timestamps - self._timestamp[slots] + WRAP // 2) % WRAP - WRAP // 2
        positions = self._position[slots] + delta * self._rate // self._clock[slots]
        skew = arrived - positions
        # No packet arrives before it was sent: the anchor itself was late, or time jumped.
        off = (ssrcs != self._ssrc[slots]) | (skew < -self._early) | (skew > self._jump)
        moved = off | self._stay_late(slots, ~off & (skew > self._late), arrived)
        self._ssrc[slots], self._timestamp[slots] = ssrcs, timestamps
        if moved.any():
            positions, skew = np.where(moved, arrived, positions), np.where(moved, 0, skew)
            self._late_since[slots[moved]] = NEVER
            self._window[slots[moved]] = 0
        shift = self._follow_drift(slots, skew)
        self._position[slots] = positions + shift
        return positions, moved | (shift > 0)

    def _stay_late(self, slots: Slots, late: Mask, arrived: Slots) -> Mask:
        """Whose packets have been late for so long that it is their place.

        A burst after a stall is late, too, but it ends; a sender who paused stays late.
        """
        if not late.any():
            self._late_since[slots] = NEVER
            return late
        since = self._late_since[slots]
        since = np.where(late, np.where(since == NEVER, arrived, since), NEVER)
        self._late_since[slots] = since
        return late & (arrived - since >= self._span)

    def _follow_drift(self, slots: Slots, skew: Slots) -> Slots:
        """Move the anchor if even the luckiest packet of a window came late: a slow clock."""
        window = self._window[slots]
        least = np.where(window > 0, np.minimum(self._least_skew[slots], skew), skew)
        self._least_skew[slots] = least
        full = window + 1 >= DRIFT_WINDOW_PACKETS
        self._window[slots] = np.where(full, 0, window + 1)
        return np.where(full & (least > self._drift), least, 0)
