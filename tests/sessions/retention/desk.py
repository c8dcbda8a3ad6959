"""A data directory with whole calls in it, people who decide, and what an operator does."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley import operations
from parley.retaining import Retaining, retention
from recordings.retention.precedence import DAY_US
from runtime.identities import rules, signing
from runtime.keystore import Keystore
from runtime.log_key import ORIGIN
from runtime.sealed import Sealed, seal
from runtime.store import Store
from tests.parley.a_call import BEGIN_US, Playing, agreed

PEOPLE = {
    name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
    for name in ("ann", "bob", "guest")
}


def identity_of(name: str) -> str:
    return rules.id_of(PEOPLE[name].public_key().public_bytes_raw())


class Desk:
    """An operator at an open store; each look at the clock is a second later."""

    def __init__(self, data: Path, store: Store, now_us: list[int]) -> None:
        self.data = data
        self.store = store
        self.now_us = now_us
        self.keys = Keystore(data / "keys")
        draws = itertools.count(now_us[0])
        self.retaining: Retaining = retention(
            store,
            data,
            self.keys,
            data / "recordings",
            clock=lambda: self.now_us[0],
            entropy=lambda size: (next(draws) % 256**size).to_bytes(size, "big"),
        )
        self._asked = itertools.count(now_us[0])

    async def ask(self, op: str, **args: Any) -> Any:
        """What is answered; an error is an AssertionError with its words."""
        told = await self.told(op, **args)
        assert "ok" in told, told
        return told["ok"]

    async def told(self, op: str, **args: Any) -> dict[str, Any]:
        doing = {**operations.OPERATIONS, **self.retaining.operations}
        told: dict[str, Any] = await operations.answer(self.store, {"op": op, **args}, doing)
        return told

    async def introduce(self, name: str, *roles: str) -> None:
        public = PEOPLE[name].public_key().public_bytes_raw()
        await self.ask("identity.new", name=name, kind="person", roles=list(roles), key=public)

    async def vote(self, gate: str, name: str, *, approve: bool = True) -> dict[str, Any]:
        """Signed, and nothing is carried out yet."""
        key = f"vote{next(self._asked)}"
        reducer = "runtime.gate_approved" if approve else "runtime.gate_refused"
        data = signing.message(
            ORIGIN,
            identity_of(name),
            reducer,
            scope=None,
            request=f"{identity_of(name)}/{key}",
            args={"gate": gate, "why": "checked"},
        )
        return await self.told(
            "gate.vote",
            gate=gate,
            approve=approve,
            why="checked",
            identity=identity_of(name),
            sig=signing.sign(PEOPLE[name], data),
            key=key,
        )

    async def approve(self, gate: str) -> None:
        for name in ("ann", "bob"):
            assert "ok" in await self.vote(gate, name)

    async def erase(self, call: str, **more: Any) -> dict[str, Any]:
        """Asked for, approved by two, done."""
        found = await self.ask("erasure.request", calls=[call], reason="she asked", **more)
        erasure: dict[str, Any] = found["erasures"][0]
        if erasure.get("gate"):
            await self.approve(erasure["gate"])
            await self.retaining.carry_out()
        return erasure

    def seal(self, text: str, key_id: str) -> Sealed[str]:
        return seal(text, key_id, self.keys.key(key_id), self.retaining.shell.entropy)

    def wait(self, days: int) -> None:
        self.now_us[0] += days * DAY_US


@asynccontextmanager
async def desk(data: Path, now_us: int | None = None) -> AsyncGenerator[Desk]:
    """At the store below `data`, a day after the first call, or as late as is said."""
    clock = [now_us or BEGIN_US + DAY_US]
    draws = itertools.count(clock[0])
    store = await Store.open(
        data / "parley.db", lambda: clock[0], lambda size: next(draws).to_bytes(size, "big")
    )
    try:
        one = Desk(data, store, clock)
        if not await one.store.reader.sql("SELECT 1 FROM identity"):
            await one.introduce("ann", "privacy-officer")
            await one.introduce("bob", "operator")
            await one.introduce("guest", "guest")
        yield one
    finally:
        await store.close()


async def two_calls(data: Path) -> tuple[Playing, Playing]:
    """Two whole calls of one caller, in one segment."""
    one = await agreed(data, "call_one")
    return one, await agreed(data, "call_two", BEGIN_US + 3_600_000_000)
