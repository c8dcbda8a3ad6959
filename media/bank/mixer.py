"""Who hears whom: the voices of other legs and of their agents, added up for each leg."""

from dataclasses import dataclass

import numpy as np

from media.bank.memory import Frames, Levels, Mask, Slots, lazily
from media.commands import WAYS
from media.resample import Resampler


@dataclass(frozen=True, slots=True)
class Edge:
    """A source is slot * len(WAYS) + way. `tapped`: heard while its recording gate is open."""

    source: int
    gain: float
    tapped: bool = False


class Mixer:
    """One row of samples a source and rate; sums are saturated where they are encoded."""

    def __init__(self, slots: int, rates: tuple[int, ...]) -> None:
        sources = slots * len(WAYS)
        self.said: dict[int, Frames] = {r: lazily((sources, r // 50), np.int16) for r in rates}
        self._edges: dict[int, list[Edge]] = {}
        self._resamplers = {
            (a, b): Resampler(sources, a, b) for a in rates for b in rates if a != b
        }
        self._crossing: dict[tuple[int, int], Slots] = {}
        self._sums: dict[int, tuple[Slots, Slots, Slots, Levels]] = {}
        self._tapped: dict[int, Mask] = {}
        self.is_source = np.zeros((slots, len(WAYS)), np.bool_)
        self.is_covered = np.zeros(sources, np.bool_)
        """Whether the frame of each source is covered by an open gate."""

    def hear(self, slot: int, edges: list[Edge]) -> None:
        """What a leg hears beside its own agent; replaces what it heard before."""
        self._edges[slot] = edges
        if not edges:
            del self._edges[slot]

    def forget(self, slot: int) -> None:
        """The leg is gone: it hears nobody, and nobody hears it."""
        self._edges.pop(slot, None)
        for hearer, edges in list(self._edges.items()):
            self.hear(hearer, [e for e in edges if e.source // len(WAYS) != slot])
        rows = np.arange(slot * len(WAYS), (slot + 1) * len(WAYS))
        for said in self.said.values():
            said[rows] = 0
        for resampler in self._resamplers.values():
            resampler.reset(rows)

    def arrange(self, rate_of: Slots) -> None:
        """Edges or rates have changed: sort them by who hears, at which rate."""
        self.is_source[:] = False
        self._crossing, self._sums, self._tapped = {}, {}, {}
        crossing: dict[tuple[int, int], set[int]] = {}
        for rate in self.said:
            hearers = sorted(slot for slot in self._edges if rate_of[slot] == rate)
            edges = [edge for slot in hearers for edge in self._edges[slot]]
            for edge in edges:
                slot, way = divmod(edge.source, len(WAYS))
                self.is_source[slot, way] = True
                if (own := int(rate_of[slot])) != rate:
                    crossing.setdefault((own, rate), set()).add(edge.source)
            if hearers:
                counts = np.array([len(self._edges[slot]) for slot in hearers])
                self._sums[rate] = (
                    np.array(hearers, np.int64),
                    np.cumsum(counts) - counts,
                    np.array([edge.source for edge in edges], np.int64),
                    np.array([edge.gain for edge in edges], np.float32)[:, None],
                )
            if any(edge.tapped for edge in edges):
                self._tapped[rate] = np.array([edge.tapped for edge in edges], np.bool_)
        for rates, sources in crossing.items():
            self._crossing[rates] = np.array(sorted(sources), np.int64)

    def cross(self) -> None:
        """Bring what is heard at another rate than it was said to that rate."""
        for (rate, wanted), sources in self._crossing.items():
            resampled = self._resamplers[rate, wanted].run(sources, self.said[rate][sources])
            self.said[wanted][sources] = resampled

    def mixed(self, rate: int) -> tuple[Slots, Levels]:
        """Who hears others at this rate, and the sum of what each hears: (legs, frame)."""
        if rate not in self._sums:
            return NOBODY, NOTHING
        hearers, starts, sources, gains = self._sums[rate]
        if (tapped := self._tapped.get(rate)) is not None:
            gains = gains * (self.is_covered[sources] | ~tapped)[:, None]
        heard = self.said[rate][sources] * gains
        return hearers, np.add.reduceat(heard, starts, axis=0)


NOBODY = np.empty(0, np.int64)
NOTHING = np.empty((0, 0), np.float32)
