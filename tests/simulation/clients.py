"""Clients: they ask, lose patience, and ask again under the same request id until answered."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random

from runtime.errors import Busy, NotNow, Refused, StoreBroken
from runtime.execution import Action
from runtime.writer import Committed
from tests.simulation.node import Node
from tests.simulation.swarm import Swarm
from tests.simulation.witness import CALM, FLOOD, Witness

KNOCKS_AGAIN_S = 0.1
FLOOD_AT_ONCE = 12

Serving = Callable[[], Node]
"""The process that clients find now."""


class Client:
    """One sender of actions after the other, for one tenant; it outlives every process."""

    def __init__(
        self, tenant: str, serving: Serving, witness: Witness, rng: Random, swarm: Swarm
    ) -> None:
        self.asked = 0
        self.refusals: list[type[Refused]] = []
        self._tenant, self._serving = tenant, serving
        self._witness, self._rng, self._swarm = witness, rng, swarm

    async def live(self, draw: Callable[[], Action], goes_on: Callable[[], bool]) -> None:
        """One action at a time; a flooder a dozen."""
        while goes_on():
            await asyncio.sleep(self._rng.random() * self._swarm.gap_s)
            if self._tenant == FLOOD:
                some = [draw() for _ in range(FLOOD_AT_ONCE)]
                await asyncio.gather(*(self.ask(action) for action in some))
            else:
                await self.ask(draw())

    async def ask(self, action: Action) -> Committed | Refused | None:
        """Until it is answered. None where that can not be known: it has no request id."""
        self.asked += 1
        action = replace(action, tenant=self._tenant)
        patience_s = self._patience_s()
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    committed = await self._serving().act(action)
            except NotNow as later:
                self.refusals.append(type(later))
                self._check_share(later)
                await asyncio.sleep(later.retry_after_ms / 1_000)
            except Refused as refused:
                self.refusals.append(type(refused))
                return refused
            except (TimeoutError, StoreBroken):
                if action.request is None:
                    return None
                patience_s *= 2  # Else all that is served is what nobody waits for any more.
                await asyncio.sleep(self._rng.random() * self._swarm.gap_s)
            except ConnectionError:
                await asyncio.sleep(KNOCKS_AGAIN_S)
            else:
                self._witness.answered(action, committed)
                return committed

    def _patience_s(self) -> float:
        if self._tenant == CALM:
            return 60.0
        return max(0.001, self._rng.random() * self._swarm.patience_s)

    def _check_share(self, later: NotNow) -> None:
        refused = self._tenant == CALM and isinstance(later, Busy)
        self._witness.demand("a flood takes nobody's place", not refused, str(later))
