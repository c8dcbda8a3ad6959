"""Running the agent: one turn at a time, each step of it under an id that outlives the process.

A turn that a dead process left open is run again from its start. What it had said is a row
under the same id and is not said again; what it had done answers with the stored result.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from consent.tables import Basis
from conversation.agent import (
    Agent,
    ChatMessage,
    ConsultOutcome,
    RunContext,
    ToolError,
    TransferOutcome,
    message,
    tool_of,
)
from conversation.reducers import (
    action_finished,
    action_proposed,
    action_started,
    turn_completed,
    utterance_planned,
)
from conversation.tables import Action, ActionState, Memory, Turn, Utterance, UtteranceState
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from runtime.reducers import find
from runtime.sealed import Sealed
from sessions.bridge_reducers import leaving_decided
from sessions.consult_reducers import (
    Consultation,
    consult_answered,
    consult_asked,
    supervisor_pressed,
)
from sessions.hold_reducers import hold_asked, resume_asked
from sessions.house import House
from sessions.live import LiveCall, Referral
from sessions.outbound import call_dialled, keys_pressed, transfer_asked
from sessions.parties import callable_uri, is_same
from sessions.reducers import hang_up_decided
from sessions.referring import Referring
from sessions.tables import Dial, DialState, Hold
from telephony.bridge import Part
from telephony.dtmf_info import DIGITS
from transcripts.tables import Segment

WORDS_WAIT_S = 20.0
"""How long a turn waits for words that only the media process still has, after a restart."""

EXIT_S = 20.0
"""How long `on_exit` may take."""

HOLD_WAIT_S = 65.0
"""How long the other side may take to agree to a pause; beyond that it did not."""

KEYS_MAX = 64
"""Keys pressed in one step."""

REFERRED = "referred"
"""The cause of a turn: the other side asks us to call somebody."""

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
        ended: asyncio.Future[Utterance] = asyncio.get_running_loop().create_future()
        self._live.spoken[utterance] = ended
        await self._house.surely(
            utterance_planned,
            self._live.id,
            request=utterance,
            utterance=utterance,
            text=self._house.seal(text, self._live.words_key),
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
        await self._house.surely(
            reducer,
            self._live.id,
            request=action,
            action=action,
            args=self._house.seal(json.dumps(args), self._live.words_key),
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
            name: self._house.seal(value, self._live.words_key)
            if hints.get(name) in (Sealed[str], Sealed[str] | None) and isinstance(value, str)
            else value
            for name, value in args.items()
        }

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
            brief=self._house.seal(brief, key),
            context=self._house.seal(json.dumps(context), key) if context else None,
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


class Turns:
    """Performs the effects of running a turn and of calling a tool."""

    def __init__(self, house: House, calls: dict[str, LiveCall], referring: Referring) -> None:
        self._referring = referring
        self._house = house
        self._calls = calls

    def admit(self, live: LiveCall, memory: Memory | None) -> None:
        """Give the agent its session, with what it knew after its last completed turn."""
        userdata: dict[str, Any] = {}
        if memory is not None:
            userdata = json.loads(self._house.unseal(memory.userdata))
        live.agent.session = Session(self._house, live, userdata)

    async def leave(self, live: LiveCall) -> None:
        """The caller has gone: the agent may finish what it has to."""
        session = live.agent.session
        assert isinstance(session, Session), "live calls are admitted with our own session"
        session.begin(f"{live.id}:exit")
        try:
            async with asyncio.timeout(EXIT_S):
                await live.agent.on_exit()
        except Exception as error:  # The agent's code is not ours.
            self._house.note("on_exit failed", call=live.id, error=type(error).__name__)

    async def run(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Run one turn of the agent."""
        live = self._calls.get(effect.scope or "")
        (turn,) = await self._house.store.reader.rows(Turn, id=args["turn"])
        if live is None or live.ended.is_set() or turn.completed_us is not None:
            return None
        live.turns_open += 1
        live.turns_idle.clear()
        try:
            failure = await self._failure(live, turn)
            return Closing(turn_completed, self._completed(live, turn.id, failure))
        finally:
            live.turns_open -= 1
            if live.turns_open == 0:
                live.turns_idle.set()

    async def _failure(self, live: LiveCall, turn: Turn) -> str | None:
        """Run the hook; what the agent's author got wrong is a fact of the record."""
        session = live.agent.session
        assert isinstance(session, Session), "live calls are admitted with our own session"
        session.begin(turn.id, turn.speaker)
        try:
            await self._hook(live, turn)
        except Exception as error:  # The agent's code is not ours: commit what went wrong.
            return type(error).__name__
        return None

    async def _hook(self, live: LiveCall, turn: Turn) -> None:
        cause, _, detail = turn.cause.partition(":")
        if cause == "enter":
            await live.agent.on_enter()
        elif cause == "dtmf":
            await live.agent.on_dtmf_received(detail)
        elif cause == "silence":
            await live.agent.on_user_away()
        elif cause == REFERRED:
            await self._referred(live)
        else:
            message = await self._words(live, turn)
            if message is not None:
                await live.agent.on_user_turn_completed(message)

    async def _referred(self, live: LiveCall) -> None:
        """They ask us to call somebody. One who asked a process that died asks again."""
        asked, live.referral = live.referral, None
        if asked is None:
            return
        basis: str | None = None
        try:
            basis = await live.agent.on_transfer_requested(asked.uri)
        finally:
            if basis is None:
                self._referring.decline(live.id)
        if basis is None:
            return
        session = live.agent.session
        assert isinstance(session, Session), "live calls are admitted with our own session"
        # First, or what becomes of the call might be known before anybody wants to know it.
        self._referring.accept(live.id)
        try:
            await session.follow(asked, basis)
        except Exception:
            self._referring.failed(live.id)
            raise

    async def _words(self, live: LiveCall, turn: Turn) -> ChatMessage | None:
        """What the caller said: from its row, or from memory where it may not be kept."""
        if turn.segment is not None:
            (segment,) = await self._house.store.reader.rows(Segment, id=turn.segment)
            text = self._house.unseal(segment.text)
            return message(text, segment.kind, segment.confidence_permille, turn.speaker)
        loop = asyncio.get_running_loop()
        waiting = live.heard.setdefault(turn.id, loop.create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), WORDS_WAIT_S)
        except TimeoutError:
            return None  # They died with the media process.

    def _completed(self, live: LiveCall, turn: str, failure: str | None) -> dict[str, Any]:
        userdata = json.dumps(live.agent.session.userdata)
        return {
            "turn": turn,
            "userdata": self._house.seal(userdata, live.words_key),
            "failure": failure,
        }

    async def tool(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Call a tool, at most once where it is not idempotent."""
        live = self._calls.get(effect.scope or "")
        (row,) = await self._house.store.reader.rows(Action, id=args["action"])
        if live is None or row.finished_us is not None:
            return None
        may = await self._house.act(action_started, live.id, action=row.id)
        if not may:
            text = "the outcome is unknown: the process died while the tool ran"
            return self._finished(row, ActionState.UNKNOWN, text)
        try:
            result = await _call(live.agent, row, json.loads(self._house.unseal(row.args)))
        except ToolError as error:
            return self._finished(row, ActionState.FAILED, str(error))
        except KeyDestroyed:
            raise
        except Exception as error:  # The tool's code is not ours: commit what went wrong.
            return self._finished(row, ActionState.FAILED, f"{type(error).__name__}: {error}")
        return self._finished(row, ActionState.FINISHED, result)

    def _finished(self, row: Action, state: ActionState, result: str) -> Closing:
        sealed = self._house.seal(result, row.args.key_id)
        return Closing(action_finished, {"action": row.id, "state": state, "result": sealed})


async def _call(agent: Agent, row: Action, args: dict[str, Any]) -> str:
    method = getattr(agent, row.tool, None)
    if method is None:
        raise ToolError(f"{type(agent).__name__} has no tool {row.tool}")
    tool_of(method)  # Only what is marked as a tool is called.
    result = await method(RunContext(agent.session, row.call, row.id), **args)
    return "" if result is None else str(result)
