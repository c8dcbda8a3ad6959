"""How punctual the clock is, and how long its ticks take: told to whoever runs the node."""

import numpy as np

from media.units import FRAME_US

LATE_US = 5_000
TICKS_KEPT = 512
"""Ten seconds of them, of which the percentiles are told."""


class Lateness:
    def __init__(self) -> None:
        self.late_ticks = 0
        self.missed_ticks = 0
        self._last_slot: int | None = None
        self._taken_us = np.zeros(TICKS_KEPT, np.int64)
        self._ticks = 0

    def began(self, now: int, slot: int) -> None:
        """A tick of the slot begins `now`."""
        self.late_ticks += now - slot > LATE_US
        if self._last_slot is not None:
            self.missed_ticks += max(0, (slot - self._last_slot) // FRAME_US - 1)
        self._last_slot = slot

    def took(self, taken_us: int) -> None:
        """A tick took so long, until its packets were sent."""
        self._taken_us[self._ticks % TICKS_KEPT] = taken_us
        self._ticks += 1

    def told(self) -> dict[str, object]:
        """What "stats" says of it; times of the last ticks, in microseconds."""
        taken = self._taken_us[: min(self._ticks, TICKS_KEPT)]
        p50, p99, longest = np.percentile(taken, (50, 99, 100)) if len(taken) else (0, 0, 0)
        return {
            "late_ticks": self.late_ticks,
            "missed_ticks": self.missed_ticks,
            "tick_us": {"p50": int(p50), "p99": int(p99), "max": int(longest)},
        }
