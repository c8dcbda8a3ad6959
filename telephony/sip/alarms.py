"""Many named alarms, the next of them at hand."""

from __future__ import annotations

import heapq
from typing import NamedTuple

_SPARE_ENTRIES = 64


class Alarm(NamedTuple):
    kind: str
    name: str


class Alarms:
    """Each alarm has at most one time. Set and clear cost O(log n)."""

    def __init__(self) -> None:
        self._at: dict[Alarm, float] = {}
        self._heap: list[tuple[float, Alarm]] = []

    def __len__(self) -> int:
        return len(self._at)

    def set(self, kind: str, name: str, at: float | None) -> None:
        """Ring at this time instead of any earlier one set; never, for none."""
        alarm = Alarm(kind, name)
        if at is None:
            self._at.pop(alarm, None)
        elif self._at.get(alarm) != at:
            self._at[alarm] = at
            heapq.heappush(self._heap, (at, alarm))
        self._drop_stale()

    @property
    def wake_at(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Alarm]:
        """Take those which have come due, earliest first."""
        taken: list[Alarm] = []
        while self._heap and self._heap[0][0] <= now:
            at, alarm = heapq.heappop(self._heap)
            if self._at.get(alarm) == at:
                del self._at[alarm]
                taken.append(alarm)
        self._drop_stale()
        return taken

    def _drop_stale(self) -> None:
        # Entries left by changed alarms go when they reach the top, or when they are too many.
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if len(self._heap) > 2 * len(self._at) + _SPARE_ENTRIES:
            self._heap = [(at, alarm) for alarm, at in self._at.items()]
            heapq.heapify(self._heap)
