"""Operators: they pause and resume, deploy and roll back, fill the disk and set the clock."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from runtime.errors import NotNow, Refused, StoreBroken
from runtime.execution import Action
from runtime.identities.reducers import (
    identity_activated,
    identity_registered,
    identity_revoked,
)
from runtime.identities.rules import Kind
from runtime.modules.deploying import Deployed, deploy
from runtime.modules.reducers import module_rolled_back, paused, resumed
from runtime.writer import action_of
from tests.runtime.identities.people import Person, noted
from tests.simulation import till
from tests.simulation.clients import Client, Serving

PAUSED = ("tests", "north", "south", "till", "till-1", "runtime")
GAP_S = 0.2
DEPLOY_S = 5.0
SKEW_US = 3_000_000
TILLS = 6
PEOPLE_MAX = 8
NOTES = 6


@dataclass
class Operator:
    """What an operator needs: a client's patience, and the right to the machine."""

    client: Client
    serving: Serving
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

    async def revoke(self) -> None:
        """Let somebody act, and revoke them while their actions are on the way."""
        number = 0
        while self.goes_on() and number < PEOPLE_MAX:
            number += 1
            person = Person(number)
            facts: dict[str, Any] = {"kind": Kind.PERSON, "key": person.public, "roles": ()}
            await self._ask(identity_registered, belongs_to="", name=person.id, **facts)
            await self._ask(identity_activated, identity=person.id)
            notes = [self._action(noted, sender=person.id, text="hello") for _ in range(NOTES)]
            asking = [asyncio.create_task(self.client.ask(note)) for note in notes]
            await asyncio.sleep(self.rng.random() * GAP_S / 10)
            await self._ask(identity_revoked, identity=person.id)
            await asyncio.gather(*asking)
            # A retry of what was done is answered; anything else is refused from now on.
            await self.client.ask(self.rng.choice(notes))
            await self._ask(noted, sender=person.id, text="too late")

    async def _ask(self, reducer: Any, sender: str = "ops", **args: Any) -> None:
        await self.client.ask(self._action(reducer, sender=sender, **args))

    async def _deploy(self) -> None:
        node = self.serving()
        if node.store is None:
            return
        files = till.version(self.rng.choice(till.LABELS), f"Note {self.rng.randrange(2)}.")
        work = partial(
            deploy,
            node.store,
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

    def _action(
        self, reducer: Any, scope: str | None = None, sender: str = "ops", **args: Any
    ) -> Action:
        self.requests += 1
        request = f"ops{self.requests}-{self.rng.randrange(1_000_000)}"
        return action_of(reducer, args, sender=sender, scope=scope, request=request)


async def _attempted(work: Callable[[], Coroutine[Any, Any, Deployed]]) -> Deployed | Exception:
    try:
        return await work()
    except (NotNow, Refused, StoreBroken) as error:
        return error
