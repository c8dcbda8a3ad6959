"""A conversation in memory, small but whole: what is said, done and remembered, in order."""

import json
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from typing import Any

from consent.permit import Permit
from conversation.agent import (
    Agent,
    ChatMessage,
    ConsultOutcome,
    RunContext,
    SecureDigits,
    ToolError,
    TransferOutcome,
    tool_of,
)


class Spoken:
    """Words that were played at once, to their end."""

    interrupted = False
    heard_ms = 0

    def __await__(self) -> Generator[Any, None, "Spoken"]:
        yield from ()
        return self


class SmallSession:
    """An `AgentSession`: tools are called as the real one calls them, under a key per step."""

    def __init__(self, agent: Agent, userdata: str = "{}") -> None:
        self.userdata: dict[str, Any] = json.loads(userdata)
        self.recording = True
        self.outbound = False
        self.speaker = ""
        self.said: list[str] = []
        self.booked: list[tuple[str, dict[str, Any]]] = []
        self.hung_up = False
        self.refuses = False
        self._agent = agent
        agent.session = self

    async def say(self, text: str, *, allow_interruptions: bool = True) -> Spoken:
        assert not self.hung_up, "nobody hears what is said after a hang-up"
        self.said.append(text)
        return Spoken()

    async def interrupt(self) -> None:
        return

    async def call(self, tool: Callable[..., Awaitable[Any]], /, **args: Any) -> str:
        if self.refuses:
            raise ToolError("the practice is closed")
        name = tool_of(tool).name
        self.booked.append((name, args))
        return str(await tool(RunContext(self, "call_1", f"call_1:{len(self.booked)}"), **args))

    async def act(
        self, reducer: str | Callable[..., Any], /, *, request: str | None = None, **args: Any
    ) -> Any:
        raise AssertionError("this agent has no module to act in")

    def secure_capture(self, why: str = "card data") -> AbstractAsyncContextManager[SecureDigits]:
        raise AssertionError("this agent takes no card data")

    async def dispatch(self, vendor: str, **about: Any) -> Permit:
        raise AssertionError("this agent has no vendor")

    async def stop_recording(self) -> None:
        self.recording = False

    async def ask_again(self, why: str) -> None:
        self.recording = False

    async def hang_up(self) -> None:
        self.hung_up = True

    async def hold(self) -> bool:
        return not self.hung_up

    async def resume(self) -> bool:
        return not self.hung_up

    async def transfer(self, uri: str) -> TransferOutcome:
        raise AssertionError("this agent hands nobody over")

    async def transfer_to(self, call: str) -> TransferOutcome:
        raise AssertionError("this agent hands nobody over")

    async def consult(
        self, uri: str, *, basis: str, brief: str, context: dict[str, str] | None = None
    ) -> ConsultOutcome:
        raise AssertionError("this agent asks nobody")

    async def supervise(self, part: str) -> None:
        raise AssertionError("this agent supervises nobody")

    async def leave(self) -> None:
        raise AssertionError("this agent leaves nobody alone")

    async def brief(self) -> str:
        raise AssertionError("this agent was told nothing")

    async def answer_consultation(self, accepted: bool) -> None:
        raise AssertionError("this agent was asked nothing")

    async def press(self, keys: str) -> None:
        raise AssertionError("this agent presses no keys")

    async def dial(self, uri: str, *, basis: str) -> str:
        raise AssertionError("this agent calls nobody")

    async def picked_up(self, call: str) -> bool:
        raise AssertionError("this agent calls nobody")

    # -- what a test does to it --

    async def enter(self) -> str:
        await self._agent.on_enter()
        return self.said[-1]

    async def hear(self, text: str, *, confident: bool = True) -> str:
        """The caller says something. Answers what the agent said last."""
        await self._agent.on_user_turn_completed(ChatMessage(text, confident))
        return self.said[-1]

    async def key(self, digit: str) -> str:
        await self._agent.on_dtmf_received(digit)
        return self.said[-1]

    async def wait(self) -> str:
        """The caller is silent for long."""
        await self._agent.on_user_away()
        return self.said[-1]
