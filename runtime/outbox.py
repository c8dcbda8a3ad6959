"""What must be done to the world: rows committed with the decision that asked for it."""

from enum import StrEnum

from runtime.tables import table

FIRE = "runtime.fire"
"""The kind of a durable timer: what is done is to act a reducer, once, when it is due."""


class EffectState(StrEnum):
    """An effect is open until a reducer closes it, somebody cancels it, or it failed too often."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    DEAD = "dead"


@table(index=(("state",), ("scope",)))
class Effect:
    """`args` is canonical JSON; effects of one `lane` are performed one after the other.

    The id is the idempotency key: whoever performs an effect again uses the same one.
    It is not performed before `due_us`. `attempts` failed; `starts` ended with the process.
    """

    id: str
    kind: str
    scope: str | None
    lane: str
    args: str
    state: EffectState
    attempts: int
    created_us: int
    due_us: int
    reason: str | None
    starts: int = 0
