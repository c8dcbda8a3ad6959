"""Retention as an operator has it done: operations, and the effects that a node performs."""

import asyncio
import secrets
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from parley import searching
from parley.asked import OPERATOR, Args, Misused, request_of, text, texts
from parley.voting import policies_set, vote
from recordings.retention.policies import Policies, parse, tightened
from recordings.retention.policy_file import PolicyError
from recordings.retention.precedence import Trigger
from runtime import canonical
from runtime.effects import effect_done, effect_overtaken, effect_revived
from runtime.errors import NotNow, Refused
from runtime.keystore import Keystore
from runtime.outbox import FIRE, Effect, EffectState
from runtime.performer import SENDER, TIMER, Closing, Perform, Performer
from runtime.store import Store
from sessions.discreet import discreet
from sessions.retention.erasing import Retention
from sessions.retention.hold_reducers import hold_release_asked, retention_locked
from sessions.retention.notice_reducers import disclosed, notice_acknowledged
from sessions.retention.standing_reducers import (
    standing_ended,
    standing_proposed,
)
from sessions.retention.tables import Erasure

TENANT_FILE = "retention.toml"
"""In the data directory: a tenant's own rules, over those of the law."""

POLICIES_RETRY_MS = 60_000


OURS = (
    *("sessions.erasure_approved", "sessions.erasure_declined", "sessions.erasure_due"),
    *("sessions.shred_approved", "sessions.shred_declined"),
    *("sessions.hold_released", "sessions.hold_kept"),
    *("sessions.standing_granted", "sessions.standing_ended", "sessions.retention_day"),
    *("runtime.gate_expiry_due", "runtime.gate_escalation_due"),
)
"""What is carried out where no server runs; other timers wait for one."""


def policies_of(data: Path) -> Policies:
    """The policies of the law with the tenant's over them. Raises PolicyError."""
    law = parse(files("recordings.retention").joinpath("policies.toml").read_text("utf-8"))
    path = data / TENANT_FILE
    if not path.exists():
        return law
    try:
        return tightened(law, path.read_text("utf-8"))
    except (PolicyError, OSError, ValueError) as error:
        raise PolicyError(f"{path}: {error}") from error


def retention(
    store: Store,
    data: Path,
    keystore: Keystore,
    recordings: Path,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> "Retaining":
    """Of the store of a data directory."""

    def policies() -> Policies:
        try:
            return policies_of(data)
        except PolicyError as error:
            # Nothing is destroyed under rules that nobody can read.
            raise NotNow(str(error), POLICIES_RETRY_MS) from error

    def sweep() -> None:
        searching.sweep(data, store.path, keystore.key)

    shell = Retention(store, keystore, recordings, policies, clock=clock, entropy=entropy)
    return Retaining(shell, sweep)


class Retaining:
    """The operations, and the effects that they lead to."""

    def __init__(self, shell: Retention, sweep: Callable[[], None]) -> None:
        """`sweep` lets go what an index has of calls whose key is gone."""
        self.shell = shell
        self._sweep = sweep
        self.effects: dict[str, Perform] = {
            "sessions.erase": discreet(self._erase),
            "sessions.retain": discreet(shell.retain),
            "sessions.shred": discreet(self._shred),
            "sessions.wake_erasure": discreet(shell.wake),
        }
        self.operations = {
            "hold.place": self.place,
            "hold.release": self.release,
            "hold.lock": self.lock,
            "erasure.request": self.request,
            "gate.vote": vote,
            "span.shred": self.shred,
            "retention.run": self.run,
            "retention.stand": self.stand,
            "retention.unstand": self.unstand,
            "notices.record": self.record,
            "notices.ack": acknowledge,
        }

    def join(self, performer: Performer) -> None:
        """Have a node's performer do what is decided, and hold calls from their beginning."""
        for kind, perform in self.effects.items():
            performer.on(kind, perform)
        self.shell.store.listen(self.shell.committed)

    # -- operations --

    async def place(self, store: Store, asked: Args) -> dict[str, Any]:
        """A legal hold: matter, calls, callers."""
        matter = text(asked, "matter")
        if not matter.strip():
            raise Misused("'matter' is missing: say which case the hold is for")
        try:
            row = await self.shell.hold(
                matter, texts(asked, "calls"), texts(asked, "callers"), OPERATOR
            )
        except ValueError as error:
            raise Misused(str(error)) from error
        return {"hold": row.id}

    async def release(self, store: Store, asked: Args) -> dict[str, Any]:
        """Ask for a hold to be released: hold, by."""
        await policies_set(store)
        gate = await store.act(
            hold_release_asked,
            sender=OPERATOR,
            request=request_of(asked, "release"),
            hold=text(asked, "hold"),
            by=text(asked, "by", ""),
        )
        return {"gate": gate}

    async def lock(self, store: Store, asked: Args) -> dict[str, Any]:
        """An authority wants a call to be kept: call, until_us, source."""
        until_us = asked.get("until_us")
        if type(until_us) is not int:
            raise Misused("'until_us' is a time in microseconds")
        call = text(asked, "call")
        await store.act(
            retention_locked,
            sender=OPERATOR,
            scope=call,
            request=request_of(asked, "lock"),
            call=call,
            until_us=until_us,
            source=text(asked, "source"),
        )
        return {"call": call}

    async def request(self, store: Store, asked: Args) -> dict[str, Any]:
        """Ask for calls to be erased: calls, reason, withdrawal (yes or no), by."""
        await policies_set(store)
        trigger = Trigger.WITHDRAWAL if asked.get("withdrawal") is True else Trigger.ERASURE
        found: list[dict[str, Any]] = []
        for call in texts(asked, "calls"):
            try:
                row = await self.shell.request(
                    call,
                    trigger,
                    sender=OPERATOR,
                    by=text(asked, "by", ""),
                    reason=text(asked, "reason"),
                )
                found.append(_told(row))
            except Refused as why:
                found.append({"call": call, "state": "refused", "why": str(why)})
        return {"erasures": found}

    async def shred(self, store: Store, asked: Args) -> dict[str, Any]:
        """Ask for a span to be destroyed: call, party, from_us, until_us, words, reason, ..."""
        await policies_set(store)
        span = asked.get("from_us"), asked.get("until_us")
        if type(span[0]) is not int or type(span[1]) is not int or span[0] >= span[1]:
            raise Misused("'from_us' and 'until_us' are times, one before the other")
        row = await self.shell.shred(
            text(asked, "call"),
            text(asked, "party"),
            (span[0], span[1]),
            texts(asked, "words"),
            text(asked, "reason"),
            sender=OPERATOR,
            by=text(asked, "by", ""),
            counsel=asked.get("counsel") is True,
        )
        return {"shred": row.id, "gate": row.gate, "chunks": len(row.chunks), "words": row.words}

    async def run(self, store: Store, asked: Args) -> dict[str, Any]:
        """Ask for all that has expired to be destroyed; try again what was given up."""
        await policies_set(store)
        for dead in await store.reader.rows(Effect, state=EffectState.DEAD):
            if dead.kind in self.effects:
                await store.act(effect_revived, sender=OPERATOR, effect=dead.id)
        return {"erasures": [_told(row) for row in await self.shell.run(OPERATOR)]}

    async def stand(self, store: Store, asked: Args) -> dict[str, Any]:
        """Propose that what expires goes each day: days, by."""
        await policies_set(store)
        days = asked.get("days")
        if type(days) is not int:
            raise Misused("'days' is a whole number")
        gate = await store.act(
            standing_proposed,
            sender=OPERATOR,
            request=request_of(asked, "stand"),
            days=days,
            by=text(asked, "by", ""),
        )
        return {"gate": gate}

    async def unstand(self, store: Store, asked: Args) -> dict[str, Any]:
        """Withdraw a standing approval: standing."""
        standing = text(asked, "standing")
        request = request_of(asked, "unstand")
        await store.act(standing_ended, sender=OPERATOR, request=request, standing=standing)
        return {"standing": standing}

    async def record(self, store: Store, asked: Args) -> dict[str, Any]:
        """Data of a call went to somebody: call, recipient, artefacts, purpose."""
        call = text(asked, "call")
        found = await store.act(
            disclosed,
            sender=OPERATOR,
            scope=call,
            request=request_of(asked, "disclosed"),
            call=call,
            recipient=text(asked, "recipient"),
            artefacts=texts(asked, "artefacts"),
            purpose=text(asked, "purpose"),
        )
        return {"disclosure": found}

    # -- effects --

    async def _erase(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """What is found of its words goes before it is said that all is gone."""
        closing = await self.shell.erase(effect, args)
        if closing is not None:
            await asyncio.to_thread(self._sweep)
        return closing

    async def _shred(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        closing = await self.shell.shredding.shred(effect, args)
        if closing is not None:
            await asyncio.to_thread(self._sweep)
        return closing

    # -- without a server --

    async def carry_out(self) -> None:
        """Perform what is due of ours. What fails stays open, and is performed again."""
        store = self.shell.store
        while due := [
            row
            for row in await store.reader.rows(Effect, state=EffectState.OPEN)
            if row.due_us <= self.shell.clock() and self._is_ours(row)
        ]:
            for row in sorted(due, key=lambda one: (one.created_us, one.id)):
                await self.perform(store, row)

    def _is_ours(self, effect: Effect) -> bool:
        if effect.kind == FIRE:
            return canonical.decode(effect.args.encode())["reducer"] in OURS
        return effect.kind in self.effects

    async def perform(self, store: Store, effect: Effect) -> None:
        """One effect, closed with what it came to."""
        args = canonical.decode(effect.args.encode())
        if effect.kind == FIRE:
            closing: Closing | None = Closing(args["reducer"], args["args"])
        else:
            closing = await self.effects[effect.kind](effect, args)
        closing = closing or Closing(effect_done)
        try:
            await store.act(
                closing.reducer,
                sender=TIMER if effect.kind == FIRE else SENDER,
                scope=effect.scope,
                request=f"{effect.id}/closed",
                closes=effect.id,
                **closing.args,
            )
        except Refused as why:
            await store.act(
                effect_overtaken,
                sender=SENDER,
                scope=effect.scope,
                effect=effect.id,
                reason=str(why),
            )


async def acknowledge(store: Store, asked: Args) -> dict[str, Any]:
    """A recipient answered: notice, answer."""
    notice = text(asked, "notice")
    await store.act(
        notice_acknowledged,
        sender=OPERATOR,
        request=request_of(asked, "acknowledged"),
        notice=notice,
        answer=text(asked, "answer"),
    )
    return {"notice": notice}


def _told(row: Erasure) -> dict[str, Any]:
    return {
        "erasure": row.id,
        "call": row.call,
        "state": row.state.value,
        "gate": row.gate,
        "decisions": [
            {
                "artefact": one.artefact.value,
                "outcome": one.outcome.value,
                "until_us": one.until_us,
                "rule": one.rule,
            }
            for one in row.decisions
        ],
    }
