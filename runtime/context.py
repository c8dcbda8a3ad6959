"""All that a reducer sees of the world."""

import base64
import hashlib
import random
from dataclasses import replace
from typing import Any, TypeVar

import apsw

from runtime import canonical
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

    def close(self, effect: str) -> None:
        """The effect is done. Raises `Refused` where it already was: it counts once."""
        row = self.table(Effect).one(effect)
        if row.state is EffectState.DONE:
            raise Refused(f"effect {effect} is already done")
        self.table(Effect).replace(replace(row, state=EffectState.DONE, reason=None))
