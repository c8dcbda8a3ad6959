"""Running the agent: one turn at a time, each step of it under an id that outlives the process.

A turn that a dead process left open is run again from its start. What it had said is a row
under the same id and is not said again; what it had done answers with the stored result.
"""

import asyncio
import json
from typing import Any

from conversation.agent import (
    Agent,
    ChatMessage,
    RunContext,
    ToolError,
    message,
    tool_of,
)
from conversation.reducers import (
    action_finished,
    action_started,
    turn_completed,
)
from conversation.tables import Action, ActionState, Memory, Turn
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.house import House
from sessions.keeping import NOT_KEPT, is_whole, keepable, keepable_json
from sessions.live import LiveCall
from sessions.referring import Referring
from sessions.session import Session
from transcripts.tables import Segment

WORDS_WAIT_S = 20.0
"""How long a turn waits for words that only the media process still has, after a restart."""

EXIT_S = 20.0
"""How long `on_exit` may take."""

PRESSED = "dtmf"
"""The cause of a turn: a key was pressed. Which one, is sealed: a row is no place for digits."""

REFERRED = "referred"
"""The cause of a turn: the other side asks us to call somebody."""


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
        elif cause == PRESSED:
            # A store of before keys were sealed names the key.
            digit = detail if turn.digit is None else self._house.unseal(turn.digit)
            await live.agent.on_dtmf_received(digit)
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
        userdata = json.dumps(keepable_json(live, live.agent.session.userdata))
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
            return self._finished(live, row, ActionState.UNKNOWN, text)
        try:
            given = live.clear.pop(row.id, "") or self._house.unseal(row.args)
            if not is_whole(given):
                raise ToolError(NOT_KEPT)
            result = await _call(live.agent, row, json.loads(given))
        except ToolError as error:
            return self._finished(live, row, ActionState.FAILED, str(error))
        except KeyDestroyed:
            raise
        except Exception as error:  # The tool's code is not ours: commit what went wrong.
            why = f"{type(error).__name__}: {error}"
            return self._finished(live, row, ActionState.FAILED, why)
        return self._finished(live, row, ActionState.FINISHED, result)

    def _finished(self, live: LiveCall, row: Action, state: ActionState, result: str) -> Closing:
        sealed = self._house.seal(keepable(live, result), row.args.key_id)
        return Closing(action_finished, {"action": row.id, "state": state, "result": sealed})


async def _call(agent: Agent, row: Action, args: dict[str, Any]) -> str:
    method = getattr(agent, row.tool, None)
    if method is None:
        raise ToolError(f"{type(agent).__name__} has no tool {row.tool}")
    tool_of(method)  # Only what is marked as a tool is called.
    result = await method(RunContext(agent.session, row.call, row.id), **args)
    return "" if result is None else str(result)
