"""A store in virtual time: the test owns the clock, fires the timers, and kills the process."""

import hashlib
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import Context, canonical, reducer
from runtime.effects import effect_overtaken
from runtime.errors import NotNow, Refused
from runtime.identities import signing
from runtime.identities.rules import PREFIX, Kind, State
from runtime.identities.tables import Identity
from runtime.log_key import ORIGIN
from runtime.outbox import Effect, EffectState
from runtime.reducers import find
from runtime.replay import Audit, audit, entries
from runtime.store import Store
from runtime.values import plain

R = TypeVar("R")

START_US = 1_700_000_000_000_000
SECOND = 1_000_000


@reducer
def introduced(
    ctx: Context, *, identity: str, key: bytes, roles: list[str], firm: str, kind: Kind
) -> None:
    """An identity as the tests need one."""
    ctx.table(Identity).insert(
        Identity(
            id=identity,
            kind=kind,
            state=State.ACTIVE,
            key=key,
            roles=tuple(roles),
            tenant=firm,
            name=identity,
            registered_us=ctx.now,
            changed_us=ctx.now,
            why="test",
        )
    )


def key_of(identity: str) -> Ed25519PrivateKey:
    """What an identity of the tests signs with."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(identity.encode()).digest())


def public_of(identity: str) -> bytes:
    """What its signatures are checked with."""
    return key_of(identity).public_key().public_bytes_raw()


def _signed(
    sender: str, reducer: str, scope: str | None, request: str, args: dict[str, Any]
) -> signing.Proof:
    data = signing.message(ORIGIN, sender, reducer, scope=scope, request=request, args=args)
    return signing.proof_of(sender, public_of(sender), signing.sign(key_of(sender), data))


@dataclass
class House:
    """The process, as far as the runtime sees it."""

    folder: Path
    store: Store
    now_us: list[int]
    entropy: Callable[[int], bytes]
    lives: int = 1
    asked: int = 0

    @staticmethod
    async def open(folder: Path) -> "House":
        """A new store at START_US."""
        now_us = [START_US]
        draws = itertools.count(1)

        def entropy(size: int) -> bytes:
            return hashlib.sha256(next(draws).to_bytes(8, "big")).digest()[:size]

        path = folder / "life1"
        store = await Store.open(path / "parley.db", lambda: now_us[0], entropy)
        return House(path, store, now_us, entropy)

    async def act(
        self,
        reducer: Any,
        sender: str = "node",
        *,
        scope: str | None = None,
        request: str | None = None,
        closes: str | None = None,
        **args: Any,
    ) -> Any:
        """Act, as `sender`: people sign what they do."""
        proof = None
        if sender.startswith(PREFIX):
            self.asked += 1
            request = request or f"asked/{self.asked}"
            proof = _signed(sender, find(reducer).name, scope, request, plain(args))
        return await self.store.act(
            reducer,
            sender=sender,
            scope=scope,
            request=request,
            closes=closes,
            proof=proof,
            **args,
        )

    async def introduce(
        self, identity: str, *roles: str, firm: str = "", kind: Kind = Kind.PERSON
    ) -> None:
        """Have an identity known and active."""
        key = public_of(identity)
        await self.act(
            introduced, identity=identity, key=key, roles=list(roles), firm=firm, kind=kind
        )

    async def kill(self) -> None:
        """Die with the files as they are, and live on: nothing is flushed, closed or said."""
        self.lives += 1
        left = self.folder
        self.folder = left.parent / f"life{self.lives}"
        shutil.copytree(left, self.folder)
        await self.store.close()
        shutil.rmtree(left)
        self.store = await Store.open(
            self.folder / "parley.db", lambda: self.now_us[0], self.entropy
        )

    async def wait(self, us: int) -> None:
        """Let time pass, and every timer fire when it is due."""
        until_us = self.now_us[0] + us
        while due := await self._due(until_us):
            self.now_us[0] = max(self.now_us[0], due.due_us)
            await self._fire(due)
        self.now_us[0] = until_us

    async def sleep(self, us: int) -> None:
        """Let time pass while no process is there to fire a timer."""
        self.now_us[0] += us

    async def rows(self, cls: type[R], **equals: Any) -> list[R]:
        """Committed rows."""
        return await self.store.reader.rows(cls, **equals)

    async def log(self) -> list[bytes]:
        """Every entry, as it stands on disk."""
        return [row[0] for row in await self.store.reader.sql("SELECT entry FROM log ORDER BY seq")]

    def audit(self) -> Audit:
        """Every reducer run again, and compared."""
        return audit(entries(self.folder / "parley.db"))

    async def timers(self) -> list[Effect]:
        """What is scheduled and has not fired."""
        return await self.rows(Effect, kind="runtime.fire", state=EffectState.OPEN)

    async def _due(self, until_us: int) -> Effect | None:
        due = [timer for timer in await self.timers() if timer.due_us <= until_us]
        return min(due, key=lambda timer: (timer.due_us, timer.created_us, timer.id), default=None)

    async def _fire(self, timer: Effect) -> None:
        """As the performer does: closed with the action, or by itself where the rules refuse."""
        what = canonical.decode(timer.args.encode())
        closing = {"scope": timer.scope, "request": f"{timer.id}/closed", "closes": timer.id}
        try:
            await self.act(what["reducer"], sender="timer", **closing, **what["args"])
        except NotNow:
            raise
        except Refused as why:
            await self.act(effect_overtaken, effect=timer.id, reason=str(why))
