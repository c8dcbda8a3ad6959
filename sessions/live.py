"""One live call, as far as it lives in memory: nothing here is missed after a crash.

What is waited for, where playout stands, words that may not be kept. All else is rows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conversation.agent import Agent, ChatMessage
from conversation.speech.engines import Speech
from conversation.tables import Utterance
from sessions.quarantine import Quarantine
from telephony.bridge import Presence
from transcripts.redaction.keeping import Keeping, Kept


@dataclass(frozen=True, slots=True)
class Played:
    """How playout ended."""

    played_ms: int
    total_ms: int
    interrupted: bool
    at_us: int = 0
    """When, by the clock of the media process; 0 where it did not say."""


@dataclass(slots=True)
class Playing:
    """Words under way. Kept so that a new media process can go on where the old one died."""

    speech: Speech
    interruptible: bool
    ended: asyncio.Future[Played]
    position_ms: int = 0
    progress: Callable[[int], None] | None = None

    def cut_off(self) -> None:
        """Whoever waits for its end gets what there was."""
        if not self.ended.done():
            self.ended.set_result(Played(self.position_ms, self.speech.duration_ms, True))


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(frozen=True, slots=True)
class Referral:
    """Whom the other side asks us to call, and the Replaces header it shall have, or ""."""

    uri: str
    replaces: str


@dataclass(slots=True)
class LiveCall:
    """The memory of one call."""

    id: str
    words_key: str
    agent: Agent
    is_outbound: bool = False
    """Whether we called."""
    referral: Referral | None = None
    """A request to call somebody which the agent has not looked at yet."""
    has_rung: bool = False
    """Whether it rang there: many say so more than once."""
    playing: dict[str, Playing] = field(default_factory=dict[str, Playing])
    spoken: dict[str, asyncio.Future[Utterance]] = field(
        default_factory=dict[str, "asyncio.Future[Utterance]"]
    )
    acted: dict[str, asyncio.Future[None]] = field(
        default_factory=dict[str, "asyncio.Future[None]"]
    )
    """Tool calls that are waited for."""
    dialled: dict[str, asyncio.Future[None]] = field(
        default_factory=dict[str, "asyncio.Future[None]"]
    )
    """Orders to call somebody, by their call, whose end is waited for."""
    heard: dict[str, asyncio.Future[ChatMessage]] = field(
        default_factory=dict[str, "asyncio.Future[ChatMessage]"]
    )
    keeping: Keeping = field(default_factory=Keeping)
    """What the party said that may yet turn out to be a card number."""
    quarantine: Quarantine = field(default_factory=Quarantine)
    """Audio that may not be kept yet."""
    drafts: dict[str, Any] = field(default_factory=dict[str, Any])
    """Utterances that are held back, by their id: each a `sessions.keeping.Draft`."""
    late: dict[str, Kept] = field(default_factory=dict[str, Kept])
    """What was kept, and turned out to be part of a number afterwards."""
    clear: dict[str, str] = field(default_factory=dict[str, str])
    """Words and arguments of the agent's as they were, of which the rows have less."""
    unacknowledged: dict[str, str] = field(default_factory=dict[str, str])
    """Turn -> the media event that caused it, acknowledged when the turn is completed."""
    measured: asyncio.Event = field(default_factory=asyncio.Event)
    """Its leg is closed, and what its media was like is a row."""
    completed: set[str] = field(default_factory=set[str])
    """Turns that are done."""
    held_key: tuple[str, str | None] | None = None
    """A key pressed while the question was still being asked, and its media event."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    gate_closed: asyncio.Event = field(default_factory=_set_event)
    """Unset from the moment that the media process is told to open a gate."""
    unrecorded_since_us: int = 0
    """When its gate was lost, 0 while pieces of audio come through one."""
    turns_open: int = 0
    turns_idle: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None
    presence: Presence = Presence.PRESENT
    """Of this call's agent: in a bridge that another call leads, it is gone."""
    words_to: str | None = None
    """The call whose agent is told what the party says; none where nobody is."""
    keys_to: str | None = None
    """The same for keys."""
    is_joined: bool = False
    """Whether it is in a bridge."""
    music: bool | None = None
    """Whether the party hears music; none where that is not known any more."""
    recording: bool = False
    """Whether the caller agreed to it."""
    reoffer: asyncio.Future[bool] | None = None
    """Whether the other side agreed to our last offer within the call."""
    paused: dict[str, asyncio.Future[None]] = field(
        default_factory=dict[str, "asyncio.Future[None]"]
    )
    """Pauses that are waited for."""
    capture: asyncio.Queue[str] | None = None
    """Where keys go while card data are entered."""
    secrets: set[str] = field(default_factory=set[str])
    """What was entered then: it is cut out of all that is kept of the agent's."""
    keys: tuple[str, int] = ("", 0)
    """The key that was pressed last, and when."""
    past_asked_until_us: int = 0
    """Until then a key answers whether what was recorded shall be erased."""
    question: str | None = None
    """The utterance of the question that is asked, until it is answered."""
    answer_s: float = 0.0
    """How long its answer is waited for."""

    def __post_init__(self) -> None:
        self.words_to = self.keys_to = self.id

    def end(self) -> None:
        """The line is closed: whoever waits for sound gets what there was."""
        self.ended.set()
        self.disarm()
        if self.reoffer is not None and not self.reoffer.done():
            self.reoffer.set_result(False)
        for paused in self.paused.values():
            if not paused.done():
                paused.set_result(None)
        self.hush()

    def hush(self) -> None:
        """Whoever waits for sound gets what there was."""
        for playing in self.playing.values():
            playing.cut_off()

    def disarm(self) -> None:
        """Forget the timer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
