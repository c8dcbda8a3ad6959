"""All that a reducer sees of the world."""

import base64
import hashlib
import inspect
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import apsw

from runtime import canonical, reducers
from runtime.errors import Refused
from runtime.outbox import Effect, EffectState
from runtime.tables import Delta, Rows
from runtime.values import plain

R = TypeVar("R")

ID_BYTES = 10


class Context:
    """One action's view: time, sender, chance and rows, all of them in or from its log entry."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        now: int,
        sender: str,
        scope: str | None,
        seed: str,
    ) -> None:
        self.now = now
        """Microseconds since 1970, UTC; never less than in the entry before."""
        self.sender = sender
        self.scope = scope
        self.rng = random.Random(seed)
        self.deltas: list[Delta] = []
        self._connection = connection
        self._seed = seed
        self._ids = 0

    def table(self, cls: type[R]) -> Rows[R]:
        """The rows of a table, to read and to change."""
        return Rows(cls, self._connection, self.deltas)

    def new_id(self, prefix: str) -> str:
        """`prefix_` and 16 letters that no other action draws."""
        self._ids += 1
        digest = hashlib.sha256(f"{self._seed}/{self._ids}".encode()).digest()
        return f"{prefix}_{base64.b32encode(digest[:ID_BYTES]).decode().lower()}"

    def effect(self, kind: str, /, *, lane: str = "", **args: Any) -> str:
        """Have something done to the world after the commit. Answers its idempotency key."""
        row = Effect(
            id=self.new_id("effect"),
            kind=kind,
            scope=self.scope,
            lane=lane or self.scope or kind,
            args=canonical.encode(plain(args)).decode(),
            state=EffectState.OPEN,
            attempts=0,
            created_us=self.now,
            due_us=self.now,
            reason=None,
        )
        return self.table(Effect).insert(row).id

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
        """Have a reducer run later, once, by a durable timer. Answers the timer's id."""
        due_us = at_us if at_us is not None else self.now + (after_us or 0)
        fire = {"reducer": reducers.find(reducer).name, "args": plain(args)}
        row = Effect(
            id=self.new_id("effect"),
            kind="runtime.fire",
            scope=scope or self.scope,
            lane=f"timer/{due_us}",
            args=canonical.encode(fire).decode(),
            state=EffectState.OPEN,
            attempts=0,
            created_us=self.now,
            due_us=due_us,
            reason=None,
        )
        return self.table(Effect).insert(row).id

    def cancel(self, effect: str) -> bool:
        """Have a timer or effect not done. False where it has already been done."""
        row = self.table(Effect).one(effect)
        if row.state is not EffectState.OPEN:
            return False
        self.table(Effect).replace(replace(row, state=EffectState.CANCELLED))
        return True

    def plan(self, reducer: str | Callable[..., Any], /, **args: Any) -> tuple[str, str]:
        """An action to keep in a row: the reducer's name, its args as canonical JSON.

        Raises TypeError for args that the reducer does not take: now, not when it is due.
        """
        found = reducers.find(reducer)
        inspect.signature(found.function).bind(self, **args)
        return found.name, canonical.encode(plain(args)).decode()

    def carry_out(self, reducer: str, args: str, /, *, scope: str | None = None) -> str:
        """Schedule, for now, an action that was planned. Answers the timer's id."""
        return self.schedule(reducer, after_us=0, scope=scope, **canonical.decode(args.encode()))

    def close(self, effect: str) -> None:
        """The effect is done. Raises `Refused` where it already was: it counts once."""
        row = self.table(Effect).one(effect)
        if row.state is EffectState.DONE:
            raise Refused(f"effect {effect} is already done")
        self.table(Effect).replace(replace(row, state=EffectState.DONE, reason=None))
