"""A bad network, from a seed: which packets come, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

TRANSIT_US = 40_000
JITTER_US_MAX = 300_000
DETOUR_US = 60_000
"""What a reordered packet takes longer: three others overtake it."""


@dataclass(frozen=True)
class Network:
    loss: float = 0.0
    burst: tuple[int, int] | None = None
    """Fewest and most packets lost in a row; None loses each by itself."""

    jitter_us: int = 0
    """The mean of an exponential distribution."""

    reordered: float = 0.0
    duplicated: float = 0.0

    def deliver(self, sent_us: Sequence[int], random: Random) -> list[tuple[int, int]]:
        """When each packet comes, and which it is, in the order of arrival."""
        found: list[tuple[int, int]] = []
        lost = self._lost(len(sent_us), random)
        for n, sent in enumerate(sent_us):
            if lost[n]:
                continue
            for _ in range(2 if random.random() < self.duplicated else 1):
                found.append((sent + self._transit(random), n))
        return sorted(found)

    def _transit(self, random: Random) -> int:
        jitter = int(random.expovariate(1 / self.jitter_us)) if self.jitter_us else 0
        detour = DETOUR_US if random.random() < self.reordered else 0
        return TRANSIT_US + min(jitter, JITTER_US_MAX) + detour

    def _lost(self, count: int, random: Random) -> list[bool]:
        if self.burst is None:
            return [random.random() < self.loss for _ in range(count)]
        shortest, longest = self.burst
        # As often that, with at least one packet between two bursts, `loss` of all are lost.
        begins = self.loss / ((shortest + longest) / 2 * (1 - self.loss))
        lost: list[bool] = []
        while len(lost) < count:
            lost.append(False)
            if random.random() < begins:
                lost += [True] * random.randint(shortest, longest)
        return lost[:count]
