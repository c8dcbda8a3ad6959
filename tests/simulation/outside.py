"""The world outside: it does what it is asked for, fails, hangs, or does it and never says so."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

from runtime.outbox import Effect
from runtime.performer import Closing
from tests.runtime.bank import notified
from tests.simulation.checks import Violation
from tests.simulation.swarm import Swarm

TAKES_S = 0.05
HANGS_S = 5.0
"""What hangs is given up after so long."""


class Outside:
    """`done` counts, for each idempotency key, how often it came this far."""

    def __init__(self, rng: Random, swarm: Swarm) -> None:
        self.done: Counter[str] = Counter()
        self.violation: Violation | None = None
        self._rng = rng
        self._shares = [swarm.fails, swarm.hangs, swarm.answers_lost]
        self._lanes: set[tuple[object, str]] = set()

    def heal(self) -> None:
        """From now on everything succeeds."""
        self._shares = [0.0, 0.0, 0.0]

    async def notify(self, whose: object, effect: Effect, args: dict[str, Any]) -> Closing:
        """Tell somebody, on behalf of a process."""
        lane = whose, effect.lane
        if lane in self._lanes:
            self.violation = Violation("a lane is one after the other", f"not so {effect}")
        self._lanes.add(lane)
        try:
            await self._do(effect)
        finally:
            self._lanes.discard(lane)
        return Closing(notified, args)

    async def _do(self, effect: Effect) -> None:
        await asyncio.sleep(self._rng.random() * TAKES_S)
        fails, hangs, lost = (self._rng.random() < share for share in self._shares)
        if fails:
            raise ConnectionError("nobody answers")
        if hangs:
            async with asyncio.timeout(HANGS_S):
                await asyncio.get_running_loop().create_future()
        self.done[effect.id] += 1
        if lost:
            raise TimeoutError("it was done, and nobody said so")
