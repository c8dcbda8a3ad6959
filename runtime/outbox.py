"""What must be done to the world: rows committed with the decision that asked for it."""

from enum import StrEnum

from runtime.tables import table


class EffectState(StrEnum):
    """Open until a reducer closes or cancels it, or dead once it has failed too often."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@table(index=(("state",), ("scope",)))
class Effect:
    """`args` is canonical JSON; effects of one `lane` are performed one after the other.

    The id is the idempotency key: whoever performs an effect again uses the same one.
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
