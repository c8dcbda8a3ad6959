"""Operators: they pause and resume, deploy and roll back, fill the disk and set the clock."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from runtime.errors import NotNow, Refused, StoreBroken
from runtime.execution import Action
from runtime.modules.deploying import Deployed, deploy
from runtime.modules.reducers import module_rolled_back, paused, resumed
from runtime.writer import action_of
from tests.simulation import till
from tests.simulation.clients import Client, Serving

PAUSED = ("tests", "north", "south", "till", "till-1", "runtime")
GAP_S = 0.2
DEPLOY_S = 5.0
SKEW_US = 3_000_000
TILLS = 6


@dataclass
class Operator:
    """What an operator needs: a client's patience, and the right to the machine."""

    client: Client
    serving: Serving
    path: Path
    rng: Random
    goes_on: Callable[[], bool]
    set_clock: Callable[[int], None]
    requests: int = 0

    async def pause(self) -> None:
        """Pause a module or a scope for a while, again and again."""
        while self.goes_on():
            what = self.rng.choice(PAUSED)
            await self._wait()
            await self.client.ask(self._action(paused, what=what, why="to see"))
            await self._wait()
            await self.client.ask(self._action(resumed, what=what))

    async def release(self) -> None:
        """Take versions live, for all or for some, and back again."""
        while self.goes_on():
            await self._wait()
            if self.rng.random() < 0.3:
                await self.client.ask(self._action(module_rolled_back, name=till.NAME))
            else:
                await self._deploy()

    async def ring(self) -> None:
        """Open tills and take money, in versions that nobody may change under them."""
        while self.goes_on():
            scope = f"till-{self.rng.randrange(TILLS)}"
            action = self._action("till.rung", scope=scope, cents=self.rng.randint(1, 9))
            if self.rng.random() < 0.3:
                action = self._action(till.till_opened, scope=scope)
            await self.client.ask(action)
            await asyncio.sleep(self.rng.random() * GAP_S / 4)

    async def fill(self) -> None:
        """The disk is full for a while, again and again."""
        while self.goes_on():
            await self._wait()
            self.serving().fill(self.rng.randrange(2))
            await self._wait()
            self.serving().fill(None)

    async def skew(self) -> None:
        """Somebody sets the clock."""
        while self.goes_on():
            await self._wait()
            self.set_clock(self.rng.randrange(-SKEW_US, SKEW_US))

    async def _deploy(self) -> None:
        node = self.serving()
        if node.store is None:
            return
        files = till.version(self.rng.choice(till.LABELS), f"Note {self.rng.randrange(2)}.")
        work = partial(
            deploy,
            node.store,
            self.path,
            till.NAME,
            files,
            permille=self.rng.choice([300, 1_000, 1_000]),
            by="ops",
            accept_differences=self.rng.random() < 0.7,
        )
        # It may be given up, or its process die: it is done whole, or not at all.
        attempt = node.begin(_attempted(work))
        await asyncio.wait([attempt], timeout=self.rng.random() * DEPLOY_S)
        attempt.cancel()

    async def _wait(self) -> None:
        await asyncio.sleep(self.rng.random() * GAP_S)

    def _action(self, reducer: Any, scope: str | None = None, **args: Any) -> Action:
        self.requests += 1
        request = f"ops{self.requests}-{self.rng.randrange(1_000_000)}"
        return action_of(reducer, args, sender="ops", scope=scope, request=request)


async def _attempted(work: Callable[[], Coroutine[Any, Any, Deployed]]) -> Deployed | Exception:
    try:
        return await work()
    except (NotNow, Refused, StoreBroken) as error:
        return error
