"""Parts of the runtime with one promise broken, for the controls of tier 2."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from runtime import canonical
from runtime.admission import FairQueue
from runtime.effects import effect_done
from runtime.execution import Action
from runtime.outbox import FIRE, Effect, EffectState
from runtime.performer import Performer
from runtime.store import Store
from runtime.writer import Writer


class ChecksThenActs(Performer):
    """Looks whether the effect is open, and then acts: not in one action."""

    async def _once(self, effect: Effect) -> None:
        closing = await self._kinds[effect.kind](effect, canonical.decode(effect.args.encode()))
        reducer, args = (closing.reducer, closing.args) if closing else (effect_done, {})
        (row,) = await self._store.reader.rows(Effect, id=effect.id)
        if row.state is EffectState.OPEN:
            sender = "timer" if effect.kind == FIRE else "node"
            await self._store.act(reducer, sender=sender, scope=effect.scope, **args)
            await self._store.act(effect_done, sender=sender, closes=effect.id)


class Forgets(Performer):
    """Knows of nothing that it was not told of itself."""

    async def recover(self) -> int:
        return 0


class KeepsTimersInMemory(Performer):
    """A timer is lost with the process that set it."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        super().__init__(store, clock)
        self._began_us = clock()

    def _take_up(self, effect: Effect) -> None:
        if effect.kind != FIRE or effect.created_us >= self._began_us:
            super()._take_up(effect)


class TellsInAnyOrder(Store):
    """Has each batch told by a task of its own."""

    def _answer(self, answers: list[Any], jobs: list[Any]) -> None:
        self._loop.create_task(self._tell(answers, jobs))

    async def _tell(self, answers: list[Any], jobs: list[Any]) -> None:
        super()._answer(answers, jobs)


class TellsWhoWaits(Store):
    """Tells only of those whose sender still waits."""

    def _answer(self, answers: list[Any], jobs: list[Any]) -> None:
        super()._answer([one for one in answers if not one[0].answer.done()], jobs)


class NeverPauses(Writer):
    """Takes what is paused."""

    def _refuse_paused(self, action: Action) -> None: ...


class FirstComeFirstServed(FairQueue[Any]):
    """One line for everybody."""

    def put(self, item: Any, tenant: str, scope: str) -> None:
        super().put(item, "", "")


@contextmanager
def swapped(module: ModuleType, name: str, other: Any) -> Iterator[None]:
    """Another thing under a module's name."""
    ours = vars(module)[name]
    vars(module)[name] = other
    yield
    vars(module)[name] = ours


def anybody(*asked: Any) -> None:
    """Who acts has been looked at before it was queued."""
