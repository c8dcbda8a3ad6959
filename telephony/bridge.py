"""Calls joined: who is in it, as what, and who hears whom. Rows and rules; no media in sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from runtime import table

MEMBERS_MAX = 8
"""Of one bridge, supervisors included."""


class Part(StrEnum):
    """As what a call is in a bridge."""

    TALKS = "talks"
    """Hears all who talk, and is heard by all."""
    HELD = "held"
    """Hears music, and is heard by nobody."""
    LISTENS = "listens"
    """A supervisor who hears all who talk, and is heard by nobody."""
    WHISPERS = "whispers"
    """A supervisor who hears all who talk, and is heard by the one who is coached."""
    BARGES = "barges"
    """A supervisor who hears all who talk, and is heard by all."""


SPEAKS = (Part.TALKS, Part.BARGES)
"""Those who are heard by all."""

SUPERVISES = (Part.LISTENS, Part.WHISPERS, Part.BARGES)

HEARD = (*SPEAKS, Part.WHISPERS)
"""Those whose voice somebody else hears: their consent counts."""


class Presence(StrEnum):
    """Of the agent, in a bridge that its call leads."""

    PRESENT = "present"
    MUTED = "muted"
    """It hears, and what it says is not played."""
    GONE = "gone"
    """It neither hears nor speaks, and does not come back."""


class What(StrEnum):
    """Whose sound: the voice of a call's party, or what is played to that party by its agent."""

    VOICE = "voice"
    AGENT = "agent"


@table(name="bridge", index=(("call",),))
class Bridge:
    """Calls that are joined. `call` leads it: its agent is in the bridge, as `agent` says."""

    id: str
    call: str
    agent: Presence
    opened_us: int
    closed_us: int | None


@table(name="member", index=(("bridge",), ("call",)))
class Member:
    """One call in one bridge. `coached` is the call whose party a whisperer is heard by."""

    id: str
    bridge: str
    call: str
    part: Part
    coached: str | None
    joined_us: int
    left_us: int | None
    since_us: int = 0
    """Since when it has this part."""
    is_asked: bool = False
    """Whether the house asks them something: that is between the two, and they are with nobody."""
    is_private: bool = False
    """Whether no supervisor may hear them: they have not agreed to it, or key in a card number."""


@table(name="hearing", index=(("bridge",), ("listener",)))
class Hearing:
    """That the party of one call hears a sound of another, now: gone when it is not so any more."""

    id: str
    bridge: str
    listener: str
    source: str
    what: What
    since_us: int


@dataclass(frozen=True, slots=True)
class Heard:
    """`listener` hears this sound of `source`; both are calls."""

    listener: str
    source: str
    what: What


def hearing(bridge: Bridge, members: Iterable[Member]) -> list[Heard]:
    """Who hears whom. Nobody hears themselves; who is held or asked something hears nobody; who
    supervises hears nobody who may not be listened to."""
    here = [member for member in members if member.left_us is None and not member.is_asked]
    listeners = [member.call for member in here if member.part is not Part.HELD]
    speakers = [member.call for member in here if member.part in SPEAKS]
    supervisors = [member.call for member in here if member.part in SUPERVISES]
    private = [member.call for member in here if member.is_private]
    heard = [
        Heard(listener, speaker, What.VOICE)
        for listener in listeners
        for speaker in speakers
        if listener != speaker and not (listener in supervisors and speaker in private)
    ]
    heard += [
        Heard(member.coached, member.call, What.VOICE)
        for member in here
        if member.part is Part.WHISPERS
        and member.coached is not None
        and member.coached in speakers
    ]
    if bridge.agent is Presence.PRESENT and bridge.call in listeners:
        others = [listener for listener in listeners if listener != bridge.call]
        heard += [Heard(listener, bridge.call, What.AGENT) for listener in others]
    return heard


def is_attended(bridge: Bridge, member: Member) -> bool:
    """Whether the agent hears this member: one who is heard by all, while there is an agent."""
    return bridge.agent is not Presence.GONE and member.part in SPEAKS


def refusal(members: Sequence[Member], call: str, part: Part, coached: str | None) -> str | None:
    """Why a call cannot take this part beside the other members; none where it can."""
    others = [one for one in members if one.left_us is None and one.call != call]
    if len(others) >= MEMBERS_MAX:
        return f"a bridge has at most {MEMBERS_MAX} members"
    if (part is Part.WHISPERS) != (coached is not None):
        return "a whisperer, and nobody else, names the call that is coached"
    if coached is not None and not any(o.call == coached and o.part in SPEAKS for o in others):
        return f"{coached} does not talk in this bridge, and cannot be coached"
    return None


def may_record(parts: Iterable[tuple[Part, bool]]) -> bool:
    """Whether recording may go on, given each member's part and whether its party agreed.

    Everybody who is heard must have agreed; one who is held or only listens is on no recording.
    """
    return all(agreed for part, agreed in parts if part in HEARD)
