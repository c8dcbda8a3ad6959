"""All that a reducer sees of the world."""

import base64
import hashlib
import inspect
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from runtime import canonical
from runtime.errors import Refused
from runtime.outbox import FIRE, Effect, EffectState
from runtime.reducers import find
from runtime.tables import Delta, Executes, Rows
from runtime.values import plain

R = TypeVar("R")

ID_BYTES = 10


class Context:
    """One action's view: time, sender, chance and rows, all of them in or from its log entry."""

    __slots__ = (
        *("now", "sender", "scope", "deltas"),
        *("_connection", "_seed", "_ids", "_rng", "_tables"),
    )

    def __init__(
        self, connection: Executes, *, now: int, sender: str, scope: str | None, seed: str
    ) -> None:
        self.now = now
        """Microseconds since 1970, UTC; never less than in the entry before."""
        self.sender = sender
        self.scope = scope
        self.deltas: list[Delta] = []
        self._connection = connection
        self._seed = seed
        self._ids = 0
        self._rng: random.Random | None = None
        self._tables: dict[type[Any], Rows[Any]] = {}

    @property
    def rng(self) -> random.Random:
        """Chance, drawn from the seed in the entry."""
        if self._rng is None:
            self._rng = random.Random(self._seed)
        return self._rng

    def table(self, cls: type[R]) -> Rows[R]:
        """The rows of a table, to read and to change."""
        if cls not in self._tables:
            self._tables[cls] = Rows(cls, self._connection, self.deltas)
        return self._tables[cls]

    def new_id(self, prefix: str) -> str:
        """`prefix_` and 16 letters that no other action draws."""
        self._ids += 1
        digest = hashlib.sha256(f"{self._seed}/{self._ids}".encode()).digest()
        return f"{prefix}_{base64.b32encode(digest[:ID_BYTES]).decode().lower()}"

    def effect(self, kind: str, /, *, lane: str = "", scope: str | None = None, **args: Any) -> str:
        """Have something done to the world after the commit. Answers its idempotency key.

        It is done for this action's scope unless another is named.
        """
        scope = scope or self.scope
        return self._due(kind, lane or scope or kind, scope, self.now, args)

    def schedule(
        self,
        reducer: str | Callable[..., Any],
        /,
        *,
        after_us: int | None = None,
        at_us: int | None = None,
        scope: str | None = None,
        **args: Any,
    ) -> str:
        """Have a reducer act once, later, whatever restarts come between. Answers its id.

        It acts for sender "timer", in this scope unless another is named.
        """
        assert (after_us is None) != (at_us is None), "a timer is due after a while, or at a time"
        due_us = at_us if at_us is not None else self.now + (after_us or 0)
        name = reducer if isinstance(reducer, str) else find(reducer).name
        args = {"reducer": name, "args": args}
        return self._due(FIRE, "", scope or self.scope, due_us, args)

    def plan(self, reducer: str | Callable[..., Any], /, **args: Any) -> tuple[str, str]:
        """An action to keep in a row: the reducer's name, its args as canonical JSON.

        Raises TypeError for args that the reducer does not take: now, not when it is due.
        """
        found = find(reducer)
        inspect.signature(found.function).bind(self, **args)
        return found.name, canonical.encode(plain(args)).decode()

    def carry_out(self, reducer: str, args: str, /, *, scope: str | None = None) -> str:
        """Have an action that was planned act now, once, after the commit. Answers its id."""
        fire = {"reducer": reducer, "args": canonical.decode(args.encode())}
        return self._due(FIRE, "", scope or self.scope, self.now, fire)

    def cancel(self, effect: str) -> bool:
        """An effect or timer is not wanted any more. False where it is too late for that."""
        row = self.table(Effect).one(effect)
        if row.state is not EffectState.OPEN:
            return False
        self.table(Effect).replace(replace(row, state=EffectState.CANCELLED))
        return True

    def close(self, effect: str) -> None:
        """The effect is done. Raises `Refused` where it is not open: it counts once."""
        row = self.table(Effect).one(effect)
        if row.state is not EffectState.OPEN:
            raise Refused(f"effect {effect} is already {row.state}")
        self.table(Effect).replace(replace(row, state=EffectState.DONE, reason=None))

    def _due(
        self, kind: str, lane: str, scope: str | None, due_us: int, args: dict[str, Any]
    ) -> str:
        effect = self.new_id("effect")
        self.table(Effect).insert(
            Effect(
                id=effect,
                kind=kind,
                scope=scope,
                lane=lane or effect,
                args=canonical.encode(plain(args)).decode(),
                state=EffectState.OPEN,
                attempts=0,
                created_us=self.now,
                due_us=due_us,
                reason=None,
            )
        )
        return effect
