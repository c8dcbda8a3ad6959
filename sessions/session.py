"""What an agent can do in its call: each step is committed under an id that a second run finds."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from consent.permit import VENDOR, NotPermitted, Permit
from consent.permits import permit
from consent.tables import Basis, ConsentEvent
from conversation.agent import (
    ConsultOutcome,
    ToolError,
    TransferOutcome,
    tool_of,
)
from conversation.reducers import (
    action_proposed,
    utterance_planned,
)
from conversation.tables import Action, ActionState, Utterance, UtteranceState
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.reducers import find
from runtime.sealed import Sealed
from sessions.bridge_reducers import leaving_decided
from sessions.capturing import Captured, capture
from sessions.consent_reducers import consent_changed, consent_withdrawn
from sessions.consult_reducers import (
    Consultation,
    consult_answered,
    consult_asked,
    supervisor_pressed,
)
from sessions.dispatching import vendor_dispatched
from sessions.gating import RECORDED
from sessions.hold_reducers import hold_asked, resume_asked
from sessions.house import House
from sessions.keeping import keepable, keepable_json
from sessions.live import LiveCall, Referral
from sessions.outbound import call_dialled, keys_pressed, transfer_asked
from sessions.parties import callable_uri, is_same
from sessions.reducers import hang_up_decided
from sessions.tables import Dial, DialState, Hold
from telephony.bridge import Part
from telephony.dtmf_info import DIGITS

HOLD_WAIT_S = 65.0
"""How long the other side may take to agree to a pause; beyond that it did not."""

KEYS_MAX = 64
"""Keys pressed in one step."""

WHY_CHARS_MAX = 200
"""Of a reason that an agent gives for the record."""

STEPS_MAX = 1_000
"""Steps of one turn; an agent that takes more is in a loop."""


class Speaking:
    """A `SpeechHandle`."""

    def __init__(self, ended: asyncio.Future[Utterance]) -> None:
        self._ended = ended

    @property
    def interrupted(self) -> bool:
        return self._ended.done() and self._ended.result().interrupted

    @property
    def heard_ms(self) -> int:
        return self._ended.result().played_ms if self._ended.done() else 0

    def __await__(self) -> Generator[Any, None, "Speaking"]:
        yield from asyncio.shield(self._ended).__await__()
        return self


class Session:
    """The `AgentSession` of one call, while one turn runs."""

    def __init__(self, house: House, live: LiveCall, userdata: dict[str, Any]) -> None:
        self.userdata = userdata
        self._house = house
        self._live = live
        self._turn = ""
        self._steps = 0
        self.speaker = ""

    def begin(self, turn: str, speaker: str = "") -> None:
        """Steps are counted from the start of each turn, so that a second run finds the first's."""
        self._turn = turn
        self._steps = 0
        self.speaker = speaker

    @property
    def recording(self) -> bool:
        return self._live.recording

    @property
    def outbound(self) -> bool:
        return self._live.is_outbound

    async def say(self, text: str, *, allow_interruptions: bool = True) -> Speaking:
        utterance = self._step("say")
        kept = keepable(self._live, text)
        if kept != text:
            self._live.clear[utterance] = text
        ended: asyncio.Future[Utterance] = asyncio.get_running_loop().create_future()
        self._live.spoken[utterance] = ended
        await self._house.surely(
            utterance_planned,
            self._live.id,
            request=utterance,
            utterance=utterance,
            text=self._house.seal(kept, self._live.words_key),
            interruptible=allow_interruptions,
        )
        (row,) = await self._house.store.reader.rows(Utterance, id=utterance)
        if row.state is UtteranceState.ENDED and not ended.done():
            ended.set_result(row)
        return Speaking(ended)

    async def interrupt(self) -> None:
        self._house.media.stop(self._live.id)

    async def call(self, tool: Callable[..., Awaitable[Any]], /, **args: Any) -> str:
        known = tool_of(tool)
        action = self._step(known.name)
        kind = {"tool": known.name, "idempotent": known.idempotent}
        return await self._done(action_proposed, action, args, **kind)

    async def _done(
        self, reducer: Callable[..., Any], action: str, args: dict[str, Any], **kind: Any
    ) -> str:
        """Have an action done, and wait for its result. Raises ToolError."""
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._live.acted[action] = finished
        kept = keepable_json(self._live, args)
        if kept != args:
            self._live.clear[action] = json.dumps(args)
        await self._house.surely(
            reducer,
            self._live.id,
            request=action,
            action=action,
            args=self._house.seal(json.dumps(kept), self._live.words_key),
            **kind,
        )
        (row,) = await self._house.store.reader.rows(Action, id=action)
        if row.result is None:
            await finished
            (row,) = await self._house.store.reader.rows(Action, id=action)
        assert row.result is not None, "a finished action has a result"
        result = self._house.unseal(row.result)
        if row.state is not ActionState.FINISHED:
            raise ToolError(result)
        return result

    async def act(
        self, reducer: str | Callable[..., Any], /, *, request: str | None = None, **args: Any
    ) -> Any:
        return await self._house.store.act(
            reducer,
            sender="agent",
            scope=self._live.id,
            request=request or self._step("act"),
            **self._sealed(reducer, args),
        )

    def _sealed(self, reducer: str | Callable[..., Any], args: dict[str, Any]) -> dict[str, Any]:
        """Text that the reducer wants sealed, sealed."""
        hints = {} if isinstance(reducer, str) else find(reducer).hints
        return {
            name: self._house.seal(keepable(self._live, value), self._live.words_key)
            if hints.get(name) in (Sealed[str], Sealed[str] | None) and isinstance(value, str)
            else keepable_json(self._live, value)
            for name, value in args.items()
        }

    def secure_capture(self, why: str = "card data") -> AbstractAsyncContextManager[Captured]:
        return capture(self._house, self._live, why, self._step)

    async def dispatch(
        self, vendor: str, *, size: int, what: str = "words", model: str = "", region: str = ""
    ) -> Permit:
        about = {"vendor": vendor, "what": what, "model": model, "region": region}
        try:
            await self._house.surely(
                vendor_dispatched, self._live.id, request=self._step("dispatch"), size=size, **about
            )
        except Refused as why:
            raise NotPermitted(str(why)) from why
        events = await self._house.store.reader.rows(ConsentEvent, call=self._live.id)
        return permit(events, self._live.id, f"{VENDOR}{vendor}")

    async def stop_recording(self) -> None:
        await self._house.surely(
            consent_withdrawn,
            self._live.id,
            request=self._step("stop_recording"),
            method="agent: the caller asked for it",
        )

    async def ask_again(self, why: str) -> None:
        step = self._step("ask_again")
        with suppress(Refused):  # Nothing is recorded or kept.
            await self._house.surely(
                consent_changed,
                self._live.id,
                request=step,
                scopes=RECORDED,
                why=f"agent: {why[:WHY_CHARS_MAX]}",
            )

    async def hang_up(self) -> None:
        await self._house.surely(hang_up_decided, self._live.id, request=self._step("hang_up"))

    async def hold(self) -> bool:
        hold: str = await self._house.surely(
            hold_asked, self._live.id, request=(step := self._step("hold")), hold=step
        )
        row = await self._settled(hold, lambda row: row.since_us or row.until_us)
        return row.since_us is not None and row.until_us is None

    async def resume(self) -> bool:
        step = self._step("resume")
        hold: str | None = await self._house.surely(resume_asked, self._live.id, request=step)
        if hold is None:
            return True
        return (await self._settled(hold, lambda row: row.until_us)).until_us is not None

    async def _settled(self, hold: str, is_settled: Callable[[Hold], int | None]) -> Hold:
        """The row of a pause once the other side has said something to it, or the call is over."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + HOLD_WAIT_S
        while True:
            changed: asyncio.Future[None] = self._live.paused.setdefault(hold, loop.create_future())
            (row,) = await self._house.store.reader.rows(Hold, id=hold)
            if is_settled(row) or self._live.ended.is_set() or loop.time() >= ends:
                return row
            await asyncio.wait((changed,), timeout=ends - loop.time())

    async def transfer(self, uri: str) -> TransferOutcome:
        return await self._transferred({"to": callable_uri(uri)})

    async def transfer_to(self, call: str) -> TransferOutcome:
        return await self._transferred({"call": call})

    async def _transferred(self, asked: dict[str, str]) -> TransferOutcome:
        told = await self._done(transfer_asked, self._step("transfer"), asked)
        return TransferOutcome(json.loads(told)["status"])

    async def consult(
        self, uri: str, *, basis: str, brief: str, context: dict[str, str] | None = None
    ) -> ConsultOutcome:
        await self._must_name(basis, uri)
        key = self._live.words_key
        told = await self._done(
            consult_asked,
            self._step("consult"),
            {"to": uri},
            basis=basis,
            brief=self._house.seal(keepable(self._live, brief), key),
            context=self._house.seal(json.dumps(keepable_json(self._live, context)), key)
            if context
            else None,
        )
        return ConsultOutcome(**json.loads(told))

    async def leave(self) -> None:
        await self._house.surely(leaving_decided, self._live.id, request=self._step("leave"))

    async def brief(self) -> str:
        (row,) = await self._house.store.reader.rows(Consultation, id=self._live.id)
        return self._house.unseal(row.brief)

    async def answer_consultation(self, accepted: bool) -> None:
        await self._house.surely(
            consult_answered, self._live.id, request=self._step("consulted"), accepted=accepted
        )

    async def supervise(self, part: str) -> None:
        await self._house.surely(
            supervisor_pressed, self._live.id, request=self._step("part"), part=Part(part)
        )

    async def press(self, keys: str) -> None:
        if not keys or len(keys) > KEYS_MAX or not DIGITS.issuperset(keys):
            raise ValueError(f"keys are 1 to {KEYS_MAX} of {''.join(sorted(DIGITS))}")
        await self._done(keys_pressed, self._step("press"), {"keys": keys})

    async def dial(self, uri: str, *, basis: str) -> str:
        return await self._dialled(uri, basis, {})

    async def follow(self, asked: Referral, basis: str) -> str:
        """Call whom the other side asks us to call."""
        more: dict[str, Any] = {"referrer": self._live.id}
        if asked.replaces:
            more["replaces"] = self._house.seal(asked.replaces, self._live.words_key)
        return await self._dialled(asked.uri, basis, more)

    async def _dialled(self, uri: str, basis: str, more: dict[str, Any]) -> str:
        await self._must_name(basis, uri)
        call: str = await self.act(call_dialled, basis=basis, **more)
        return call

    async def _must_name(self, basis: str, uri: str) -> None:
        rows = await self._house.store.reader.rows(Basis, id=basis)
        if rows and not self._is_named(rows[0], callable_uri(uri)):
            raise Refused(f"{basis} is about somebody else: record one for who is to be called")

    async def picked_up(self, call: str) -> bool:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._live.dialled[call] = waiting
        while True:
            rows = await self._house.store.reader.rows(Dial, id=call)
            if not rows or rows[0].state in (DialState.ANSWERED, DialState.FAILED):
                self._live.dialled.pop(call, None)
                return bool(rows) and rows[0].state is DialState.ANSWERED
            await waiting

    def _is_named(self, basis: Basis, uri: str) -> bool:
        try:
            return is_same(self._house.unseal(basis.party), uri)
        except KeyDestroyed:
            return False

    def _step(self, what: str) -> str:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise RuntimeError(f"turn {self._turn} took more than {STEPS_MAX} steps")
        return f"{self._turn}:{self._steps}-{what}"
