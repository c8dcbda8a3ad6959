"""The public programming model: an agent, its hooks and its tools.

Names follow LiveKit Agents where it has one. New is what durability brings: a turn that a dead
process left open is run again from its start, and whatever it had already said or done is not
said or done twice, because every step of a turn has an id.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

from consent.permit import Permit

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


class ToolError(Exception):
    """A tool says no in words that the agent can pass on."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What the caller said. Read back what is not `confident` before you act on it."""

    text_content: str
    confident: bool = True
    speaker: str = ""
    """The call of who said it, where they are joined with yours; "" for your own caller."""


SURE_PERMILLE = 200
"""An expected phrase that was heard at least in one way, and nothing else in any other."""


def message(text: str, kind: str, confidence_permille: int, speaker: str) -> ChatMessage:
    """What was heard, and whether it can be relied on: free dictation never can."""
    sure = kind == "grammar" and confidence_permille >= SURE_PERMILLE
    return ChatMessage(text, sure, speaker)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a tool is told. The same `idempotency_key` again means: this is no second order."""

    session: AgentSession
    call: str
    idempotency_key: str

    @property
    def userdata(self) -> dict[str, Any]:
        """What the agent remembers, as JSON values."""
        return self.session.userdata

    async def act(self, reducer: str | Callable[..., Any], /, **args: Any) -> Any:
        """Commit an action of your module in this call; once, however often the tool is called.

        Text for an argument that the reducer wants `Sealed` is sealed under the call's key.
        Answers the reducer's result. Raises Refused where the rules say no.
        """
        name = reducer if isinstance(reducer, str) else reducer.__name__
        return await self.session.act(reducer, request=f"{self.idempotency_key}/{name}", **args)


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """How a transfer ended, as a SIP status: 486 is busy, 603 a no, 487 a caller who left first.

    202: it was accepted, and nobody told what became of it.
    """

    status: int

    @property
    def completed(self) -> bool:
        """Whether the caller is with somebody else now, and no longer with you."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class ConsultOutcome:
    """What became of asking a colleague. `call` is the call to them."""

    call: str
    accepted: bool
    cause: str | None
    """Why nobody answered, as `parley show` has it: "busy", "no_answer"; None if they declined."""


class SpeechHandle(Protocol):
    """Words on their way to the caller; await it to wait until they were played."""

    @property
    def interrupted(self) -> bool:
        """Whether the caller cut them off."""
        ...

    @property
    def heard_ms(self) -> int:
        """How much was played, in milliseconds."""
        ...

    def __await__(self) -> Any: ...


class SecureDigits(Protocol):
    """The keys that are pressed during a secure capture."""

    async def digits(self, *, at_most: int, finish: str = "#", within_s: float = 60.0) -> str:
        """The next keys, up to `at_most` or the key `finish`, which is not among them.

        They are in memory only: pass them on, and keep them nowhere. Raises ToolError where they
        do not come in time.
        """
        ...


class AgentSession(Protocol):
    """One conversation, as the agent sees it."""

    userdata: dict[str, Any]
    """JSON values, kept with every completed turn and given back after a crash."""

    @property
    def recording(self) -> bool:
        """Whether the caller agreed to be recorded."""
        ...

    @property
    def outbound(self) -> bool:
        """Whether we called them."""
        ...

    @property
    def speaker(self) -> str:
        """The call of who spoke or pressed a key just now, as `ChatMessage.speaker` has it."""
        ...

    async def say(self, text: str, *, allow_interruptions: bool = True) -> SpeechHandle:
        """Say it; answers once the intent is on disk. Await the handle for the end of it."""
        ...

    async def interrupt(self) -> None:
        """Stop speaking."""
        ...

    async def call(self, tool: Callable[..., Awaitable[Any]], /, **args: Any) -> str:
        """Call a tool, once, whatever crashes. Raises ToolError."""
        ...

    async def act(
        self, reducer: str | Callable[..., Any], /, *, request: str | None = None, **args: Any
    ) -> Any:
        """Commit an action of your module in this call, once, whatever crashes.

        Answers the reducer's result. Raises Refused where the rules say no.
        """
        ...

    def secure_capture(self, why: str = "card data") -> AbstractAsyncContextManager[SecureDigits]:
        """While this goes on, nothing is recorded, understood or written down.

            async with self.session.secure_capture() as card:
                await self.session.say("Your card number, please, then the hash key.")
                number = await card.digits(at_most=19)

        Entering raises ToolError where the recording could not be closed.
        """
        ...

    async def dispatch(
        self, vendor: str, *, size: int, what: str = "words", model: str = "", region: str = ""
    ) -> Permit:
        """`size` bytes of what the caller said go to a vendor now: it is written down first.

        The permit makes a `VendorClient`. Raises NotPermitted where the caller has not agreed to
        this vendor, or does not any more.
        """
        ...

    async def stop_recording(self) -> None:
        """The caller asked for it in words of their own. Nobody but they can start it again.

        Raises Refused where nothing is recorded.
        """
        ...

    async def ask_again(self, why: str) -> None:
        """Who agreed to be recorded is no longer who is there, or what they agreed to is no longer
        what is done: nothing more is recorded until they were asked again.

        `why` is for the record, such as "another person" or "another language", and never what
        somebody said. It does nothing where nothing is recorded or kept.
        """
        ...

    async def hang_up(self) -> None:
        """End the call after what is being said."""
        ...

    async def hold(self) -> bool:
        """Put the other side on hold: we hear nothing of it. Answers whether it agreed."""
        ...

    async def resume(self) -> bool:
        """Go on after `hold`. Answers whether the call is no longer held by us."""
        ...

    async def transfer(self, uri: str) -> TransferOutcome:
        """Have the caller's side call `uri` instead, after what is being said; once.

        The call is over where it completed, and goes on where it did not. Raises ValueError for
        what is no SIP or tel URI.
        """
        ...

    async def transfer_to(self, call: str) -> TransferOutcome:
        """Connect the caller with whom you dialled: `call` is what `dial` answered."""
        ...

    async def consult(
        self, uri: str, *, basis: str, brief: str, context: dict[str, str] | None = None
    ) -> ConsultOutcome:
        """Ask a colleague whether they take the call, while the caller hears music.

        They are called, told `brief`, and answer by key or word. `context` is for their eyes: it
        is kept sealed with the call. Where they accept, all three of you are joined: introduce
        them, then `leave`. Raises Refused as `dial` does.
        """
        ...

    async def leave(self) -> None:
        """Leave the caller with whom they are joined to, after what is being said, for good."""
        ...

    async def brief(self) -> str:
        """What the colleague whom you called is to be told; for the agent on their line."""
        ...

    async def answer_consultation(self, accepted: bool) -> None:
        """The colleague on this line takes the call they were asked about, or does not."""
        ...

    async def supervise(self, part: str) -> None:
        """The supervisor on this line "listens", "whispers" or "barges" from now on."""
        ...

    async def press(self, keys: str) -> None:
        """Press keys such as "123#", after what is being said, at most once.

        Raises ToolError where a crash leaves it unknown whether they were pressed.
        """
        ...

    async def dial(self, uri: str, *, basis: str) -> str:
        """Call somebody, with an agent of their own; answers the id of that call at once.

        `basis` is why they may be called (see `parley dial`). Raises Refused without one that
        holds now and is about them.
        """
        ...

    async def picked_up(self, call: str) -> bool:
        """Wait until whom you dialled has answered; False where they did not."""
        ...


class Agent:
    """Who answers the phone. Subclass it, override the hooks."""

    instructions: str = ""
    """For a language model."""
    greeting: str = ""
    """Said first, before the question about recording."""

    def __init__(self) -> None:
        self._session: AgentSession | None = None

    @property
    def session(self) -> AgentSession:
        """The conversation. Raises RuntimeError outside of one."""
        if self._session is None:
            raise RuntimeError("an agent has a session only while it is in a call")
        return self._session

    @session.setter
    def session(self, session: AgentSession) -> None:
        self._session = session

    def expects(self) -> tuple[str, ...]:
        """The phrases that are likely next: they are recognised fast and fairly well.

        All else is free dictation, slow and often wrong with the embedded engine.
        """
        return ()

    async def on_enter(self) -> None:
        """The conversation begins."""

    async def on_user_turn_completed(self, new_message: ChatMessage) -> None:
        """The caller said something."""

    async def on_dtmf_received(self, digit: str) -> None:
        """The caller pressed a key."""

    async def on_user_away(self) -> None:
        """Nothing was said for a while. Unless overridden, the call ends."""
        await self.session.hang_up()

    async def on_transfer_requested(self, uri: str) -> str | None:
        """The other side asks you to call `uri`, and to let them go once somebody is there.

        Answer the basis on which they may be called. None declines, and so it is unless
        overridden: whoever calls has no say in whom you call.
        """
        return None

    async def on_exit(self) -> None:
        """The caller has gone; nobody hears what is said now."""


@overload
def function_tool(function: F, /) -> F: ...
@overload
def function_tool(*, idempotent: bool = False) -> Callable[[F], F]: ...
def function_tool(
    function: F | None = None, /, *, idempotent: bool = False
) -> F | Callable[[F], F]:
    """Make a method a tool of the agent.

    `idempotent=True` promises that calling it twice under one `RunContext.idempotency_key` is
    calling it once; such a tool is called again after a crash. Any other is called at most
    once: where a crash leaves its outcome unknown, the agent gets a ToolError that says so.
    """

    def mark(tool: F) -> F:
        is_async = inspect.iscoroutinefunction(tool)
        if not is_async:
            raise TypeError(f"{tool.__name__} must be an async function to be a tool")
        setattr(tool, TOOL, Tool(tool.__name__, idempotent, inspect.getdoc(tool) or ""))
        return tool

    return mark if function is None else mark(function)


TOOL = "__parley_tool__"


@dataclass(frozen=True, slots=True)
class Tool:
    """What is known of a tool."""

    name: str
    idempotent: bool
    description: str


def tool_of(function: Callable[..., Any]) -> Tool:
    """The tool that a method is. Raises TypeError for one that is not marked."""
    found = getattr(function, TOOL, None)
    if not isinstance(found, Tool):
        raise TypeError(f"{function.__name__} is not a tool: mark it with @function_tool")
    return found
