"""What the agent says, does and remembers, as rows."""

from enum import StrEnum

from runtime import Sealed, table


class UtteranceState(StrEnum):
    """Planned words are an intent; ended ones were played up to `played_ms`."""

    PLANNED = "planned"
    ENDED = "ended"


@table(name="utterance", index=(("call",),))
class Utterance:
    """Words the agent is to say. The id is the same when its turn is run again."""

    id: str
    call: str
    text: Sealed[str]
    interruptible: bool
    state: UtteranceState
    played_ms: int
    total_ms: int
    interrupted: bool
    planned_us: int
    ended_us: int | None


class ActionState(StrEnum):
    """`UNKNOWN`: started, then the process died, and the tool must not be called twice."""

    PROPOSED = "proposed"
    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    UNKNOWN = "unknown"


@table(name="action", index=(("call",),))
class Action:
    """A tool call. The id is its idempotency key, the same when its turn is run again."""

    id: str
    call: str
    tool: str
    idempotent: bool
    args: Sealed[str]
    state: ActionState
    result: Sealed[str] | None
    proposed_us: int
    finished_us: int | None


@table(name="turn", index=(("call",),))
class Turn:
    """One piece of the agent's work: entering, or an answer to what the caller did.

    `cause` is "enter", "heard", "dtmf" or "silence"; `segment` names the words it answers, where
    they may be kept; `digit` is the key that was pressed.
    """

    id: str
    call: str
    cause: str
    segment: str | None
    began_us: int
    completed_us: int | None
    failure: str | None
    speaker: str = ""
    """The call of who caused it, where that is another one, joined with this."""
    digit: Sealed[str] | None = None


@table(name="memory")
class Memory:
    """What the agent knows after its last completed turn: its `userdata`, as JSON."""

    id: str
    userdata: Sealed[str]
